"""Finds the operation that ends the process of jaxlib's converter: each is converted alone, in a process of its own."""

import os
import pickle

from . import stablehlo
from .builder import Builder, walk
from .errors import ExportError, place_of


def main(payload):
    """Of an artifact, the shapes of its arguments and the names of layers: raises ExportError, or returns nothing."""
    from jaxlib.mlir import ir

    artifact, shapes, layers = pickle.loads(payload)
    with stablehlo.context(), ir.Location.unknown():
        module = stablehlo.read(artifact, shapes)
        stablehlo.prepare(module, layers)
        for operation in walk(module.operation):
            if operation.name.startswith("stablehlo.") and _ends(ir, operation):
                place = place_of(str(operation.location), layers)
                raise ExportError(f"{place}: {operation.name} ends the process of the converter; write it in another way")
    return b""


def _ends(ir, operation):
    child = os.fork()
    if not child:
        try:
            stablehlo.convert_rest(_alone(ir, operation))
        except Exception:
            pass  # what has no counterpart is said elsewhere
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _alone(ir, operation):
    """A module with a function that does nothing else."""
    module = ir.Module.create()
    inputs = [operand.type for operand in operation.operands]
    type = ir.FunctionType.get(inputs, [result.type for result in operation.results])
    outside = Builder.inside(ir, module.body, ir.Location.unknown())
    names = {"sym_name": ir.StringAttr.get("main"), "function_type": ir.TypeAttr.get(type)}
    function = outside.create("func.func", attributes=names, regions=1)
    block = ir.Block.create_at_start(function.regions[0], inputs, [ir.Location.unknown()] * len(inputs))
    with ir.InsertionPoint(block):
        copy = operation.clone()
    for number, argument in enumerate(block.arguments):
        copy.operands[number] = argument
    Builder.inside(ir, block, ir.Location.unknown()).create("func.return", list(copy.results))
    return module
