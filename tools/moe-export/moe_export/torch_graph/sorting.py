"""Sorts, running sums and the like: torch-mlir has some of a vector, none that keeps the order of what is equal."""

from .kept import operations, scan


def forms():
    import torch

    aten = torch.ops.aten

    def top_k(x, k, dim=-1, largest=True, sorted=True):
        # torch-mlir has only a sorted top-k; an unsorted one may come in any order.
        return NotImplemented if sorted else aten.topk.default(x, k, dim, largest, True)

    def sort(x, dim=-1, descending=False):
        if x.dim() == 0:
            return x.clone(), torch.zeros_like(x, dtype=torch.int64)
        return operations().sort(x, dim % x.dim(), descending)

    def stable(x, *, stable=None, dim=-1, descending=False):
        return sort(x, dim, descending)

    def positions(x, dim=-1, descending=False):
        return sort(x, dim, descending)[1]

    def stable_positions(x, *, stable, dim=-1, descending=False):
        return sort(x, dim, descending)[1]

    def running(kind):
        """Sums and products."""

        def form(x, dim, *, dtype=None):
            if dtype is None:
                dtype = x.dtype if x.dtype.is_floating_point else torch.int64
            x = x.to(dtype)
            if x.dim() == 0:
                return x
            # PyTorch computes numbers of two bytes in those of four.
            wide = torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
            return scan(x.to(wide), dim % x.dim(), kind).to(dtype)

        return form

    def extremes(kind):
        """The greatest or least so far, and where the last of them stands."""

        def form(x, dim):
            if x.dim() == 0 or x.dtype in (torch.bool, torch.uint8):
                return NotImplemented
            dim %= x.dim()
            values = scan(x, dim, kind)
            positions = torch.arange(x.shape[dim], device=x.device).view([-1, *[1] * (x.dim() - dim - 1)])
            # What is not equal to itself is NaN, of which each is a new one.
            here = torch.where((x == values) | (x != x), positions, 0)
            return values, scan(here, dim, "max")

        return form

    return {
        aten.topk.default: top_k,
        aten.sort.default: sort,
        aten.sort.stable: stable,
        aten.argsort.default: positions,
        aten.argsort.stable: stable_positions,
        aten.cumsum.default: running("add"),
        aten.cumprod.default: running("mul"),
        aten.cummax.default: extremes("max"),
        aten.cummin.default: extremes("min"),
    }
