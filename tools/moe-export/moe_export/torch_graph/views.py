"""torch-mlir guesses which sizes of a view belong together, and guesses wrong where two of them are dynamic. A graph
knows them as expressions: a view is written as what it joins and what it splits, one axis at a time."""


def rewrite(graph):
    """Changes the views and expansions of a graph of `retrace`."""
    import torch

    aten = torch.ops.aten
    for node in list(graph.nodes):
        if node.target is aten.expand.default:
            _expand(graph, node)
        elif node.target in (aten.view.default, aten._unsafe_view.default, aten.reshape.default):
            _view(graph, node)


def _view(graph, node):
    import torch

    aten = torch.ops.aten
    value, sizes = node.args
    groups = _groups(_sizes(value), _sizes(node))
    if groups is None:
        return
    with graph.inserting_before(node):
        # From the last axis, for the numbers of those before to stay.
        for (first, end), (start, stop) in reversed(groups):
            if end - first > 1:
                value = _call(graph, aten.flatten.using_ints, value, first, end - 1)
            if stop - start > 1:
                parts = [_size(node, axis, sizes[axis]) for axis in range(start, stop)]
                value = _call(graph, aten.unflatten.int, value, first, parts)
    node.replace_all_uses_with(value)
    graph.erase_node(node)


def _expand(graph, node):
    """An expansion to the same shape is none, and an axis that stays is said to."""
    value, sizes = node.args[:2]
    before, after = _sizes(value), _sizes(node)
    if before == after:
        node.replace_all_uses_with(value)
        graph.erase_node(node)
        return
    new = len(after) - len(before)
    kept = [axis >= new and before[axis - new] == after[axis] for axis in range(len(after))]
    node.args = (value, [-1 if same else size for same, size in zip(kept, sizes)])


def _sizes(node):
    """The sizes of a tensor as expressions."""
    import sympy

    return [sympy.sympify(getattr(getattr(size, "node", size), "expr", size)) for size in node.meta["val"].shape]


def _size(node, axis, written):
    """A size of a view as an argument: a number where it is known."""
    known = node.meta["val"].shape[axis]
    return known if isinstance(known, int) else written


def _groups(given, wanted):
    """Of two shapes, pairs of ranges of axes, in order and as many as there are, that hold the same elements; None if
    it is unknown."""
    before, after = _products(given), _products(wanted)
    # A size of 0 makes all products after it equal.
    if before[-1] != after[-1] or before[-1] == 0:
        return None
    chains = {(len(given), len(wanted)): []}
    for i in reversed(range(len(given))):
        for j in reversed(range(len(wanted))):
            if before[i] == after[j]:
                longer = [[((i, k), (j, l)), *rest] for (k, l), rest in chains.items() if k > i and l > j]
                if longer:
                    chains[i, j] = max(longer, key=len)
    return chains.get((0, 0))


def _products(sizes):
    import sympy

    products = [sympy.Integer(1)]
    for size in sizes:
        products.append(sympy.expand(products[-1] * size))
    return products


def _call(graph, target, *args):
    """A call of an operation on nodes, with what the graph knows of its result."""
    from torch.fx import map_arg

    node = graph.call_function(target, args)
    node.meta["val"] = target(*map_arg(args, lambda arg: arg.meta["val"]))
    return node
