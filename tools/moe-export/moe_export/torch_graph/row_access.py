"""Listed rows that are read from a tensor and written to one."""

from .rows import Count, Listed, is_unbacked


def size(value, dim):
    return Count(value.rows) if dim % value.rank == value.dim else value.parts[0].shape[dim]


def numel(value):
    return Count(value.rows) if value.rank == 1 else NotImplemented


def _components(tensor, indices):
    """The first dimension that rows index and their positions, if they do so one after the other."""
    at = next((place for place, index in enumerate(indices) if index is not None), None)
    given = indices[at:] if at is not None else []
    if isinstance(tensor, Listed) or not all(isinstance(i, Listed) and i.component is not None for i in given):
        return None, None, None
    rows, axes = given[0].rows, [index.component for index in given]
    sizes = [tensor.shape[at + place] == rows.mask.shape[axis] for place, axis in enumerate(axes)]
    if len(set(axes)) < len(axes) or not all(size is True or _known(size) for size in sizes):
        return None, None, None
    return at, rows, axes


def _known(condition):
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    return statically_known_true(condition)


def index(x, indices):
    at, rows, axes = _components(x, indices)
    if rows is None:
        return NotImplemented
    if rows.slots is None:
        if len(axes) == 1 == rows.mask.dim():
            return Listed(rows, [x], at)
        if axes == list(range(rows.mask.dim())):
            return Listed(rows, [x.flatten(at, at + len(axes) - 1)], at)
        return NotImplemented
    if axes == [1 - rows.slots]:
        return Listed(rows, [x] * len(rows.marks), at)
    slots = at + axes.index(rows.slots)
    parts = [x.select(slots, slot) for slot in range(len(rows.marks))]
    if len(axes) == 1:
        # The same for each row.
        sizes = [-1] * x.dim()
        parts = [part.unsqueeze(at).expand([*sizes[:at], rows.count, *sizes[at + 1 :]]) for part in parts]
    return Listed(rows, parts, at)


def index_select(x, dim, at):
    return NotImplemented if isinstance(x, Listed) else index(x, [*[None] * (dim % x.dim()), at])


def index_copy(y, dim, at, v):
    return NotImplemented if isinstance(y, Listed) else index_put(y, [*[None] * (dim % y.dim()), at], v)


def _marks(rows, dim, rank):
    """The masks of the slots, for tensors of a rank whose rows lie along a dimension."""
    return [mark[(..., *[None] * (rank - dim - 1))] for mark in rows.marks]


def _values(v, rows, dim, rank):
    """What is written for each slot, or None: listed rows that lie along a dimension, or the same for all."""
    if not isinstance(v, Listed):
        sizes = v.shape if hasattr(v, "shape") else []
        return None if any(map(is_unbacked, sizes)) else [v] * len(rows.marks)
    held = v.rank
    return v.parts if v.rows is rows and v.dim - held == dim - rank else None


def index_add(y, dim, at, v, alpha=1):
    import torch

    if isinstance(y, Listed) or not isinstance(v, Listed):
        return NotImplemented
    dim %= y.dim()
    _, rows, axes = _components(y, [*[None] * dim, at])
    if rows is None or len(axes) != 1 or (rows.slots is None and rows.mask.dim() > 1) or axes == [rows.slots]:
        return NotImplemented
    parts = _values(v, rows, dim, y.dim())
    if parts is None or not isinstance(alpha, (int, float)):
        return NotImplemented
    if alpha != 1:
        parts = [part * alpha for part in parts]
    return y + _total(rows, parts, _marks(rows, dim, y.dim()))


def _total(rows, parts, marks):
    """The sum of what the slots add. That it is zero where no slot is marked stands outside, for all to see."""
    import torch

    zero = torch.zeros([], dtype=parts[0].dtype, device=parts[0].device)
    if len(marks) == 1:
        return torch.where(marks[0], parts[0], zero)
    total = chosen = None
    for mark, part in zip(marks, parts):
        term = torch.where(mark, part, zero)
        total = term if total is None else total + term
        chosen = mark if chosen is None else chosen | mark
    return torch.where(chosen, total, zero)


def index_put(y, indices, v, accumulate=False):
    import torch

    at, rows, axes = _components(y, indices)
    if rows is None:
        return NotImplemented
    whole = axes == list(range(rows.mask.dim()))
    if rows.slots is None and not whole:
        return NotImplemented
    if rows.slots is None and len(axes) > 1:
        flat = y.flatten(at, at + len(axes) - 1)
        parts = _values(v, rows, at, flat.dim())
        return NotImplemented if parts is None else _put(flat, parts[0], rows, at, accumulate).view(y.shape)
    if len(axes) == 1:
        if axes == [rows.slots]:
            return NotImplemented
        parts = _values(v, rows, at, y.dim())
        if parts is None:
            return NotImplemented
        if accumulate:
            return y + _total(rows, parts, _marks(rows, at, y.dim()))
        for mark, part in zip(_marks(rows, at, y.dim()), parts):
            y = torch.where(mark, part, y)
        return y
    slots = at + axes.index(rows.slots)
    parts = _values(v, rows, at, y.dim() - 1)
    if parts is None:
        return NotImplemented
    marks = _marks(rows, at, y.dim() - 1)
    columns = []
    for slot, (mark, part) in enumerate(zip(marks, parts)):
        old = y.select(slots, slot)
        columns.append(torch.where(mark, old + part if accumulate else part, old))
    return torch.stack(columns, slots)


def masked_scatter(y, mask, v):
    """Of a mask that is the same for all of a row."""
    import torch

    if isinstance(y, Listed) or not isinstance(v, Listed) or (v.dim, v.rank) != (0, y.dim()) or mask.dim() != y.dim():
        return NotImplemented
    same = all(_known(ours == theirs) for ours, theirs in zip(v.parts[0].shape, y.shape))
    return torch.where(mask, v.parts[0], y) if same else NotImplemented


def _put(y, v, rows, dim, accumulate):
    import torch

    (mark,) = _marks(rows, dim, y.dim())
    return y + _total(rows, [v], [mark]) if accumulate else torch.where(mark, v, y)
