"""Operations of StableHLO that move a window over a tensor, pad it or turn it around, where its converter has them for
known sizes, one order of axes or one group of channels alone."""

from . import loops
from .dynamic import dims_of, lists_of, type_of


def _numbers(operation, name, count, default):
    """An attribute that lists a number for each axis."""
    if name not in operation.attributes:
        return [default] * count
    return list(operation.attributes[name])


def _is_static(b, type):
    return None not in dims_of(b, type)


def reverse(b, operation):
    (source,) = operation.operands
    if _is_static(b, source.type):
        return None
    return [_reversed(b, source, list(operation.attributes["dimensions"]))]


def _reversed(b, source, axes):
    lasts = {axis: b.value("arith.subi", [b.size(source, axis), b.constant(1)], b.index) for axis in axes}
    dims = dims_of(b, source.type)

    def element(b, positions):
        places = [
            b.value("arith.subi", [lasts[axis], at], b.index) if axis in axes else at for axis, at in enumerate(positions)
        ]
        return b.extract(source, places)

    return loops.fill(b, source.type, [b.size(source, axis) for axis, size in enumerate(dims) if size is None], element)[0]


def pad(b, operation):
    """Padding below zero cuts off."""
    source, value = operation.operands
    names = "edge_padding_low", "edge_padding_high", "interior_padding"
    low, high, interior = (list(operation.attributes[name]) for name in names)
    if _is_static(b, source.type) or min(low + high) >= 0:
        return None
    return [_padded(b, source, value, low, high, interior)]


def _padded(b, source, value, low, high, interior):
    """Each element of the result is one of the source, or the value."""
    axes = range(len(low))
    sizes = [b.size(source, axis) for axis in axes]
    # How many places the source takes with what is put between its elements.
    spans = [_span(b, size, step + 1) for size, step in zip(sizes, interior)]
    known = [
        None if size is None else max(size - 1, 0) * (step + 1) + min(size, 1) + before + after
        for size, step, before, after in zip(dims_of(b, source.type), interior, low, high)
    ]
    type = type_of(b, known, b.ir.RankedTensorType(source.type).element_type)
    dynamic = [b.sum([spans[axis], b.constant(low[axis] + high[axis])]) for axis in axes if known[axis] is None]
    outside = b.extract(value, [])

    def element(b, positions):
        inside, places = None, []
        for axis, at in enumerate(positions):
            at = b.add(at, b.constant(-low[axis]))
            step = b.constant(interior[axis] + 1)
            # A position below zero is a huge unsigned number.
            tests = [b.compare("ult", at, spans[axis])]
            if interior[axis]:
                tests.append(b.compare("eq", b.value("arith.remui", [at, step], b.index), b.constant(0)))
                at = b.value("arith.divui", [at, step], b.index)
            for test in tests:
                inside = test if inside is None else b.value("arith.andi", [inside, test], test.type)
            places.append(at)
        return b.choose(inside, [outside.type], lambda b: [b.extract(source, places)], lambda _: [outside])[0]

    return loops.fill(b, type, dynamic, element)[0]


def _span(b, size, step):
    """(size - 1) * step + 1, or nothing of nothing."""
    if step == 1:
        return size
    one = b.constant(1)
    whole = b.add(b.product([b.value("arith.subi", [size, one], b.index), b.constant(step)]), one)
    return b.value("arith.maxsi", [whole, b.constant(0)], b.index)


def _pad_if_needed(b, source, value, low, high, interior):
    return _padded(b, source, value, low, high, interior) if any(low + high + interior) else source


def reduce_window(b, operation):
    """Windows are axes of their own, which are reduced."""
    count = len(operation.operands) // 2
    sources, starts = list(operation.operands)[:count], list(operation.operands)[count:]
    type = operation.results[0].type
    if _is_static(b, type):
        return None
    window = list(operation.attributes["window_dimensions"])
    rank = len(window)
    strides = _numbers(operation, "window_strides", rank, 1)
    dilations = _numbers(operation, "window_dilations", rank, 1)
    interior = [step - 1 for step in _numbers(operation, "base_dilations", rank, 1)]
    low, high = _paddings(operation, rank)
    moved = [axis for axis in range(rank) if window[axis] > 1]
    patches = []
    for source, start in zip(sources, starts):
        source = _pad_if_needed(b, source, start, low, high, interior)
        element_type = b.ir.RankedTensorType(source.type).element_type
        shape = dims_of(b, type)

        def element(b, positions):
            places = []
            for axis in range(rank):
                at = b.product([positions[axis], b.constant(strides[axis])])
                if axis in moved:
                    offset = b.product([positions[rank + moved.index(axis)], b.constant(dilations[axis])])
                    at = b.add(at, offset)
                places.append(at)
            return b.extract(source, places)

        whole = type_of(b, [*shape, *(window[axis] for axis in moved)], element_type)
        sizes = [
            _places(b, b.size(source, axis), window[axis], strides[axis], dilations[axis])
            for axis, size in enumerate(shape)
            if size is None
        ]
        patches += loops.fill(b, whole, sizes, element)
    reduced = b.ir.DenseI64ArrayAttr.get(list(range(rank, rank + len(moved))))
    types = [result.type for result in operation.results]
    made = b.create("stablehlo.reduce", [*patches, *starts], types, {"dimensions": reduced}, regions=1)
    operation.regions[0].blocks[0].append_to(made.regions[0])
    return list(made.results)


def _paddings(operation, rank):
    if "padding" not in operation.attributes:
        return [0] * rank, [0] * rank
    numbers = list(operation.attributes["padding"])
    # A list of pairs comes flat.
    return numbers[::2], numbers[1::2]


def _places(b, size, window, stride, dilation):
    """How many windows there are along an axis; the size is with padding."""
    free = b.add(size, b.constant(-(window - 1) * dilation - 1))
    steps = b.value("arith.floordivsi", [free, b.constant(stride)], b.index)
    return b.value("arith.maxsi", [b.add(steps, b.constant(1)), b.constant(0)], b.index)


def convolution(b, operation):
    """Axes in the order that the converter knows; groups of channels, which it does not, as a product of their own."""
    from jaxlib.mlir.dialects import stablehlo

    ir = b.ir
    numbers = stablehlo.ConvDimensionNumbers(operation.attributes["dimension_numbers"])
    groups = operation.attributes["feature_group_count"].value
    type = ir.RankedTensorType(operation.results[0].type)
    spatial = list(range(1, type.rank - 1))
    # The axes of an input and of the result are the batch, what a window moves over, the channels; those of a kernel,
    # what a window moves over, channels of the input, of the result.
    orders = (
        [numbers.input_batch_dimension, *numbers.input_spatial_dimensions, numbers.input_feature_dimension],
        [
            *numbers.kernel_spatial_dimensions,
            numbers.kernel_input_feature_dimension,
            numbers.kernel_output_feature_dimension,
        ],
        [numbers.output_batch_dimension, *numbers.output_spatial_dimensions, numbers.output_feature_dimension],
    )
    known = all(order == sorted(order) for order in orders)
    if operation.attributes["batch_group_count"].value > 1 or known and groups == 1:
        return None
    source, kernel = (_transposed(b, *each) for each in zip(operation.operands, orders))
    shape = [dims_of(b, type)[axis] for axis in orders[2]]
    if groups == 1:
        last = type.rank - 1
        attributes = {name: operation.attributes[name] for name in _names(operation)}
        attributes["dimension_numbers"] = stablehlo.ConvDimensionNumbers.get(
            0, last, spatial, last - 1, last, [axis - 1 for axis in spatial], 0, last, spatial
        )
        made = b.value("stablehlo.convolution", [source, kernel], type_of(b, shape, type.element_type), **attributes)
    else:
        made = _grouped(b, operation, source, kernel, groups, shape, type.element_type)
    return [_transposed(b, made, [orders[2].index(axis) for axis in range(type.rank)])]


def _names(operation):
    return [getattr(entry, "name", entry) for entry in operation.attributes]


def _grouped(b, operation, source, kernel, groups, shape, element):
    """A convolution of groups of channels with axes in their order."""
    ir = b.ir
    count = len(shape) - 2
    strides = _numbers(operation, "window_strides", count, 1)
    dilations = _numbers(operation, "rhs_dilation", count, 1)
    interior = [step - 1 for step in _numbers(operation, "lhs_dilation", count, 1)]
    low, high = _paddings(operation, count)
    turned = [axis for axis, turns in enumerate(_numbers(operation, "window_reversal", count, False)) if turns]
    if turned:
        kernel = _reversed(b, kernel, turned)
    own = ir.RankedTensorType(source.type).element_type
    zero = b.scalar(b.value("arith.constant", [], own, value=_zero(ir, own)))
    source = _pad_if_needed(b, source, zero, [0, *low, 0], [0, *high, 0], [0, *interior, 0])
    window = dims_of(b, kernel.type)[:count]
    sizes = [b.size(source, 0)] if shape[0] is None else []
    for axis in range(count):
        if shape[axis + 1] is None:
            sizes.append(_places(b, b.size(source, axis + 1), window[axis], strides[axis], dilations[axis]))
    # Batch, places, group, channel of the result; place in the window, channel of the group.
    axes = [ir.AffineDimExpr.get(axis) for axis in range(2 * count + 4)]
    batch, *places, group, channel = axes[: count + 3]
    *inside, inner = axes[count + 3 :]
    moved = [at * stride + step * dilation for at, stride, step, dilation in zip(places, strides, inside, dilations)]
    maps = [[batch, *moved, group, inner], [*inside, inner, group, channel], [batch, *places, group, channel]]
    type = type_of(b, [*shape[:-1], groups, shape[-1] // groups], element)
    start = b.value("arith.constant", [], element, value=_zero(ir, element))
    filled = loops.fill(b, type, sizes, lambda b, positions: start)[0]
    kinds = ["parallel"] * (count + 3) + ["reduction"] * (count + 1)
    attributes = {
        "indexing_maps": ir.ArrayAttr.get(
            [ir.AffineMapAttr.get(ir.AffineMap.get(len(axes), 0, results)) for results in maps]
        ),
        "iterator_types": ir.ArrayAttr.get([ir.Attribute.parse(f"#linalg.iterator_type<{kind}>") for kind in kinds]),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get([2, 1]),
    }
    operands = [_split(b, source, groups), _split(b, kernel, groups), filled]
    generic = b.create("linalg.generic", operands, [type], attributes, regions=1)
    types = [ir.RankedTensorType(tensor.type).element_type for tensor in operands]
    block = ir.Block.create_at_start(generic.regions[0], types, [b.location] * 3)
    body = b.inside(ir, block, b.location)
    form = "f" if isinstance(element, ir.FloatType) else "i"
    first, second = (_wide(body, value, element) for value in list(block.arguments)[:2])
    product = body.value(f"arith.mul{form}", [first, second], element)
    body.create("linalg.yield", [body.value(f"arith.add{form}", [block.arguments[2], product], element)])
    joined = [*([axis] for axis in range(count + 1)), [count + 1, count + 2]]
    return b.value("tensor.collapse_shape", [generic.results[0]], type_of(b, shape, element), reassociation=lists_of(b, joined))


def _zero(ir, type):
    return ir.FloatAttr.get(type, 0.0) if isinstance(type, ir.FloatType) else ir.IntegerAttr.get(type, 0)


def _wide(b, value, type):
    if value.type == type:
        return value
    return b.value("arith.extf" if isinstance(type, b.ir.FloatType) else "arith.extsi", [value], type)


def _transposed(b, tensor, order):
    if order == sorted(order):
        return tensor
    dims, element = dims_of(b, tensor.type), b.ir.RankedTensorType(tensor.type).element_type
    type = type_of(b, [dims[axis] for axis in order], element)
    return b.value("stablehlo.transpose", [tensor], type, permutation=b.ir.DenseI64ArrayAttr.get(order))


def _split(b, tensor, groups):
    """The last axis as groups and what is in each."""
    dims, element = dims_of(b, tensor.type), b.ir.RankedTensorType(tensor.type).element_type
    shape = [*dims[:-1], groups, dims[-1] // groups]
    last = len(dims) - 1
    dynamic = b.ir.ShapedType.get_dynamic_size()
    return b.value(
        "tensor.expand_shape",
        [tensor, *(b.size(tensor, axis) for axis, size in enumerate(dims) if size is None)],
        type_of(b, shape, element),
        reassociation=lists_of(b, [*([axis] for axis in range(last)), [last, last + 1]]),
        static_output_shape=b.ir.DenseI64ArrayAttr.get([dynamic if size is None else size for size in shape]),
    )
