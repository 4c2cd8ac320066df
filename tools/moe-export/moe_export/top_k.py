"""Top-k without a sort: k times the maximum of a row, its first position, and that position taken."""

from .versions import need


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


def lowering_rules():
    """(primitive, rule) for jax.export."""
    from jax import lax, numpy
    from jax.interpreters import mlir

    def moved(x, *, k, axis=-1, **_):
        return [numpy.moveaxis(made, -1, axis) for made in rounds(numpy.moveaxis(x, axis, -1), k)]

    def approximate(x, *, k, reduction_dimension, is_max_k, **_):
        values, indices = moved(x if is_max_k else -x, k=k, axis=reduction_dimension)
        return values if is_max_k else -values, indices

    rules = (lax.top_k_p, moved), (need("jax", "jax._src.lax.ann", "approx_top_k_p"), approximate)
    return [(primitive, mlir.lower_fun(rule, multiple_results=True)) for primitive, rule in rules]
