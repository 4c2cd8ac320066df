"""From what JAX exports to the text of a model, in a process of its own: the conversion is native code."""

import pickle

import numpy as np

from . import child, layer_names, model, stablehlo
from .builder import Builder, main_of, walk
from .weights import Weights

# Smaller arrays are numbers of the program rather than weights.
_FEWEST_ELEMENTS = 16


def main(payload):
    return pickle.dumps(_convert(*pickle.loads(payload)))


def convert(*arguments):
    """_convert(*arguments)."""
    # It needs no accelerator, and every type that the caller may have switched on.
    settings = {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}
    try:
        return pickle.loads(child.call("convert", pickle.dumps(arguments), **settings))
    except child.Ended:
        artifact, shapes, _, _, _, layers, _ = arguments
        child.call("find_end", pickle.dumps((artifact, shapes, layers)), **settings)
        raise


def _convert(artifact, shapes, inputs, results, weights, layers, whole):
    """The text of a model and its weights, {name: array}, the array None where it is one of `weights`.

    artifact: StableHLO of a function of inputs and weights, one after the other, as JAX serializes it.
    shapes: of all its arguments; a size that is a text is a symbol.
    inputs, results: their names. weights: names. layers: names that errors may give as places.
    whole: the scope of the whole model, or nothing."""
    from jaxlib.mlir import ir

    with stablehlo.context(), ir.Location.unknown():
        module = stablehlo.read(artifact, shapes)
        stablehlo.to_upstream(module, layers)
        model.check(module, layers)
        model.clean(module)
        kept = Weights()
        main = main_of(ir, module)
        start = ir.InsertionPoint.at_block_begin(main.regions[0].blocks[0])
        kept.bind(Builder(ir, start, ir.Location.unknown()), main, dict.fromkeys(weights))
        model.set_names(ir, main, inputs, results)
        _lift_constants(ir, module, kept)
        text = model.text_of(module, lambda name: layer_names.of_jax(name, whole))
        return kept.declare(text), kept.tensors


def _lift_constants(ir, module, weights):
    """Makes weights of the arrays that the program holds."""
    known = {}
    for operation in walk(module.operation):
        if operation.name != "arith.constant" or not isinstance(operation.attributes["value"], ir.DenseElementsAttr):
            continue
        value = operation.attributes["value"]
        if value.is_splat or len(value) < _FEWEST_ELEMENTS:
            continue
        try:
            array = np.array(value)
        except Exception:  # a type that NumPy has not
            continue
        name = known.setdefault(value, f"constants.{len(known)}")
        result = operation.results[0]
        result.replace_all_uses_with(weights.load(Builder.before(ir, operation), name, array, result.type))
        operation.erase()
