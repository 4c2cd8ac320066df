"""Both branches of torch.cond are computed; positions that only one of them may read are 0 while it is not taken."""

# By operation, what holds positions.
_POSITIONS = {
    "index.Tensor _unsafe_index.Tensor index_put.default _unsafe_index_put.default": "indices",
    """gather.default index_select.default take.default scatter.src scatter.value scatter.reduce scatter.value_reduce
    scatter_add.default scatter_reduce.two index_add.default index_copy.default index_fill.int_Scalar
    index_fill.int_Tensor""": "index",
    "embedding.default": "indices",
}


def positions(target):
    """The name of the parameter of an operation that holds positions, or None."""
    import torch

    if not isinstance(target, torch._ops.OpOverload) or target.namespace != "aten":
        return None
    name = str(target).removeprefix("aten.")
    return next((parameter for names, parameter in _POSITIONS.items() if name in names.split()), None)


def guarded(target, args, kwargs, taken):
    """The arguments of a call in a branch that is taken where the condition `taken` holds."""
    import torch
    from torch.utils._pytree import tree_map

    parameter = positions(target)
    if parameter is None:
        return args, kwargs
    names = [argument.name for argument in target._schema.arguments]

    def guard(value):
        if not isinstance(value, torch.Tensor) or value.dtype in (torch.bool, torch.uint8):
            return value
        return torch.where(taken, value, torch.zeros([], dtype=value.dtype, device=value.device))

    args = [tree_map(guard, value) if name == parameter else value for name, value in zip(names, args)]
    return tuple(args), {name: tree_map(guard, value) if name == parameter else value for name, value in kwargs.items()}
