"""Which operations compute each row alone, along a dimension of a tensor."""

from math import prod

from .rows import Listed, is_unbacked, lists_of


def dimension_of(rows, value):
    """The only dimension of a result that lists the rows, or None."""
    import torch

    if not isinstance(value, torch.Tensor):
        return None
    found = [dim for dim, size in enumerate(value.shape) if rows.is_length(size)]
    return found[0] if len(found) == 1 == sum(map(is_unbacked, value.shape)) else None


def holds(target, args, kwargs, results, dims):
    """Whether an operation computes each row alone; its results have the rows along `dims`."""
    import torch
    from torch.utils._pytree import tree_leaves

    if not isinstance(target, torch._ops.OpOverload):
        return False
    plain = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
    if any(is_unbacked(size) for tensor in plain for size in tensor.shape):
        return False
    if torch.Tag.pointwise in target.tags:
        # Operands line up from the right.
        return len({each.dim - each.rank for each in lists_of((args, kwargs))}) == 1
    rule = _rules().get(target)
    if not rule:
        return False
    names = [argument.name for argument in target._schema.arguments]
    defaults = {argument.name: argument.default_value for argument in target._schema.arguments}
    return rule(defaults | dict(zip(names, args)) | kwargs, list(zip(results, dims)))


def _along(given, results):
    """It works along dimensions that are not that of the rows."""
    x, along = given["self"], given["dim"] if "dim" in given else given["dims"]
    if not isinstance(x, Listed) or along is None or along == []:
        return False
    along = along if isinstance(along, (list, tuple)) else [along]
    same = all(each.dim == x.dim for each in lists_of(given))
    return same and all(isinstance(dim, int) and dim % x.rank != x.dim for dim in along)


def _along_or_whole(given, results):
    whole = given["start"] in (None, 0) and given["end"] in (None, 2**63 - 1) and given["step"] == 1
    return whole and lists_of(given) == [given["self"]] or _along(given, results)


def _alone(name):
    """No other operand has rows, and it may stand anywhere in this one."""
    return lambda given, results: lists_of(given) in ([], [given[name]])


def _before_last(number):
    """It works along the last dimensions of the input, and no other operand has rows."""

    def rule(given, results):
        x = given["input"]
        return lists_of(given) == [x] and x.dim < x.rank - number(given)

    return rule


def _reshaped(given, results):
    """As many elements lie behind a row as before, and before it."""
    from torch.fx.experimental.symbolic_shapes import statically_known_true

    x, ((result, dim),) = given["self"], results
    if lists_of(given) != [x]:
        return False
    source = x.parts[0].shape
    pairs = ((source[: x.dim], result.shape[:dim]), (source[x.dim + 1 :], result.shape[dim + 1 :]))
    return all(statically_known_true(prod(old) == prod(new)) for old, new in pairs)


def _matmul(given, results):
    a, b = given["self"], given["mat2" if "mat2" in given else "other"]
    lists = lists_of(given)
    if lists == [a]:
        return 2 <= a.rank and a.dim < a.rank - 1 and b.dim() <= 2
    return lists == [a, b] and a.dim - a.rank == b.dim - b.rank < -2


def _addmm(given, results):
    return lists_of(given) == [given["mat1"]] and given["mat1"].dim == 0


def _einsum(given, results):
    terms, _, result = given["equation"].replace(" ", "").partition("->")
    terms = terms.split(",")
    if "." in "".join(terms) or not result:
        return False
    pairs = list(zip(terms, given["tensors"]))
    letters = {term[tensor.dim] for term, tensor in pairs if isinstance(tensor, Listed)}
    others = "".join(term for term, tensor in pairs if not isinstance(tensor, Listed))
    return len(letters) == 1 and not letters & set(others) and letters <= set(result)


def _joined(given, results):
    lists = lists_of(given["tensors"])
    same = len(lists) == len(given["tensors"]) and len({(each.dim, each.rank) for each in lists}) == 1
    return same and given["dim"] % lists[0].rank != lists[0].dim


def _stacked(given, results):
    lists = lists_of(given["tensors"])
    return len(lists) == len(given["tensors"]) and len({each.dim for each in lists}) == 1


def _filled(given, results):
    return not lists_of(given)


_RULES = {
    _along: """softmax.int log_softmax.int _softmax _log_softmax sum.dim_IntList mean.dim amax amin max.dim min.dim
        argmax argmin topk sort sort.stable argsort argsort.stable cumsum cumprod prod.dim_int any.dim any.dims all.dim
        all.dims logsumexp linalg_vector_norm norm.ScalarOpt_dim std.correction var.correction glu select.int chunk
        split.Tensor split_with_sizes unbind.int gather flip""",
    _along_or_whole: "slice.Tensor",
    _alone("self"): """clone contiguous detach alias _to_copy to.dtype to.device to.dtype_layout
        lift_fresh_copy permute transpose.int t unsqueeze squeeze squeeze.dim squeeze.dims expand zeros_like ones_like
        full_like empty_like one_hot type_as""",
    _alone("input"): "dropout feature_dropout",
    _alone("indices"): "embedding",
    _before_last(lambda given: 1): "linear",
    _before_last(lambda given: len(given["normalized_shape"])): "layer_norm rms_norm",
    _reshaped: "view reshape _unsafe_view flatten.using_ints unflatten.int",
    _matmul: "mm matmul bmm",
    _addmm: "addmm",
    _einsum: "einsum",
    _joined: "cat",
    _stacked: "stack",
    _filled: "full zeros ones empty.memory_format new_zeros new_full new_ones new_empty",
}


def _rules():
    """The rule of each operation."""
    import torch

    table = {}
    for rule, names in _RULES.items():
        for name in names.split():
            packet, _, overload = name.partition(".")
            table[getattr(getattr(torch.ops.aten, packet), overload or "default")] = rule
    return table
