"""Functions of JAX."""

import numpy as np

from . import flax, model, stablehlo, versions
from .convert import convert
from .errors import ExportError, explained, warn
from .structure import names_of


def jax(function, args, folder, *, weights=None, dynamic=None):
    """Exports `function(*args)`, or `function(weights, *args)` if there are weights, to a folder.

    function: or a module of Flax NNX, as it predicts; its state are the weights.
    args: arrays, or what has their shape and dtype, or trees of them; the inputs of the model. Those in dictionaries
        are named by their keys, and so are results.
    weights: a tree of arrays; its keys, joined with "/", are the names. Arrays that the function has captured
        become weights named constants.0, constants.1, ...
    dynamic: whether the first axis of the inputs, where it is as long as that of the first one, may have another
        length when the model runs. By default it may if JAX can trace that, with a warning if not.
    """
    versions.check("jax", "jax", "jaxlib")
    from jax import tree_util

    if flax.is_module(function):
        if weights is not None:
            raise ExportError("a module of Flax has its weights itself; leave weights= out")
        function, weights = flax.split(function)
    named, structure = {}, None
    if weights is not None:
        leaves, structure = tree_util.tree_flatten_with_path(weights)
        named = {tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf) for path, leaf in leaves}
    inputs, form = tree_util.tree_flatten_with_path(tuple(args))
    results = []

    def flat(*arrays):
        given = tree_util.tree_unflatten(form, arrays[: len(inputs)])
        if structure is not None:
            given = (tree_util.tree_unflatten(structure, arrays[len(inputs) :]), *given)
        made, _ = tree_util.tree_flatten_with_path(function(*given))
        results[:] = names_of([_path(entries) for entries, _ in made], "result")
        return tuple(leaf for _, leaf in made)

    # The only argument is what the model takes.
    paths = [_path(entries)[len(args) == 1 :] for entries, _ in inputs]
    specs = [_shaped(leaf) for _, leaf in inputs]
    batch = next((spec.shape[0] for spec in specs if spec.shape), None)
    fixed = [tuple(spec.shape) for spec in specs]
    free = [("batch", *shape[1:]) if shape and shape[0] == batch else shape for shape in fixed]
    types = [spec.dtype for spec in specs]
    names = names_of(paths, "input"), results
    if dynamic is False or batch is None:
        return export(flat, fixed, types, named, folder, names)
    try:
        return export(flat, free, types, named, folder, names)
    except Exception as problem:
        first = explained(problem)
    if not dynamic:
        # What fails for any size says so itself.
        export(flat, fixed, types, named, folder, names)
        return warn(f"the batch of {folder} is fixed to {batch}: {first}")
    raise first


def _path(entries):
    """A path of JAX as one of `structure`."""
    from jax import tree_util

    position = tree_util.SequenceKey
    return tuple(e.idx if isinstance(e, position) else str(getattr(e, "key", getattr(e, "name", e))) for e in entries)


def _shaped(leaf):
    """A number is an array too."""
    return leaf if hasattr(leaf, "shape") and hasattr(leaf, "dtype") else np.asarray(leaf)


def specs_of(shapes, types, named):
    """What JAX traces: a size that is a name is a symbol."""
    import jax
    from jax import dtypes, export

    names = list(dict.fromkeys(size for shape in shapes for size in shape if isinstance(size, str)))
    symbols = dict(zip(names, export.symbolic_shape(",".join(names)))) if names else {}
    inputs = [
        jax.ShapeDtypeStruct(tuple(symbols.get(size, size) for size in shape), dtypes.canonicalize_dtype(dtype))
        for shape, dtype in zip(shapes, types)
    ]
    return inputs + [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in named.values()]


def export(flat, shapes, types, named, folder, names, layers=(), whole="", explain=explained):
    """Exports a function of inputs and weights, one after the other, that returns a tuple.

    names: a list of those of the inputs and one of those of the results, which may be filled while tracing.
    layers: names that errors may give as places. whole: the scope of the whole model, or nothing.
    explain(problem): the error for what happened while tracing."""
    specs = specs_of(shapes, types, named)
    try:
        artifact = stablehlo.serialize(flat, specs)
    except Exception as problem:
        raise explain(problem) from None
    text, tensors = convert(artifact, stablehlo.shapes_of(specs), *names, list(named), set(layers), whole)
    model.write_text(folder, text, {name: named.get(name, array) for name, array in tensors.items()})
