"""Functions of JAX."""

import warnings

import numpy as np

from . import model, stablehlo, versions
from .builder import Builder, walk
from .errors import ExportError, first_line
from .weights import Weights

# Smaller arrays are numbers of the program rather than weights.
_FEWEST_ELEMENTS = 16


def jax(function, args, folder, *, weights=None, dynamic=None):
    """Exports `function(*args)`, or `function(weights, *args)` if there are weights, to a folder.

    args: arrays, or what has their shape and dtype; the inputs of the model.
    weights: a tree of arrays; its keys, joined with "/", are the names. Arrays that the function has captured
        become weights named constants.0, constants.1, ...
    dynamic: whether the first axis of the inputs, where it is as long as that of the first one, may have another
        length when the model runs. By default it may if JAX can trace that, with a warning if not.
    """
    versions.check("jax", "jax", "jaxlib")
    from jax import tree_util

    named, structure = {}, None
    if weights is not None:
        leaves, structure = tree_util.tree_flatten_with_path(weights)
        named = {tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}

    def flat(*arrays):
        inputs, values = arrays[: len(args)], arrays[len(args) :]
        if structure is None:
            return _flatten(function(*inputs))
        return _flatten(function(tree_util.tree_unflatten(structure, values), *inputs))

    shapes = [(tuple(arg.shape), arg.dtype) for arg in args]
    batch = next((shape[0] for shape, _ in shapes if shape), None)
    fixed = [shape for shape, _ in shapes]
    free = [("batch", *shape[1:]) if shape and shape[0] == batch else shape for shape in fixed]
    types = [dtype for _, dtype in shapes]
    if dynamic is False or batch is None:
        return export(flat, fixed, types, named, folder)
    try:
        return export(flat, free, types, named, folder)
    except Exception as problem:
        first = as_error(problem)
    if not dynamic:
        # What fails for any size says so itself.
        export(flat, fixed, types, named, folder)
        return warnings.warn(f"the batch of {folder} is fixed to {batch}: {first}", stacklevel=2)
    raise first


def as_error(problem):
    return problem if isinstance(problem, ExportError) else ExportError(first_line(problem))


def _flatten(results):
    from jax import tree_util

    return tuple(tree_util.tree_leaves(results))


def specs_of(shapes, types, named):
    """What JAX traces: a size that is a name is a symbol."""
    import jax
    from jax import export

    names = list(dict.fromkeys(size for shape in shapes for size in shape if isinstance(size, str)))
    symbols = dict(zip(names, export.symbolic_shape(",".join(names)))) if names else {}
    inputs = [
        jax.ShapeDtypeStruct(tuple(symbols.get(size, size) for size in shape), dtype)
        for shape, dtype in zip(shapes, types)
    ]
    return inputs + [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in named.values()]


def export(flat, shapes, types, named, folder, layers=(), explain=as_error):
    """Exports a function of inputs and weights, one after the other, that returns a tuple.

    layers: names that errors may give as places. explain(problem): the error for what happened while tracing."""
    from jaxlib.mlir import ir

    with stablehlo.context(), ir.Location.unknown():
        try:
            module = stablehlo.lower(flat, specs_of(shapes, types, named))
        except Exception as problem:
            raise explain(problem) from problem
        stablehlo.to_upstream(module, layers)
        model.check(module, layers)
        model.clean(module)
        kept = Weights()
        main = next(f for f in module.body.operations if ir.StringAttr(f.attributes["sym_name"]).value == "main")
        start = ir.InsertionPoint.at_block_begin(main.regions[0].blocks[0])
        kept.bind(Builder(ir, start, ir.Location.unknown()), main, named)
        _lift_constants(ir, module, kept)
        model.write(folder, module, kept)


def _lift_constants(ir, module, weights):
    """Makes weights of the arrays that the program holds."""
    known = {}
    for operation in list(walk(module.operation)):
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
