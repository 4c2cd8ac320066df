"""Sort, scatter and scan as loops of scf: upstream MLIR has no such operations on tensors."""

from .builder import Builder


def scatter(b, target, indices, updates, *, bounds, place, combine):
    """Writes each element of the updates to its place in the target; one outside of the target is skipped.

    bounds: of the loops, one for each dimension of the updates.
    place(builder, positions): the place of an element of the updates, one index for each dimension of the target.
    combine(builder, old, update): what is written.
    """

    def body(b, positions, carried):
        (result,) = carried
        places = place(b, positions)
        inside = None
        for axis, at in enumerate(places):
            # An index below zero is a huge unsigned number.
            within = b.compare("ult", at, b.size(result, axis))
            inside = b.value("arith.andi", [inside, within], within.type) if inside else within

        def write(b):
            new = combine(b, b.extract(result, places), b.extract(updates, positions))
            return [b.insert(new, result, places)]

        return b.choose(inside, [result.type], write, lambda _: [result]) if places else write(b)

    return b.loops(bounds, [target], body)


def sort(b, tensors, axis, wrong):
    """Sorts tensors of one shape together along an axis by exchanging neighbours.

    wrong(builder, firsts, seconds): whether two neighbours change places; they have an element of each tensor.
    """
    rank = b.ir.RankedTensorType(tensors[0].type).rank
    sizes = [b.size(tensors[0], n) for n in range(rank)]
    minus_one = b.constant(-1)
    # An empty row has no neighbours: a bound below zero is no round.
    pairs = b.add(sizes[axis], minus_one)
    others = [n for n in range(rank) if n != axis]

    def exchange(b, positions, carried):
        *row, _, at = positions
        here = dict(zip(others, row)) | {axis: at}
        there = here | {axis: b.add(at, b.constant(1))}
        here, there = ([where[n] for n in range(rank)] for where in (here, there))
        firsts = [b.extract(t, here) for t in carried]
        seconds = [b.extract(t, there) for t in carried]
        swap = wrong(b, firsts, seconds)
        results = []
        for tensor, first, second in zip(carried, firsts, seconds):
            low = b.value("arith.select", [swap, second, first], first.type)
            high = b.value("arith.select", [swap, first, second], first.type)
            results.append(b.insert(high, b.insert(low, tensor, here), there))
        return results

    return b.loops([*(sizes[n] for n in others), sizes[axis], pairs], list(tensors), exchange)


def scan(b, source, empty, start, combine):
    """The inclusive prefixes of a vector into `empty`, and the last of them; `start` is an element."""

    def step(b, at, carried):
        sofar, result = carried
        sofar = combine(b, sofar, b.extract(source, [at]))
        return [sofar, b.insert(sofar, result, [at])]

    last, prefixes = b.loop(b.size(source, 0), [start, empty], step)
    return prefixes, last


def fill(b, type, sizes, element, inputs=()):
    """A tensor of which `element(builder, positions, *values)` makes each element; `sizes` are the dynamic ones of its
    type. The values are elements of the inputs, whose dimensions are the first ones of the tensor."""
    ir = b.ir
    rank = ir.RankedTensorType(type).rank
    empty = b.value("tensor.empty", sizes, type)
    axes = [ir.AffineDimExpr.get(axis) for axis in range(rank)]
    ranks = [*(ir.RankedTensorType(tensor.type).rank for tensor in inputs), rank]
    maps = [ir.AffineMapAttr.get(ir.AffineMap.get(rank, 0, axes[:count])) for count in ranks]
    attributes = {
        "indexing_maps": ir.ArrayAttr.get(maps),
        "iterator_types": ir.ArrayAttr.get([ir.Attribute.parse("#linalg.iterator_type<parallel>")] * rank),
        "operandSegmentSizes": ir.DenseI32ArrayAttr.get([len(inputs), 1]),
    }
    generic = b.create("linalg.generic", [*inputs, empty], [type], attributes, regions=1)
    elements = [ir.RankedTensorType(tensor.type).element_type for tensor in (*inputs, empty)]
    block = ir.Block.create_at_start(generic.regions[0], elements, [b.location] * len(elements))
    inner = Builder.inside(ir, block, b.location)
    i64 = ir.IntegerType.get_signless(64)
    positions = [
        inner.value("linalg.index", [], inner.index, dim=ir.IntegerAttr.get(i64, axis)) for axis in range(rank)
    ]
    inner.create("linalg.yield", [element(inner, positions, *list(block.arguments)[:-1])])
    return list(generic.results)
