"""Callbacks of JAX into Python, which no model can hold, refused with their place."""

from .errors import ExportError, place_of
from .versions import need

_PRIMITIVES = {
    "pure_callback_p": "jax._src.callback",
    "io_callback_p": "jax._src.callback",
    "debug_callback_p": "jax._src.debugging",
}


def lowering_rules():
    """(primitive, rule) for jax.export."""
    from jaxlib.mlir import ir

    def refuse(*_, **__):
        where = place_of(str(ir.Location.current))
        raise ExportError(f"{where}: a callback of Python cannot be a part of a model; take it out")

    return [(need("jax", module, name), refuse) for name, module in _PRIMITIVES.items()]
