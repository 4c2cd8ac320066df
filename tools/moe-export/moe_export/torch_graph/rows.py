"""Listed rows of a graph and what is computed of them: a mask over all rows, and values for all rows."""

from .kept import operations

# A mask with more elements along its shorter dimension is flattened.
_MOST_SLOTS = 16


class Rows:
    """The places where a mask is true, in order."""

    def __init__(self, mask):
        import torch

        self.mask, self.lengths, self._places = mask, [], None
        few = [axis for axis, size in enumerate(mask.shape) if isinstance(size, int) and 0 < size <= _MOST_SLOTS]
        # The dimension of slots, if there is one; the other is that of the rows.
        self.slots = min(few, key=lambda axis: mask.shape[axis]) if mask.dim() == 2 and few else None
        if self.slots is not None:
            self.marks = list(torch.unbind(mask, self.slots))
        else:
            self.marks = [mask if mask.dim() == 1 else mask.flatten()]
        self.count = self.marks[0].shape[0]

    def places(self):
        """The list itself: positions in the flat mask."""
        if self._places is None:
            self._places = operations().nonzero(self.mask.flatten())
        return self._places

    def is_length(self, size):
        """Whether a size of the program is the number of these rows."""
        import torch

        return isinstance(size, torch.SymInt) and any(size.node.expr == own.node.expr for own in self.lengths)

    def component(self, axis):
        """The positions along a dimension of the mask."""
        import torch

        arange = torch.ops.aten.arange.default
        device = self.mask.device
        if self.slots is None:
            numbers = arange(self.mask.shape[axis], device=device)
            rest = [1] * (self.mask.dim() - axis - 1)
            parts = [numbers.view([-1, *rest]).expand(self.mask.shape).flatten()]
        elif axis == self.slots:
            parts = [torch.full([self.count], slot, device=device) for slot in range(len(self.marks))]
        else:
            parts = [arange(self.count, device=device)] * len(self.marks)
        return Listed(self, parts, 0, component=axis)


class Listed:
    """A tensor with a dimension of listed rows: for each slot a tensor for all rows.

    component: if these are the positions along a dimension of the mask, which one."""

    def __init__(self, rows, parts, dim, component=None):
        self.rows, self.parts, self.dim, self.component, self._real = rows, parts, dim, component, None

    @property
    def rank(self):
        return self.parts[0].dim()

    def real(self):
        """The tensor of the program."""
        import torch

        if self.component is not None and self.rows.mask.dim() == 1:
            return self.rows.places()
        if self._real is None:
            every = self.parts[0]
            if len(self.parts) > 1:
                every = torch.stack(self.parts, self.dim + self.rows.slots).flatten(self.dim, self.dim + 1)
            self._real = every.index_select(self.dim, self.rows.places())
        return self._real


class Count:
    """The number of listed rows."""

    def __init__(self, rows):
        self.rows = rows

    def real(self):
        return self.rows.places().shape[0]


class Positions(Listed):
    """What nonzero gives: a row of positions for each place."""

    def __init__(self, rows, columns):
        import torch

        parts = [torch.stack(each, 1) for each in zip(*(column.parts for column in columns))]
        super().__init__(rows, parts, 0)
        self.columns = columns


def real(value):
    """A tree of values with the program's own tensors and numbers in place of lists."""
    from torch.utils._pytree import tree_map

    return tree_map(lambda leaf: leaf.real() if isinstance(leaf, (Listed, Count)) else leaf, value)


def lists_of(value):
    from torch.utils._pytree import tree_leaves

    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Listed)]


def is_unbacked(size):
    """Whether a size is known only while the program runs."""
    import torch
    from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

    return isinstance(size, torch.SymInt) and bool(free_unbacked_symbols(size))
