"""Cumulative sums, products, maxima and minima of JAX, kept whole until they become a loop: its own lowering takes a
number of steps that is the square of a size, and that size must be known."""

from .errors import ExportError, place_of

_TARGET = "moe_export.cumulative"


def lowering_rules():
    """(primitive, rule) for jax.export."""
    from jax import lax
    from jaxlib.mlir import ir

    def rule(kind):
        def lower(context, x, *, axis, reverse):
            config = f"{kind} {axis} {int(reverse)}"
            attributes = {"call_target_name": ir.StringAttr.get(_TARGET), "backend_config": ir.StringAttr.get(config)}
            made = ir.Operation.create("stablehlo.custom_call", [x.type], [x], attributes)
            return list(made.results)

        return lower

    primitives = {"add": lax.cumsum_p, "mul": lax.cumprod_p, "max": lax.cummax_p, "min": lax.cummin_p}
    return [(primitive, rule(kind)) for kind, primitive in primitives.items()]


def checks():
    """The check of jax.export that a call of ours would not pass."""
    from jax import export

    return [export.DisabledSafetyCheck.custom_call(_TARGET)]


def is_one(ir, operation):
    if operation.name != "stablehlo.custom_call":
        return False
    return ir.StringAttr(operation.attributes["call_target_name"]).value == _TARGET


_OPERATIONS = {"add": "add", "mul": "multiply", "max": "maximum", "min": "minimum"}


def expand(b, operation):
    """A loop along the axis, in loops along the others. Narrow floats are summed in f32."""
    ir = b.ir
    kind, axis, reverse = ir.StringAttr(operation.attributes["backend_config"]).value.split()
    axis, reverse = int(axis), reverse == "1"
    (source,) = operation.operands
    type = ir.RankedTensorType(source.type)
    sizes = [b.size(source, n) for n in range(type.rank)]
    others = [n for n in range(type.rank) if n != axis]
    narrow = type.element_type
    if isinstance(narrow, ir.ComplexType):
        raise ExportError(f"{place_of(str(operation.location))}: a cumulative sum of complex numbers")
    wide = ir.F32Type.get() if isinstance(narrow, ir.FloatType) and ir.FloatType(narrow).width < 32 else narrow

    def number(element):
        return ir.RankedTensorType.get([], element)

    def convert(b, value, element):
        return value if value.type == number(element) else b.value("stablehlo.convert", [value], number(element))

    def step(b, places, at, carried):
        sofar, result = carried
        if reverse:
            last = b.value("arith.subi", [sizes[axis], b.constant(1)], b.index)
            at = b.value("arith.subi", [last, at], b.index)
        here = [*places[:axis], at, *places[axis:]]
        element = b.extract(source, here)
        new = convert(b, b.scalar(element), wide)
        sofar = b.value(f"stablehlo.{_OPERATIONS[kind]}", [sofar, new], number(wide))
        return [sofar, b.insert(b.extract(convert(b, sofar, narrow), []), result, here)]

    def row(b, places, carried):
        (result,) = carried
        neutral = b.value("stablehlo.constant", [], number(wide), value=_neutral(ir, kind, number(wide)))
        return b.loop(sizes[axis], [neutral, result], lambda b, at, carried: step(b, places, at, carried))[1:]

    dynamic = [size for n, size in enumerate(sizes) if type.is_dynamic_dim(n)]
    return b.loops([sizes[n] for n in others], [b.value("tensor.empty", dynamic, type)], row)


def _neutral(ir, kind, type):
    """What changes nothing."""
    element = type.element_type
    if isinstance(element, ir.FloatType):
        lowest, highest = {
            32: ("0xFF800000", "0x7F800000"),
            64: ("0xFFF0000000000000", "0x7FF0000000000000"),
        }[ir.FloatType(element).width]
        number = {"add": "0.0", "mul": "1.0", "max": lowest, "min": highest}[kind]
        return ir.Attribute.parse(f"dense<{number}> : {type}")
    width = ir.IntegerType(element).width
    unsigned = ir.IntegerType(element).is_unsigned
    lowest, highest = (0, 2**width - 1) if unsigned else (-(2 ** (width - 1)), 2 ** (width - 1) - 1)
    number = {"add": 0, "mul": 1, "max": lowest, "min": highest}[kind]
    return ir.Attribute.parse(f"dense<{number}> : {type}")
