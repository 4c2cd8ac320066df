"""Positions in tensors."""

from .kept import operations


def forms():
    import torch

    aten = torch.ops.aten

    def nonzero(x):
        """Row by row, the positions of what is not zero."""
        mask = x if x.dtype == torch.bool else x != 0
        flat = operations().nonzero(mask.flatten())
        columns = []
        for size in reversed(x.shape[1:]):
            columns.append(flat % size)
            flat = torch.div(flat, size, rounding_mode="floor")
        return torch.stack([flat, *reversed(columns)][: x.dim()], 1)

    def nonzero_columns(x):
        return list(torch.unbind(nonzero(x), 1))

    def split(x, indices):
        """The dimensions that are indexed, the others, and positions of one shape."""
        given = [axis for axis, at in enumerate(indices) if at is not None]
        whole = [axis for axis in range(x.dim()) if axis not in given]
        return given, whole, list(torch.broadcast_tensors(*(indices[axis].long() for axis in given)))

    def order(given, whole, rank):
        """Where the dimensions of x[...] lie among those of the positions and the whole ones behind them."""
        before = given[0] if given == list(range(given[0], given[-1] + 1)) else 0
        return [*range(rank, rank + before), *range(rank), *range(rank + before, rank + len(whole))]

    def is_mask(indices):
        return any(at is not None and at.dtype in (torch.bool, torch.uint8) for at in indices)

    def index(x, indices):
        if sum(at is not None for at in indices) < 2 or is_mask(indices):
            return NotImplemented
        given, whole, at = split(x, indices)
        made = operations().index(x.permute([*given, *whole]).contiguous(), at)
        return made.permute(order(given, whole, at[0].dim()))

    def put(x, indices, values, add=False, wrap=True):
        if is_mask(indices):
            return NotImplemented
        given, whole, at = split(x, indices)
        place = order(given, whole, at[0].dim())
        shape = [*at[0].shape, *(x.shape[axis] for axis in whole)]
        values = values.to(x.dtype).expand([shape[axis] for axis in place]).permute(inverse(place)).contiguous()
        axes = [*given, *whole]
        return operations().put(x.permute(axes).contiguous(), at, values, add, wrap).permute(inverse(axes))

    def inverse(axes):
        return [axes.index(axis) for axis in range(len(axes))]

    def add(x, dim, at, values, *, alpha=1):
        values = values if alpha == 1 else values * alpha
        return put(x, [*[None] * (dim % x.dim()), at], values, add=True, wrap=False)

    def copy(x, dim, at, values):
        return put(x, [*[None] * (dim % x.dim()), at], values, wrap=False)

    return {
        aten.nonzero.default: nonzero,
        aten.nonzero_numpy.default: nonzero_columns,
        aten.where.default: nonzero_columns,
        aten.argwhere.default: nonzero,
        aten.index.Tensor: index,
        aten.index_put.default: put,
        aten._unsafe_index_put.default: put,
        aten.index_add.default: add,
        aten.index_copy.default: copy,
    }
