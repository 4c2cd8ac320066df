"""Models of Keras 3, on its JAX backend."""

import importlib
import os
import pickle
import sys
import tempfile

import numpy as np

from . import child, keras_inputs, versions
from .errors import ExportError, advice, explained, first_line
from .jax import export, specs_of
from .structure import flatten, names_of, pack


def keras(model, folder, *, inputs=None, batch=None):
    """Exports a model as it predicts: without dropout, batch normalisation by its moving statistics.

    model: or the path of a .keras file. The model must know its inputs: Functional, Sequential after build, or called,
        built or fitted once. A file, and a model that a file can hold, may be of any backend.
    inputs: what the model is called on, where it does not know: keras.Input(...), arrays or what has their shape and
        dtype, or a structure of them; their first axis is the batch.
    batch: its size; by default any.

    Weights are named by their variables' paths, inputs and results by their keys in dictionaries.
    """
    versions.check("keras", "keras", "jax", "jaxlib")
    if isinstance(model, (str, os.PathLike)):
        return _from_file(os.fspath(model), folder, inputs, batch)
    from keras import StatelessScope, config

    if config.backend() != "jax":
        return _from_backend(model, folder, inputs, batch)
    call = keras_inputs.find(model, inputs)
    leaves, results = call.leaves, []
    variables = model.variables
    named = _named(variables)

    def flat(*arrays):
        args, kwargs = pack((call.args, call.kwargs), iter(arrays[: len(leaves)]))
        filtered = config.is_traceback_filtering_enabled()
        # What Keras makes of an exception lacks the layers, and some it cannot remake.
        config.disable_traceback_filtering()
        try:
            with StatelessScope(state_mapping=list(zip(variables, arrays[len(leaves) :]))):
                made = model(*args, **kwargs, training=False)
        finally:
            if filtered:
                config.enable_traceback_filtering()
        made = flatten(made)
        results[:] = names_of([path for path, _ in made], "result")
        return tuple(leaf for _, leaf in made)

    shapes = [_shape(leaf.shape, batch) for leaf in leaves]
    types = [leaf.dtype for leaf in leaves]
    if call.guessed:
        try:
            types = keras_inputs.integers_for(flat, specs_of(shapes, types, named), types)
        except Exception as problem:
            raise _explain(problem) from None
    export(
        flat,
        shapes,
        types,
        named,
        folder,
        (call.names, results),
        layers={layer.name for layer in model._flatten_layers(include_self=False)},
        whole=model.name,
        explain=_explain,
    )


def _from_file(path, folder, inputs, batch):
    if not os.path.isfile(path):
        raise ExportError(f"{path}: there is no such file")
    config = sys.modules.get("keras.config")
    backend = config.backend() if config else os.environ.get("KERAS_BACKEND")
    if backend != "jax":
        return _in_jax(path, folder, inputs, batch)
    return _export_file(path, folder, inputs, batch)


def _from_backend(model, folder, inputs, batch):
    """A model of another backend goes by a file to a process with JAX."""
    modules = set()
    for layer in model._flatten_layers():
        module = type(layer).__module__
        if module == "__main__":
            from keras import config

            raise ExportError(
                f"Keras runs on {config.backend()}, and layer '{layer.name}' ({type(layer).__name__}) is known to this "
                "program alone; set KERAS_BACKEND=jax before Keras is imported"
            )
        modules.add(module)
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "model.keras")
        try:
            model.save(path)
        except Exception as problem:
            raise ExportError(f"model '{model.name}' cannot be saved for JAX: {_reason(problem)}") from None
        _in_jax(path, folder, inputs, batch, sorted(modules), own=True)


def _in_jax(path, folder, inputs, batch, modules=(), own=False):
    if inputs is not None:
        inputs = keras_inputs.described(inputs)
    payload = pickle.dumps((path, os.path.abspath(folder), inputs, batch, modules, own))
    child.call("keras", payload, KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")


def main(payload):
    _export_file(*pickle.loads(payload))


def _export_file(path, folder, inputs, batch, modules=(), own=False):
    """Exports a .keras file; `modules` define its layers. One of our `own` may hold code."""
    for module in modules:
        importlib.import_module(module)
    from keras import saving

    try:
        model = saving.load_model(path, compile=False, safe_mode=not own)
    except Exception as problem:
        raise ExportError(f"{path}: {_reason(problem)}") from None
    keras(model, folder, inputs=inputs, batch=batch)


def _shape(shape, batch):
    """The first axis is the batch; another one of unknown size is the same size in every input."""
    names = [batch or "batch", *(f"axis{axis}" for axis in range(1, len(shape)))]
    return tuple(name if size is None else size for size, name in zip(shape, names))


def _named(variables):
    """Paths are unique unless two layers have one name."""
    named = {}
    for variable in variables:
        name, number = variable.path, 1
        while name in named:
            name, number = f"{variable.path}_{number}", number + 1
        named[name] = np.asarray(variable.value)
    return named


def _explain(problem):
    """Names the innermost layer that was being called."""
    from keras import layers

    innermost, trace = None, problem.__traceback__
    while trace:
        owner = trace.tb_frame.f_locals.get("self")
        if isinstance(owner, layers.Layer):
            innermost = owner
        trace = trace.tb_next
    if innermost is None:
        return explained(problem)
    said = _reason(problem).rstrip(".") + advice(problem)
    return ExportError(f"layer '{innermost.name}' ({type(innermost).__name__}): {said}")


def _reason(problem):
    """Keras puts a heading before the message and the arguments after it."""
    lines = str(problem).splitlines()
    said = [line for line in lines if not line.strip().startswith("Exception encountered when calling")]
    return first_line("\n".join(said)) if any(map(str.strip, said)) else type(problem).__name__
