"""stablehlo.case, .if and .while as scf.index_switch, scf.if and scf.while."""

from .builder import Builder, walk


def _branch(region):
    return lambda b: b.inline(region.blocks[0], [])


def _case(b, operation):
    """By a number; the last branch also stands for numbers that have none. That of lax.cond is a condition."""
    types = [result.type for result in operation.results]
    (number,) = operation.operands
    branches = [_branch(region) for region in operation.regions]
    if len(branches) == 1:
        return branches[0](b)
    condition = _condition_of(b, number)
    if condition is not None and len(branches) == 2:
        return b.choose(b.extract(condition, []), types, branches[1], branches[0])
    return b.switch(b.as_index(b.extract(number, [])), types, branches)


def _condition_of(b, number):
    """The condition that was made 0 or 1, or None."""
    owner = number.owner
    if getattr(owner, "name", "") != "stablehlo.convert":
        return None
    condition = owner.operands[0]
    bit = b.ir.IntegerType.get_signless(1)
    return condition if b.ir.RankedTensorType(condition.type).element_type == bit else None


def _if(b, operation):
    types = [result.type for result in operation.results]
    then, otherwise = (_branch(region) for region in operation.regions)
    return b.choose(b.extract(operation.operands[0], []), types, then, otherwise)


def _while(b, operation):
    types = [result.type for result in operation.results]
    loop = b.create("scf.while", list(operation.operands), types, regions=2)
    for old, new, end in zip(operation.regions, loop.regions, ("scf.condition", "scf.yield")):
        block = b.ir.Block.create_at_start(new, types, [b.location] * len(types))
        inner = Builder.inside(b.ir, block, b.location)
        yielded = inner.inline(old.blocks[0], list(block.arguments))
        if end == "scf.condition":
            yielded = [inner.extract(yielded[0], []), *block.arguments]
        inner.create(end, yielded)
    return list(loop.results)


_FORMS = {"stablehlo.case": _case, "stablehlo.if": _if, "stablehlo.while": _while}


def expand(ir, module):
    """Replaces every one of them, inner ones first."""
    for operation in reversed(walk(module.operation)):
        if operation.name in _FORMS:
            new = _FORMS[operation.name](Builder.before(ir, operation), operation)
            for result, value in zip(list(operation.results), new):
                result.replace_all_uses_with(value)
            operation.erase()
