"""Unsigned integers: the inputs, results and weights of a model are, what computes with them has signless ones."""

from .builder import Builder, update_type, walk


def boundary(ir, main):
    """Which arguments and which results of a function are unsigned."""
    block = main.regions[0].blocks[0]
    values = block.arguments, _end(block).operands
    return [[_signless(ir, value.type) != value.type for value in each] for each in values]


def make_signless(ir, module):
    """Loops and branches keep unsigned types, which upstream's operations have not; conversion casts around them."""
    operations = walk(module.operation)
    for operation in operations:
        blocks = [block for region in operation.regions for block in region.blocks]
        for value in [*operation.results, *(argument for block in blocks for argument in block.arguments)]:
            if (type := _signless(ir, value.type)) != value.type:
                value.set_type(type)
    for operation in operations:
        if operation.name == "builtin.unrealized_conversion_cast":
            if operation.operands[0].type == operation.results[0].type:
                operation.results[0].replace_all_uses_with(operation.operands[0])
                operation.erase()
    for function in module.body.operations:
        update_type(ir, function)


def keep(ir, main, inputs, results):
    """Makes the arguments and results that were unsigned so again; within the function their bits are signless."""
    ir.Context.current.dialects["tensor"]  # is loaded by this
    block = main.regions[0].blocks[0]
    b = Builder(ir, ir.InsertionPoint.at_block_begin(block), ir.Location.unknown())
    for argument, unsigned in zip(list(block.arguments), inputs):
        if unsigned:
            uses = [(use.owner, use.operand_number) for use in argument.uses]
            inner = argument.type
            argument.set_type(_unsigned(ir, inner))
            # A weight without a use is left out.
            seen = b.value("tensor.bitcast", [argument], inner) if uses else None
            for owner, number in uses:
                owner.operands[number] = seen
    end = _end(block)
    b = Builder.before(ir, end)
    for number, unsigned in enumerate(results):
        if unsigned:
            value = end.operands[number]
            end.operands[number] = b.value("tensor.bitcast", [value], _unsigned(ir, value.type))
    update_type(ir, main)


def _end(block):
    return list(block.operations)[-1].operation


def _signless(ir, type):
    return _with_element(ir, type, ir.IntegerType.get_signless)


def _unsigned(ir, type):
    return _with_element(ir, type, ir.IntegerType.get_unsigned)


def _with_element(ir, type, make):
    """A type of integers as another one of them."""
    if isinstance(type, ir.IntegerType):
        return make(type.width)
    if isinstance(type, ir.RankedTensorType) and isinstance(type.element_type, ir.IntegerType):
        return ir.RankedTensorType.get(type.shape, make(type.element_type.width))
    return type
