"""Creates operations of upstream MLIR with the bindings that a framework ships.

jaxlib and torch-mlir carry MLIR's bindings of their own, `ir`; the dialects' classes differ between them, so
operations are made by name.
"""


class Builder:
    """Creates operations at one place. Values of index type are SSA values."""

    def __init__(self, ir, point, location):
        self.ir, self.point, self.location = ir, point, location
        self.index = ir.IndexType.get()

    @classmethod
    def before(cls, ir, operation):
        return cls(ir, ir.InsertionPoint(operation), operation.location)

    @classmethod
    def inside(cls, ir, block, location):
        """At the end of a block."""
        return cls(ir, ir.InsertionPoint(block), location)

    def create(self, name, operands=(), types=(), attributes=None, regions=0):
        return self.ir.Operation.create(
            name, results=list(types), operands=list(operands), attributes=attributes or {}, regions=regions,
            ip=self.point, loc=self.location,
        )  # fmt: skip

    def value(self, name, operands, type, **attributes):
        return self.create(name, operands, [type], attributes).results[0]

    def constant(self, number):
        return self.value("arith.constant", [], self.index, value=self.ir.IntegerAttr.get(self.index, number))

    def size(self, tensor, axis):
        """The size of a tensor along an axis."""
        type = self.ir.RankedTensorType(tensor.type)
        if not type.is_dynamic_dim(axis):
            return self.constant(type.get_dim_size(axis))
        return self.value("tensor.dim", [tensor, self.constant(axis)], self.index)

    def extract(self, tensor, places):
        return self.value("tensor.extract", [tensor, *places], self.ir.RankedTensorType(tensor.type).element_type)

    def insert(self, element, tensor, places):
        return self.value("tensor.insert", [element, tensor, *places], tensor.type)

    def scalar(self, element):
        """A tensor without dimensions that holds an element."""
        return self.value("tensor.from_elements", [element], self.ir.RankedTensorType.get([], element.type))

    def as_index(self, number):
        return self.value("arith.index_cast", [number], self.index)

    def add(self, a, b):
        return self.value("arith.addi", [a, b], self.index)

    def sum(self, values):
        total = values[0]
        for value in values[1:]:
            total = self.add(total, value)
        return total

    def product(self, values):
        total = values[0]
        for value in values[1:]:
            total = self.value("arith.muli", [total, value], self.index)
        return total

    def compare(self, predicate, a, b):
        """Of indices; predicates are numbered as in arith.cmpi."""
        number = {"eq": 0, "slt": 2, "ult": 6}[predicate]
        boolean = self.ir.IntegerType.get_signless(1)
        attribute = self.ir.IntegerAttr.get(self.ir.IntegerType.get_signless(64), number)
        return self.value("arith.cmpi", [a, b], boolean, predicate=attribute)

    def inline(self, block, values):
        """Moves a block's operations here, its arguments replaced; returns the operands of its terminator."""
        for argument, value in zip(list(block.arguments), values):
            argument.replace_all_uses_with(value)
        *operations, last = list(block.operations)
        for operation in operations:
            self.point.insert(operation.detach_from_parent())
        yielded = list(last.operands)
        last.operation.erase()
        return yielded

    def loop(self, bound, carried, body):
        """scf.for from 0; `body(builder, position, carried)` returns the next values."""
        types = [value.type for value in carried]
        loop = self.create("scf.for", [self.constant(0), bound, self.constant(1), *carried], types, regions=1)
        block = self.ir.Block.create_at_start(
            loop.regions[0], [self.index, *types], [self.location] * (1 + len(types))
        )
        inner = Builder.inside(self.ir, block, self.location)
        inner.create("scf.yield", body(inner, block.arguments[0], list(block.arguments)[1:]))
        return list(loop.results)

    def loops(self, bounds, carried, body):
        """A loop for each bound, one in the other; `body(builder, positions, carried)`."""
        if not bounds:
            return body(self, [], carried)

        def one(inner, position, values):
            return inner.loops(bounds[1:], values, lambda b, rest, v: body(b, [position, *rest], v))

        return self.loop(bounds[0], carried, one)

    def choose(self, condition, types, then, otherwise):
        """scf.if; `then(builder)` and `otherwise(builder)` return values of these types."""
        operation = self.create("scf.if", [condition], types, regions=2)
        return self._fill(operation, (then, otherwise))

    def switch(self, number, types, branches):
        """scf.index_switch between `branch(builder)` for 0, 1, ...; the last one is for all other numbers."""
        cases = self.ir.DenseI64ArrayAttr.get(range(len(branches) - 1))
        operation = self.create("scf.index_switch", [number], types, {"cases": cases}, regions=len(branches))
        return self._fill(operation, (branches[-1], *branches[:-1]))

    def _fill(self, operation, branches):
        """Gives an operation its regions; returns its results."""
        for region, branch in zip(operation.regions, branches):
            inner = Builder.inside(self.ir, self.ir.Block.create_at_start(region, []), self.location)
            inner.create("scf.yield", branch(inner))
        return list(operation.results)


def walk(operation):
    """The operations inside an operation, outer ones first. A list: it may be changed while one goes through it, but
    what is inside of an operation that was erased is erased as well."""
    found = []
    for region in operation.regions:
        for block in region.blocks:
            for inner in block.operations:
                found.append(inner.operation)
                found += walk(inner.operation)
    return found


def main_of(ir, module):
    """The function `main` of a module."""
    return next(f for f in module.body.operations if ir.StringAttr(f.attributes["sym_name"]).value == "main")


def update_type(ir, function):
    """Makes a function's type that of its body, and drops what was said about its arguments."""
    block = function.regions[0].blocks[0]
    inputs = [argument.type for argument in block.arguments]
    results = [value.type for value in list(block.operations)[-1].operands]
    function.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(inputs, results))
    for name in ("arg_attrs", "res_attrs"):
        if name in function.attributes:
            del function.attributes[name]
