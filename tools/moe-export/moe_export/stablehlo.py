"""From StableHLO to upstream MLIR, by the converter that jaxlib contains and what it has no pattern for."""

import re

from . import callbacks, control_flow, cumulative, dynamic, loops, signs, top_k, windows
from .builder import Builder, main_of, update_type, walk
from .errors import ExportError, first_line, place_of
from .versions import need

_TO_CALLS = "func.func(stablehlo-legalize-composite-to-call),func.func(chlo-legalize-to-stablehlo),canonicalize,cse,symbol-dce"
_TO_LINALG = "stablehlo-legalize-to-linalg,canonicalize,cse,symbol-dce"
# The function that takes the sizes which `main` computes.
_INNER = "_wrapped_jax_export_main"


def context():
    """A context that knows StableHLO and what it is converted to."""
    from jaxlib.mlir import ir

    need("jaxlib", "jaxlib.mlir.dialects.stablehlo", "register_stablehlo_passes")()
    made = need("jax", "jax._src.interpreters.mlir", "make_ir_context")()
    with made:
        # A pass brings the dialects of its results with it.
        _run(ir.Module.parse("module {}", made), "stablehlo-legalize-to-linalg")
    return made


def _run(module, pipeline, layers=()):
    from jaxlib.mlir import ir, passmanager

    try:
        passmanager.PassManager.parse(f"builtin.module({pipeline})").run(module.operation)
    except ir.MLIRError as problem:
        for diagnostic in problem.error_diagnostics:
            where, said = place_of(str(diagnostic.location), layers), first_line(diagnostic.message)
            if operation := re.search(r"failed to legalize operation '([^']+)'", said):
                said = f"{operation[1]} has no counterpart in upstream MLIR"
            raise ExportError(f"{where}: {said}") from None
        raise ExportError(first_line(problem)) from None


def serialize(function, specs):
    """What `read` takes, of `function(*specs)`. A size may be a symbol that is the size of some argument."""
    import jax
    from jax import export

    rules = [rule for room in (callbacks, cumulative, top_k) for rule in room.lowering_rules()]
    make = export.export(
        jax.jit(function, keep_unused=True),
        platforms=["cpu"],
        disabled_checks=cumulative.checks(),
        _override_lowering_rules=tuple(rules),
    )
    return make(*specs).mlir_module_serialized


def shapes_of(specs):
    """The shapes of specs; a size that is a symbol is its text."""
    return [tuple(size if isinstance(size, int) else str(size) for size in spec.shape) for spec in specs]


def read(artifact, shapes):
    """The module of a serialized function whose arguments have these shapes; needs a context.

    A check of JAX that each symbol is at least 1 is dropped: loops of no rounds are what an empty batch takes.
    """
    from jaxlib.mlir import ir
    from jaxlib.mlir.dialects import stablehlo

    module = stablehlo.deserialize_portable_artifact(ir.Context.current, artifact)
    functions = {ir.StringAttr(f.attributes["sym_name"]).value: f for f in module.body.operations}
    if _INNER not in functions:
        return module
    functions["main"].operation.erase()
    main = functions[_INNER]
    main.attributes["sym_name"] = ir.StringAttr.get("main")
    main.attributes["sym_visibility"] = ir.StringAttr.get("public")
    block = main.regions[0].blocks[0]
    sizes = {}
    for number, attributes in enumerate(main.attributes["arg_attrs"]):
        if "jax.global_constant" in attributes:
            sizes[number] = ir.StringAttr(attributes["jax.global_constant"]).value
    b = Builder(ir, ir.InsertionPoint.at_block_begin(block), ir.Location.unknown())
    for number, symbol in sizes.items():
        position, axis = next((p, shape.index(symbol)) for p, shape in enumerate(shapes) if symbol in shape)
        argument = block.arguments[len(sizes) + position]
        block.arguments[number].replace_all_uses_with(dynamic.size_value(b, argument, axis, block.arguments[number].type))
    for number in reversed(sizes):
        block.erase_argument(number)
    update_type(ir, main)
    return module


def _scalars(block, b, elements):
    """What a region of scalar tensors yields for elements."""
    return [b.extract(value, []) for value in b.inline(block, [b.scalar(e) for e in elements])]


def _sort(b, operation):
    axis = operation.attributes["dimension"].value

    def wrong(b, firsts, seconds):
        # True where the second must come before the first.
        pairs = [element for pair in zip(seconds, firsts) for element in pair]
        return _scalars(operation.regions[0].blocks[0], b, pairs)[0]

    return loops.sort(b, list(operation.operands), axis, wrong)


def _scatter(b, operation, layers):
    from jaxlib.mlir.dialects import stablehlo

    if len(operation.operands) != 3:
        where = place_of(str(operation.location), layers)
        raise ExportError(f"{where}: stablehlo.scatter into several tensors at once")
    target, indices, updates = operation.operands
    numbers = stablehlo.ScatterDimensionNumbers(operation.attributes["scatter_dimension_numbers"])
    window = list(numbers.update_window_dims)
    batching = dict(zip(numbers.input_batching_dims, numbers.scatter_indices_batching_dims))
    rank = b.ir.RankedTensorType(target.type).rank
    updates_rank = b.ir.RankedTensorType(updates.type).rank
    inserted = {*numbers.inserted_window_dims, *batching}
    windowed = dict(zip([axis for axis in range(rank) if axis not in inserted], window))
    vector = numbers.index_vector_dim
    has_vector = vector < b.ir.RankedTensorType(indices.type).rank

    def place(b, positions):
        at = [positions[axis] for axis in range(updates_rank) if axis not in window]
        places = []
        for axis in range(rank):
            parts = []
            if axis in numbers.scattered_dims_to_operand_dims:
                component = b.constant(list(numbers.scattered_dims_to_operand_dims).index(axis))
                full = [*at[:vector], component, *at[vector:]] if has_vector else at
                parts.append(b.as_index(b.extract(indices, full)))
            if axis in batching:
                parts.append(at[batching[axis] - (has_vector and batching[axis] > vector)])
            if axis in windowed:
                parts.append(positions[windowed[axis]])
            places.append(b.sum(parts))
        return places

    def combine(b, old, update):
        block = operation.regions[0].blocks[0]
        if len(list(block.operations)) == 1 and block.operations[0].operands[0] == block.arguments[1]:
            return update
        return _scalars(block, b, [old, update])[0]

    bounds = [b.size(updates, axis) for axis in range(updates_rank)]
    return loops.scatter(b, target, indices, updates, bounds=bounds, place=place, combine=combine)


def _reduce(b, operation):
    """Nothing is reduced along no axes."""
    return None if len(operation.attributes["dimensions"]) else list(operation.operands)[: len(operation.results)]


def _expand(ir, module, layers):
    """What the converter has no pattern for, in operations of upstream MLIR around those that it has."""
    forms = {
        "stablehlo.sort": _sort,
        "stablehlo.scatter": lambda b, operation: _scatter(b, operation, layers),
        "stablehlo.get_dimension_size": dynamic.dimension_size,
        "stablehlo.dynamic_gather": dynamic.gather,
        "stablehlo.dynamic_reshape": dynamic.reshape,
        "stablehlo.dynamic_update_slice": dynamic.update_slice,
        "stablehlo.real_dynamic_slice": dynamic.real_slice,
        "stablehlo.reverse": windows.reverse,
        "stablehlo.pad": windows.pad,
        "stablehlo.reduce_window": windows.reduce_window,
        "stablehlo.convolution": windows.convolution,
        "stablehlo.reduce": _reduce,
        "stablehlo.optimization_barrier": lambda b, operation: operation.operands,
    }
    for operation in reversed(walk(module.operation)):
        if operation.name in forms:
            new = forms[operation.name](Builder.before(ir, operation), operation)
        elif cumulative.is_one(ir, operation):
            new = cumulative.expand(Builder.before(ir, operation), operation)
        else:
            continue
        if new is None:
            continue
        for result, value in zip(list(operation.results), new):
            result.replace_all_uses_with(value)
        operation.erase()


def _mark_broadcasts(ir, module):
    """Says of every dynamic broadcast what JAX knows: a size that is not 1 in the type is never repeated."""
    for operation in walk(module.operation):
        if operation.name == "stablehlo.dynamic_broadcast_in_dim":
            type = ir.RankedTensorType(operation.operands[0].type)
            dynamic = [axis for axis in range(type.rank) if type.is_dynamic_dim(axis)]
            if dynamic:
                operation.attributes["known_nonexpanding_dimensions"] = ir.DenseI64ArrayAttr.get(dynamic)


def prepare(module, layers=()):
    """Leaves in a module what the converter has patterns for, and what has no counterpart."""
    from jaxlib.mlir import ir

    _run(module, _TO_CALLS, layers)
    control_flow.expand(ir, module)
    _expand(ir, module, layers)
    _mark_broadcasts(ir, module)


def convert_rest(module, layers=()):
    """Converts what `prepare` has left."""
    _run(module, _TO_LINALG, layers)


def to_upstream(module, layers=()):
    """Converts a module in place. What has no counterpart stays; `model.check` finds it."""
    from jaxlib.mlir import ir

    unsigned = signs.boundary(ir, main_of(ir, module))
    prepare(module, layers)
    convert_rest(module, layers)
    signs.make_signless(ir, module)
    # Before jaxlib 0.8 no reference to an operation outlives a pass.
    signs.keep(ir, main_of(ir, module), *unsigned)
