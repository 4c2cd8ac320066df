"""stablehlo.case, .if and .while as scf.if and scf.while."""

from .builder import Builder, walk


def _branch(region):
    return lambda b: b.inline(region.blocks[0], [])


def _case(b, operation):
    """A chain of conditions; the last branch also stands for numbers that have none."""
    types = [result.type for result in operation.results]
    chosen = b.as_index(b.extract(operation.operands[0], []))
    branches = [_branch(region) for region in operation.regions]

    def from_number(b, number):
        if number == len(branches) - 1:
            return branches[number](b)
        here = b.compare("eq", chosen, b.constant(number))
        return b.choose(here, types, branches[number], lambda b: from_number(b, number + 1))

    return from_number(b, 0)


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
