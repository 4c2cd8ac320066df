"""Scatters of numbers, fills and counts, by those that torch-mlir has: some others end its process."""

from .kept import scan


def forms():
    import torch

    aten = torch.ops.aten

    def from_front(operation):
        """The operation with its dimension counted from the front: torch-mlir may end at one below zero."""

        def form(x, dim, *others, **named):
            return operation(x, dim % x.dim(), *others, **named) if dim < 0 and x.dim() else NotImplemented

        return form

    def scatter_value(x, dim, at, value):
        values = torch.full(at.shape, value, dtype=x.dtype, device=x.device)
        return aten.scatter.src(x, dim % max(x.dim(), 1), at, values)

    def scatter_reduced(x, dim, at, source, *, reduce):
        kind = {"add": "sum", "multiply": "prod"}[reduce]
        return aten.scatter_reduce.two(x, dim % max(x.dim(), 1), at, source.to(x.dtype), kind)

    def scatter_value_reduced(x, dim, at, value, *, reduce):
        values = torch.full(at.shape, value, dtype=x.dtype, device=x.device)
        return scatter_reduced(x, dim, at, values, reduce=reduce)

    def fill(x, dim, at, value):
        if x.dim() == 0:
            return torch.full_like(x, value)
        mark = torch.zeros([x.shape[dim]], dtype=torch.bool, device=x.device)
        true = torch.ones(at.shape, dtype=torch.bool, device=x.device)
        mark = aten.index_put.default(mark, [at], true)
        return torch.where(mark.view([-1, *[1] * (x.dim() - dim % x.dim() - 1)]), value, x)

    def masked_scatter(x, mask, source):
        """The elements of the source, one after the other, where the mask is true."""
        x, mask = torch.broadcast_tensors(x, mask)
        # The source may be empty: what is not taken is another element.
        number = scan(mask.flatten().long(), 0, "add")
        source = torch.cat([source.new_zeros([1]), source.flatten()])
        taken = aten.index.Tensor(source, [torch.where(mask.flatten(), number, 0)])
        return torch.where(mask, taken.view(x.shape), x)

    def histogram(x, bins=100, min=0, max=0):
        if min == max:
            return NotImplemented
        at = ((x - min) * (bins / (max - min))).floor().clamp(max=bins - 1)
        inside = ((x >= min) & (x <= max)).flatten()[:, None]
        counted = (at.flatten()[:, None] == torch.arange(bins, device=x.device)) & inside
        return counted.sum(0).to(x.dtype)

    def search(row, x, *, out_int32=False, right=False, side=None, sorter=None):
        if row.dim() != 1 or sorter is not None:
            return NotImplemented
        below = row <= x[..., None] if right or side == "right" else row < x[..., None]
        return below.sum(-1).to(torch.int32 if out_int32 else torch.int64)

    def bucket(x, row, *, out_int32=False, right=False):
        return search(row, x, out_int32=out_int32, right=right)

    return {
        aten.scatter.value: scatter_value,
        aten.scatter.reduce: scatter_reduced,
        aten.scatter.value_reduce: scatter_value_reduced,
        aten.scatter.src: from_front(aten.scatter.src),
        aten.scatter_add.default: from_front(aten.scatter_add.default),
        aten.scatter_reduce.two: from_front(aten.scatter_reduce.two),
        aten.gather.default: from_front(aten.gather.default),
        aten.index_fill.int_Scalar: fill,
        aten.masked_scatter.default: masked_scatter,
        aten.histc.default: histogram,
        aten.searchsorted.Tensor: search,
        aten.bucketize.Tensor: bucket,
    }
