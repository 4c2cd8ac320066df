"""The operations that torch-mlir puts between linalg and scf, as loops."""

from . import loops
from .builder import Builder, walk
from .errors import ExportError, place_of


def expand(ir, module):
    """torch-mlir's own operations as loops."""
    forms = {"tm_tensor.sort": _sort, "tm_tensor.scatter": _scatter, "tm_tensor.scan": _scan}
    for operation in reversed(walk(module.operation)):
        if operation.name in forms:
            new = forms[operation.name](Builder.before(ir, operation), operation)
            for result, value in zip(list(operation.results), new):
                result.replace_all_uses_with(value)
            operation.erase()


def _sort(b, operation):
    def wrong(b, firsts, seconds):
        # True where the first may stay before the second.
        pairs = [element for pair in zip(firsts, seconds) for element in pair]
        (in_order,) = b.inline(operation.regions[0].blocks[0], pairs)
        one = b.value("arith.constant", [], in_order.type, value=b.ir.IntegerAttr.get(in_order.type, 1))
        return b.value("arith.xori", [in_order, one], in_order.type)

    return loops.sort(b, list(operation.operands), operation.attributes["dimension"].value, wrong)


def _scan(b, operation):
    source, empty, initial = operation.operands
    if b.ir.RankedTensorType(source.type).rank != 1 or not operation.attributes["inclusive"].value:
        raise ExportError(f"{place_of(str(operation.location))}: a running sum of another kind than cumsum, cumprod, cummax and cummin")

    def combine(b, sofar, element):
        return b.inline(operation.regions[0].blocks[0], [sofar, element])[0]

    prefixes, last = loops.scan(b, source, empty, b.extract(initial, []), combine)
    return [prefixes, b.scalar(last)]


def _scatter(b, operation):
    updates, indices, target = operation.operands
    places = list(b.ir.DenseI64ArrayAttr(operation.attributes["dimension_map"]))
    rank = b.ir.RankedTensorType(target.type).rank
    updates_rank = b.ir.RankedTensorType(updates.type).rank
    # The slices of the updates line up with the last dimensions of the target.
    window = {rank - updates_rank + axis: axis for axis in range(1, updates_rank)}

    def place(b, positions):
        parts = [[] for _ in range(rank)]
        for axis, dimension in window.items():
            parts[axis].append(positions[dimension])
        for component, axis in enumerate(places):
            parts[axis].append(b.as_index(b.extract(indices, [positions[0], b.constant(component)])))
        return [b.sum(part) for part in parts]

    def combine(b, old, update):
        return b.inline(operation.regions[0].blocks[0], [update, old])[0]

    # torch-mlir makes one update where there are no indices.
    bounds = [b.size(indices, 0), *(b.size(updates, axis) for axis in range(1, updates_rank))]
    return loops.scatter(b, target, indices, updates, bounds=bounds, place=place, combine=combine)
