"""Operations of StableHLO whose shape is computed, which its converter leaves alone."""

from math import prod

from . import loops


def size_value(b, tensor, axis, type):
    """A size as the integer tensor that StableHLO computes with."""
    element = b.ir.RankedTensorType(type).element_type
    return b.scalar(b.value("arith.index_cast", [b.size(tensor, axis)], element))


def dimension_size(b, operation):
    axis = operation.attributes["dimension"].value
    return [size_value(b, operation.operands[0], axis, operation.results[0].type)]


def dims_of(b, type):
    """The sizes of a type, None where one is dynamic."""
    type = b.ir.RankedTensorType(type)
    return [None if type.is_dynamic_dim(axis) else type.get_dim_size(axis) for axis in range(type.rank)]


def type_of(b, dims, element):
    dynamic = b.ir.ShapedType.get_dynamic_size()
    return b.ir.RankedTensorType.get([dynamic if size is None else size for size in dims], element)


def _entry(b, shape, axis):
    """A number of a shape that is computed."""
    return b.as_index(b.extract(shape, [b.constant(axis)]))


def _clamp(b, at, highest):
    at = b.value("arith.maxsi", [at, b.constant(0)], b.index)
    return b.value("arith.minsi", [at, highest], b.index)


def gather(b, operation):
    """stablehlo.dynamic_gather: as many slices as there are indices, each start moved inside."""
    from jaxlib.mlir.dialects import stablehlo

    source, indices, slices = operation.operands
    type = operation.results[0].type
    numbers = stablehlo.GatherDimensionNumbers(operation.attributes["dimension_numbers"])
    offsets, vector = list(numbers.offset_dims), numbers.index_vector_dim
    starts = list(numbers.start_index_map)
    batching = dict(zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims))
    dims = dims_of(b, type)
    source_rank, indices_rank = len(dims_of(b, source.type)), len(dims_of(b, indices.type))
    has_vector = vector < indices_rank
    whole = [axis for axis in range(source_rank) if axis not in numbers.collapsed_slice_dims and axis not in batching]
    window = dict(zip(whole, offsets))
    batch = [axis for axis in range(len(dims)) if axis not in offsets]
    of_indices = [axis for axis in range(indices_rank) if axis != vector]
    sizes = []
    for axis, size in enumerate(dims):
        if size is None and axis in offsets:
            sizes.append(_entry(b, slices, whole[offsets.index(axis)]))
        elif size is None:
            sizes.append(b.size(indices, of_indices[batch.index(axis)]))
    highest = {
        axis: b.value("arith.subi", [b.size(source, axis), _entry(b, slices, axis)], b.index) for axis in starts
    }

    def element(b, positions):
        at = [positions[axis] for axis in batch]
        places = []
        for axis in range(source_rank):
            parts = []
            if axis in starts:
                component = b.constant(starts.index(axis))
                full = [*at[:vector], component, *at[vector:]] if has_vector else at
                parts.append(_clamp(b, b.as_index(b.extract(indices, full)), highest[axis]))
            if axis in batching:
                parts.append(at[batching[axis] - (has_vector and batching[axis] > vector)])
            if axis in window:
                parts.append(positions[window[axis]])
            places.append(b.sum(parts))
        return b.extract(source, places)

    return loops.fill(b, type, sizes, element)


def groups_of(source, target):
    """Which dimensions of a reshape belong together: pairs of lists, or None. A None is a dynamic size; the first
    group may hold it."""
    groups, i, j = [], len(source), len(target)
    while i and j:
        first, second = i - 1, j - 1
        while first >= 0 and second >= 0 and None not in (*source[first:i], *target[second:j]):
            left, right = prod(source[first:i]), prod(target[second:j])
            if left == right:
                break
            first, second = (first - 1, second) if left < right else (first, second - 1)
        else:
            break
        groups.append((list(range(first, i)), list(range(second, j))))
        i, j = first, second
    if i and j:
        groups.append((list(range(i)), list(range(j))))
    elif (i or j) and groups:
        # Dimensions of size 1 in front.
        ours, theirs = groups.pop()
        groups.append((list(range(i)) + ours, list(range(j)) + theirs))
    elif i or j:
        return None
    return groups[::-1]


def reshape(b, operation):
    """stablehlo.dynamic_reshape: dimensions collapsed, then expanded."""
    source, shape = operation.operands
    type = operation.results[0].type
    before, after = dims_of(b, source.type), dims_of(b, type)
    groups = groups_of(before, after)
    if groups is None:
        return [b.value("tensor.reshape", [source, shape], type)]
    element = b.ir.RankedTensorType(type).element_type
    between = [
        None if None in (sizes := [before[axis] for axis in ours]) else prod(sizes) for ours, _ in groups
    ]
    value = source
    if any(len(ours) > 1 for ours, _ in groups):
        value = b.value(
            "tensor.collapse_shape", [value], type_of(b, between, element), reassociation=lists_of(b, [g[0] for g in groups])
        )
    if any(len(theirs) > 1 for _, theirs in groups):
        dynamic = b.ir.ShapedType.get_dynamic_size()
        sizes = [_entry(b, shape, axis) for axis, size in enumerate(after) if size is None]
        value = b.value(
            "tensor.expand_shape", [value, *sizes], type, reassociation=lists_of(b, [g[1] for g in groups]),
            static_output_shape=b.ir.DenseI64ArrayAttr.get([dynamic if size is None else size for size in after]),
        )  # fmt: skip
    elif value.type != type:
        value = b.value("tensor.cast", [value], type)
    return [value]


def lists_of(b, lists):
    i64 = b.ir.IntegerType.get_signless(64)
    return b.ir.ArrayAttr.get([b.ir.ArrayAttr.get([b.ir.IntegerAttr.get(i64, n) for n in inner]) for inner in lists])


def _slice(b, name, operands, result, offsets, sizes, strides, dims):
    """tensor.extract_slice or .insert_slice; `dims` are the sizes that its type knows."""
    dynamic = b.ir.ShapedType.get_dynamic_size()
    sizes = [size for size, known in zip(sizes, dims) if known is None]
    attributes = {
        "static_offsets": b.ir.DenseI64ArrayAttr.get([dynamic] * len(offsets)),
        "static_sizes": b.ir.DenseI64ArrayAttr.get([dynamic if size is None else size for size in dims]),
        "static_strides": b.ir.DenseI64ArrayAttr.get([dynamic if strides else 1] * len(offsets)),
        "operandSegmentSizes": b.ir.DenseI32ArrayAttr.get(
            [*[1] * len(operands), len(offsets), len(sizes), len(strides)]
        ),
    }
    return [b.value(name, [*operands, *offsets, *sizes, *strides], result, **attributes)]


def update_slice(b, operation):
    """stablehlo.dynamic_update_slice: the start moved inside."""
    target, update, *starts = operation.operands
    axes = range(len(starts))
    sizes = [b.size(update, axis) for axis in axes]
    offsets = []
    for axis in axes:
        highest = b.value("arith.subi", [b.size(target, axis), sizes[axis]], b.index)
        offsets.append(_clamp(b, b.as_index(b.extract(starts[axis], [])), highest))
    dims = dims_of(b, update.type)
    return _slice(b, "tensor.insert_slice", [update, target], target.type, offsets, sizes, [], dims)


def real_slice(b, operation):
    """stablehlo.real_dynamic_slice: starts, limits and strides that are computed."""
    source, *bounds = operation.operands
    type = operation.results[0].type
    dims = dims_of(b, type)
    axes = range(len(dims))
    offsets, limits, strides = ([_entry(b, bound, axis) for axis in axes] for bound in bounds)
    lengths = [b.value("arith.subi", [limits[axis], offsets[axis]], b.index) for axis in axes]
    sizes = [b.value("arith.ceildivsi", [lengths[axis], strides[axis]], b.index) for axis in axes]
    return _slice(b, "tensor.extract_slice", [source], type, offsets, sizes, strides, dims)
