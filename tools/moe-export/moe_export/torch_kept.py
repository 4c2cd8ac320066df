"""The operations of torch_graph/kept.py: calls through torch-mlir, loops afterwards. torch.cond is one as well, whose
branches are functions on the way."""

import math
import os

from . import loops
from .builder import Builder, walk
from .errors import place_of
from .torch_graph.kept import SCANS

_PREFIX = "torch.moe_export."


def call(ir, module):
    """Makes calls of our operations: {function: (operation, numbers)}, for `expand`."""
    calls, branches = {}, []
    for operation in list(walk(module.operation)):
        if operation.name != "torch.operator":
            continue
        name = ir.StringAttr(operation.attributes["name"]).value
        if not name.startswith(_PREFIX):
            continue
        tensors, numbers = _split(operation)
        if "branches" in operation.attributes:
            numbers = [ir.StringAttr(branch).value for branch in ir.ArrayAttr(operation.attributes["branches"])]
            branches += numbers
        function = f"moe_export.{len(calls)}"
        calls[function] = name.removeprefix(_PREFIX), numbers
        types = [result.type for result in operation.results]
        b = Builder.before(ir, operation)
        made = b.create("func.call", tensors, types, {"callee": ir.FlatSymbolRefAttr.get(function)})
        for old, new in zip(operation.results, made.results):
            old.replace_all_uses_with(new)
        operation.erase()
        type = ir.FunctionType.get([tensor.type for tensor in tensors], types)
        names = {"sym_name": ir.StringAttr.get(function), "sym_visibility": ir.StringAttr.get("private")}
        outside = Builder(ir, ir.InsertionPoint(module.body), made.location)
        outside.create("func.func", attributes=names | {"function_type": ir.TypeAttr.get(type)}, regions=1)
    for function in module.body.operations:
        # Nothing calls them meanwhile.
        if _name(ir, function) in branches:
            del function.attributes["sym_visibility"]
    return calls


def _name(ir, function):
    return ir.StringAttr(function.attributes["sym_name"]).value


def _split(operation):
    """The tensors and the numbers among the operands."""
    tensors, numbers = [], []
    for operand in operation.operands:
        owner = operand.owner
        name = getattr(owner, "name", "")
        if name == "torch.prim.ListConstruct":
            tensors += list(owner.operands)
        elif name in ("torch.constant.int", "torch.constant.bool"):
            numbers.append(owner.attributes["value"].value)
        else:
            tensors.append(operand)
    return tensors, numbers


def expand(ir, module, calls):
    """Loops in place of the calls."""
    forms = {"nonzero": _nonzero, "index": _index, "put": _put, "scan": _scan, "sort": _sort, "cond": _cond}
    functions = {_name(ir, function): function for function in module.body.operations}
    done = set(calls)
    for operation in list(walk(module.operation)):
        if operation.name == "func.call":
            function = ir.FlatSymbolRefAttr(operation.attributes["callee"]).value
            if function in calls:
                name, numbers = calls[function]
                if name == "cond":
                    done.update(numbers)
                    numbers = [functions[branch] for branch in numbers]
                new = forms[name](Builder.before(ir, operation), operation, *numbers)
                for old, value in zip(list(operation.results), new):
                    old.replace_all_uses_with(value)
                operation.erase()
    for function in done:
        functions[function].operation.erase()


def _cond(b, operation, *functions):
    """The body of one of two functions, each of which moves."""
    condition, *operands = operation.operands
    types = [result.type for result in operation.results]

    def cast(b, values, types):
        pairs = zip(values, types)
        return [value if value.type == type else b.value("tensor.cast", [value], type) for value, type in pairs]

    def body(function):
        block = function.regions[0].blocks[0]
        inputs = [argument.type for argument in block.arguments]
        return lambda b: cast(b, b.inline(block, cast(b, operands, inputs)), types)

    zeros = [b.constant(0)] * b.ir.RankedTensorType(condition.type).rank
    return b.choose(b.extract(condition, zeros), types, *map(body, functions))


def _nonzero(b, operation):
    (mask,) = operation.operands
    type = operation.results[0].type
    length = b.size(mask, 0)
    empty = b.value("tensor.empty", [length], _dynamic(b, type, [0]))

    def step(b, at, carried):
        # Each position is written where the next true one belongs; a later one overwrites that of a false one.
        count, places = carried
        number = b.value("arith.index_cast", [at], b.ir.RankedTensorType(type).element_type)
        more = b.value("arith.index_castui", [b.extract(mask, [at])], b.index)
        return [b.add(count, more), b.insert(number, places, [count])]

    count, places = b.loop(length, [b.constant(0), empty], step)
    return [_first(b, places, count, type)]


def _first(b, vector, count, type):
    """The first elements of a vector."""
    ir = b.ir
    dynamic = ir.ShapedType.get_dynamic_size()
    return b.value(
        "tensor.extract_slice", [vector, count], type,
        static_offsets=ir.DenseI64ArrayAttr.get([0]), static_sizes=ir.DenseI64ArrayAttr.get([dynamic]),
        static_strides=ir.DenseI64ArrayAttr.get([1]), operandSegmentSizes=ir.DenseI32ArrayAttr.get([1, 0, 1, 0]),
    )  # fmt: skip


def _dynamic(b, type, axes):
    """A type of tensors whose sizes along axes are not known."""
    type = b.ir.RankedTensorType(type)
    shape = [b.ir.ShapedType.get_dynamic_size() if axis in axes else type.shape[axis] for axis in range(type.rank)]
    return b.ir.RankedTensorType.get(shape, type.element_type)


def _index(b, operation):
    x, *at = operation.operands
    type = b.ir.RankedTensorType(operation.results[0].type)
    rank = b.ir.RankedTensorType(at[0].type).rank
    sizes = [b.size(x, axis) for axis in range(len(at))]

    def element(b, positions, *numbers):
        places = [_wrapped(b, b.as_index(number), size) for number, size in zip(numbers, sizes)]
        return b.extract(x, [*places, *positions[rank:]])

    whole = type.rank - rank
    origins = [*((at[0], axis) for axis in range(rank)), *((x, len(at) + axis) for axis in range(whole))]
    dynamic = [b.size(*origin) for axis, origin in enumerate(origins) if type.is_dynamic_dim(axis)]
    return loops.fill(b, type, dynamic, element, at)


def _wrapped(b, number, size):
    """A position; one below zero counts from the end."""
    low = b.compare("slt", number, b.constant(0))
    return b.value("arith.select", [low, b.add(number, size), number], b.index)


def _put(b, operation, add, wrap):
    target, *at, values = operation.operands
    type = b.ir.RankedTensorType(target.type)
    rank = b.ir.RankedTensorType(at[0].type).rank
    bounds = [b.size(values, axis) for axis in range(b.ir.RankedTensorType(values.type).rank)]
    sizes = [b.size(target, axis) for axis in range(len(at))]
    bit = b.ir.IntegerType.get_signless(1)

    def place(b, positions):
        places = []
        for each, size in zip(at, sizes):
            one = b.as_index(b.extract(each, positions[:rank]))
            places.append(_wrapped(b, one, size) if wrap else one)
        return places

    def inside(b, positions, carried):
        for one, size in zip(place(b, positions), sizes):
            carried = [b.value("arith.andi", [*carried, b.compare("ult", one, size)], bit)]
        return carried

    true = b.value("arith.constant", [], bit, value=b.ir.IntegerAttr.get(bit, 1))
    (good,) = b.loops(bounds[:rank], [true], inside)
    # The model goes to other machines: the name of the file is enough.
    place_of_user = os.path.basename(place_of(str(operation.location)))
    message = f"{place_of_user}: a position outside of the tensor" + ("" if wrap else "; they are numbered from 0 here")
    b.create("cf.assert", [good], attributes={"msg": b.ir.StringAttr.get(message)})

    def write(b, positions, carried):
        (result,) = carried
        places = [*place(b, positions), *positions[rank:]]
        value = b.extract(values, positions)
        if add:
            value = b.value(_adding(type.element_type), [b.extract(result, places), value], type.element_type)
        return [b.insert(value, result, places)]

    return b.loops(bounds, [target], write)


def _adding(element):
    kind = str(element)
    return "arith.ori" if kind == "i1" else "arith.addi" if kind.startswith("i") else "arith.addf"


def _scan(b, operation, axis, kind):
    (x,) = operation.operands
    type = b.ir.RankedTensorType(x.type)
    sizes = [b.size(x, n) for n in range(type.rank)]
    empty = b.value("tensor.empty", [sizes[n] for n in range(type.rank) if type.is_dynamic_dim(n)], type)
    floating = isinstance(type.element_type, b.ir.FloatType)
    # NaN is the greatest and the least.
    endings = {"add": "fi", "mul": "fi", "max": ("imumf", "si"), "min": ("imumf", "si")}[SCANS[kind]]
    combine = f"arith.{SCANS[kind]}{endings[0 if floating else 1]}"
    others = [n for n in range(type.rank) if n != axis]

    def row(b, positions, carried):
        here = dict(zip(others, positions))
        start = _neutral(b, type.element_type, SCANS[kind])

        def step(b, at, carried):
            sofar, result = carried
            place = [(here | {axis: at})[n] for n in range(type.rank)]
            sofar = b.value(combine, [sofar, b.extract(x, place)], type.element_type)
            return [sofar, b.insert(sofar, result, place)]

        return b.loop(sizes[axis], [start, *carried], step)[1:]

    return b.loops([sizes[n] for n in others], [empty], row)


def _neutral(b, type, kind):
    """What changes no element."""
    ir = b.ir
    if isinstance(type, ir.FloatType):
        number = {"add": 0.0, "mul": 1.0, "max": -math.inf, "min": math.inf}[kind]
        return b.value("arith.constant", [], type, value=ir.FloatAttr.get(type, number))
    highest = 2 ** (type.width - 1) - 1
    number = {"add": 0, "mul": 1, "max": -highest - 1, "min": highest}[kind]
    return b.value("arith.constant", [], type, value=ir.IntegerAttr.get(type, number))


def _sort(b, operation, axis, descending):
    (x,) = operation.operands
    type, numbers = (b.ir.RankedTensorType(result.type) for result in operation.results)
    sizes = [b.size(x, n) for n in range(type.rank) if type.is_dynamic_dim(n)]
    number = b.ir.RankedTensorType(numbers).element_type

    def position(b, at):
        return b.value("arith.index_cast", [at[axis]], number)

    (start,) = loops.fill(b, numbers, sizes, position)
    before = _before(b, str(type.element_type), descending)

    def wrong(b, firsts, seconds):
        # Equal ones stay.
        return before(b, seconds[0], firsts[0])

    return loops.sort(b, [x, start], axis, wrong)


def _before(b, element, descending):
    """Whether a number comes before another one in a sorted row."""
    ordered = b.ir.IntegerType.get_signless(64)
    predicate = lambda n: b.ir.IntegerAttr.get(ordered, n)
    bit = b.ir.IntegerType.get_signless(1)

    def compare(b, name, number, a, c):
        return b.value(name, [a, c], bit, predicate=predicate(number))

    if element.startswith("i"):
        unsigned = element == "i1"
        number = (8 if unsigned else 4) if descending else (6 if unsigned else 2)
        return lambda b, a, c: compare(b, "arith.cmpi", number, a, c)

    def floats(b, a, c):
        # NaN is larger than all others: uno (14) tells it apart.
        small, large = (c, a) if descending else (a, c)
        less = compare(b, "arith.cmpf", 4, small, large)
        nan = compare(b, "arith.cmpf", 14, large, large)
        number = compare(b, "arith.cmpf", 7, small, small)
        return b.value("arith.ori", [less, b.value("arith.andi", [nan, number], bit)], bit)

    return floats
