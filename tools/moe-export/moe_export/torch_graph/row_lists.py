"""Rows that a module lists itself, `rows = where(chosen == e)`, `x[mask]`, as masks over all rows.

torch.export gives a list a length that is known only while running. What is computed of such a list row by row is
computed for all rows here; where it is put back, `y.index_add_(0, rows, v)`, `y[mask] = v`, the mask chooses. The rows
that are not listed hold values that nobody reads. What is no such computation gets the list itself.

A mask of two dimensions, of which one has few elements (token, slot), lists pairs. A value of a pair often depends
on its token alone: it is held as one tensor for each slot, which are one and the same tensor then.
"""

import operator

from . import row_access, row_wise
from .rows import Count, Listed, Positions, Rows, is_unbacked, lists_of, real


class RowLists:
    """The lists of a graph.

    otherwise(target, args, kwargs): computes a call without lists."""

    def __init__(self, otherwise):
        self._otherwise = otherwise
        self._numbers, self._known, self._rows = {}, {}, {}

    def call(self, node, args, kwargs):
        """The value of a call; it may be lists."""
        import torch
        from torch.utils._pytree import tree_leaves

        aten = torch.ops.aten
        if node.target in (aten.index.Tensor, aten.index_put.default):
            args = (args[0], self._indices(node, args[1]), *args[2:])
        leaves = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, (Listed, Count))]
        if not leaves:
            result = self._source(node, args)
            return self._otherwise(node.target, args, kwargs) if result is NotImplemented else result
        if node.target is operator.getitem and isinstance(args[0], (list, tuple)):
            return args[0][args[1]]
        if _is_check(node):
            return leaves[0]
        checks = ("_assert_scalar", "sym_constrain_range", "sym_constrain_range_for_size")
        if node.target in [getattr(aten, name).default for name in checks]:
            return None
        if any(leaf.rows is not leaves[0].rows for leaf in leaves):
            return self._otherwise(node.target, *real((args, kwargs)))
        access = {
            aten.sym_size.int: row_access.size,
            aten.sym_numel.default: row_access.numel,
            aten.index.Tensor: row_access.index,
            aten.index_select.default: row_access.index_select,
            aten.index_add.default: row_access.index_add,
            aten.index_put.default: row_access.index_put,
            aten.index_copy.default: row_access.index_copy,
        }.get(node.target)
        if node.target is aten.masked_scatter.default:
            access = row_access.masked_scatter if self._is_mask_of_rows(node.args[1], leaves[0].rows) else None
        result = access(*args, **kwargs) if access else _of_positions(node, args)
        if result is NotImplemented:
            result = self._by_rows(node, args, kwargs, leaves[0].rows)
        return self._otherwise(node.target, *real((args, kwargs))) if result is NotImplemented else result

    def _source(self, node, args):
        """The first use of a mask."""
        import torch

        aten = torch.ops.aten
        if node.target in (aten.where.default, aten.nonzero_numpy.default, aten.nonzero.default, aten.argwhere.default):
            rows = self._rows_of(node.args[0], args[0], node)
            columns = [rows.component(axis) for axis in range(rows.mask.dim())]
            whole = node.target in (aten.nonzero.default, aten.argwhere.default)
            return Positions(rows, columns) if whole else columns
        if node.target is aten.masked_select.default and args[0].shape == args[1].shape:
            rows = self._rows_of(node.args[1], args[1], node)
            return row_access.index(args[0], [rows.component(axis) for axis in range(args[1].dim())])
        return NotImplemented

    def _indices(self, node, indices):
        """Indices with the positions that a mask lists in its place."""
        import torch

        masks = [(at, mask) for at, mask in enumerate(indices) if isinstance(mask, torch.Tensor)]
        # From the last one, for the places of those before to stay.
        for at, mask in reversed([each for each in masks if each[1].dtype == torch.bool]):
            rows = self._rows_of(node.args[1][at], mask, node)
            indices = [*indices[:at], *(rows.component(axis) for axis in range(mask.dim())), *indices[at + 1 :]]
        return indices

    def _rows_of(self, argument, mask, node):
        """The rows of a mask; equal masks have the same ones, however often the program computes them."""
        import torch

        if mask.dim() == 0:
            mask = mask.unsqueeze(0)
        key = self._number(argument)
        if key not in self._rows:
            self._rows[key] = Rows(mask if mask.dtype == torch.bool else mask != 0)
        rows = self._rows[key]
        for value in _tensors(node.meta["val"]):
            rows.lengths += [size for size in value.shape if is_unbacked(size)]
        return rows

    def _is_mask_of_rows(self, node, rows):
        """Whether this is the mask of rows, the same along further dimensions behind it."""
        import torch

        aten = torch.ops.aten
        while True:
            if node.target is aten.unsqueeze.default:
                kept = node.args[1] % node.meta["val"].dim() > 0
            elif node.target is aten.slice.Tensor:
                kept = tuple(node.args[2:]) == (0, 2**63 - 1)
            else:
                kept = node.target is aten.expand.default
            if not kept:
                break
            node = node.args[0]
        return rows.mask.dim() == 1 and self._rows.get(self._number(node)) is rows

    def _number(self, node):
        """One number for all nodes that compute the same."""
        from torch.fx import Node
        from torch.fx.node import map_arg

        if not isinstance(node, Node):
            return repr(node)
        if node not in self._numbers:
            key = (node.op, node.target)
            if node.op == "call_function":
                given = (node.args, dict(sorted(node.kwargs.items())))
                key += (repr(map_arg(given, lambda argument: f"%{self._number(argument)}")),)
            self._numbers[node] = self._known.setdefault(key, len(self._known))
        return self._numbers[node]

    def _by_rows(self, node, args, kwargs, rows):
        """A call that computes each row alone, made for all rows."""
        from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

        results, structure = tree_flatten(node.meta.get("val"))
        dims = [row_wise.dimension_of(rows, result) for result in results]
        if None in dims or not row_wise.holds(node.target, args, kwargs, results, dims):
            return NotImplemented
        made = []
        same = all(part is each.parts[0] for each in lists_of((args, kwargs)) for part in each.parts)
        for slot in range(len(rows.marks)):
            if slot and same:
                made.append(made[0])
                continue

            def one(leaf):
                if isinstance(leaf, Count):
                    return rows.count
                return leaf.parts[slot] if isinstance(leaf, Listed) else leaf

            given, named = tree_map(one, (args, kwargs))
            made.append(tree_flatten(node.target(*given, **named))[0])
        values = [Listed(rows, list(parts), dim) for parts, dim in zip(zip(*made), dims)]
        return tree_unflatten(values, structure)


def _tensors(value):
    import torch
    from torch.utils._pytree import tree_leaves

    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, torch.Tensor)]


def _is_check(node):
    """Whether a comparison of sizes is for a check of torch.export alone."""
    import torch

    comparisons = (operator.ge, operator.le, operator.gt, operator.lt, operator.eq, operator.ne)
    check = torch.ops.aten._assert_scalar.default
    return node.target in comparisons and all(user.target is check for user in node.users)


def _of_positions(node, args):
    """A column of what nonzero gives."""
    import torch

    aten = torch.ops.aten
    positions = args[0]
    if not isinstance(positions, Positions):
        return NotImplemented
    if node.target is aten.select.int and args[1] % 2 == 1 and isinstance(args[2], int):
        return positions.columns[args[2]]
    if node.target is aten.unbind.int and args[1] % 2 == 1:
        return positions.columns
    if node.target is aten.slice.Tensor and tuple(args[1:]) in ((), (0,), (0, 0), (0, 0, 2**63 - 1)):
        return positions
    if len(positions.columns) == 1 and node.meta["val"].dim() == 1:
        return positions.columns[0]
    return NotImplemented


