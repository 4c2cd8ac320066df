"""Top-k without a sort: k times the maximum of a row, its first position, and that position taken."""

import re

from .builder import walk


def rounds(x, k):
    """Values and indices of the k largest along the last axis, as jax.lax.top_k gives them: the first of equal
    values first, NaN above all. Only of operations that lower without a function of their own."""
    import jax.numpy as jnp
    import numpy as np
    from jax import lax

    last = x.ndim - 1
    floating = jnp.issubdtype(x.dtype, jnp.floating)
    lowest = np.array(-np.inf if floating else jnp.iinfo(x.dtype).min, x.dtype)
    positions = lax.broadcasted_iota(np.int32, x.shape, last)
    none = lax.full_like(positions, x.shape[last])

    def along_last(reduced):
        return lax.broadcast_in_dim(reduced, x.shape, range(last))

    free = None
    rest, values, indices = x, [], []
    for round in range(k):
        value = lax.reduce(rest, lowest, lax.max, [last])
        largest = lax.eq(x, along_last(value))
        if floating:
            # The maximum of a row with NaN is NaN.
            largest = lax.bitwise_or(largest, lax.ne(x, x))
        if free is not None:
            # A row may have taken all but its smallest possible values.
            largest = lax.bitwise_and(largest, free)
        index = lax.reduce(lax.select(largest, positions, none), np.int32(x.shape[last]), lax.min, [last])
        values.append(lax.expand_dims(value, [last]))
        indices.append(lax.expand_dims(index, [last]))
        if round + 1 < k:
            other = lax.ne(positions, along_last(index))
            free = other if free is None else lax.bitwise_and(free, other)
            rest = lax.select(free, x, lax.full_like(x, lowest))
    return lax.concatenate(values, last), lax.concatenate(indices, last)


def replace(ir, module, lower):
    """Gives each top-k of a StableHLO module another decomposition. `lower` makes a module of a function."""
    import jax
    import numpy as np
    from jax import export

    for operation in walk(module.operation):
        if operation.name != "stablehlo.composite" or ir.StringAttr(operation.attributes["name"]).value != "chlo.top_k":
            continue
        type = ir.RankedTensorType(operation.operands[0].type)
        k = ir.RankedTensorType(operation.results[0].type).get_dim_size(type.rank - 1)
        scope = export.SymbolicScope()
        shape = [
            export.symbolic_shape(f"size{axis}", scope=scope)[0] if type.is_dynamic_dim(axis) else type.get_dim_size(axis)
            for axis in range(type.rank)
        ]
        spec = jax.ShapeDtypeStruct(tuple(shape), _dtype(str(type.element_type)))
        made = lower(lambda x: rounds(x, k), [spec])
        (function,) = made.body.operations
        old = ir.FlatSymbolRefAttr(operation.attributes["decomposition"]).value
        for other in list(module.body.operations):
            if ir.StringAttr(other.attributes["sym_name"]).value == old:
                other.operation.erase()
        function.attributes["sym_name"] = ir.StringAttr.get(old)
        function.attributes["sym_visibility"] = ir.StringAttr.get("private")
        module.body.append(function.operation.detach_from_parent())


def _dtype(element):
    """The type of JAX of an element type of MLIR: bf16, ui8, ..."""
    import jax.numpy as jnp

    return jnp.dtype(re.sub(r"^(b?)f", r"\1float", re.sub(r"^(u?)i", r"\1int", element)))
