"""Tokens of several axes that a model joins stay joined."""

from .builder import Builder, walk


def keep(ir, module):
    """Makes collapses of several dynamic axes a tensor.reshape. moe-run cannot split what is computed from them, and
    takes their elements as tokens of one axis where it does not see the others."""
    for operation in list(walk(module.operation)):
        if operation.name != "tensor.collapse_shape":
            continue
        (source,) = operation.operands
        known = ir.RankedTensorType(source.type)
        groups = [[axis.value for axis in group] for group in operation.attributes["reassociation"]]
        if all(sum(known.is_dynamic_dim(axis) for axis in group) < 2 for group in groups):
            continue
        b = Builder.before(ir, operation)
        sizes = [b.product([b.size(source, axis) for axis in group]) for group in groups]
        shape = b.value("tensor.from_elements", sizes, ir.RankedTensorType.get([len(sizes)], b.index))
        operation.results[0].replace_all_uses_with(b.value("tensor.reshape", [source, shape], operation.results[0].type))
        operation.erase()
