"""Models of Keras 3, on its JAX backend."""

import numpy as np

from . import versions
from .errors import ExportError, first_line
from .jax import as_error, export


def keras(model, folder, *, batch=None):
    """Exports a model as it predicts: without dropout, batch normalisation by its moving statistics.

    The model must know its inputs: Functional, Sequential after build, or called once on keras.Input.
    batch: its size; by default any. Weights are named by their variables' paths.
    """
    versions.check("keras", "keras", "jax", "jaxlib")
    from keras import config, tree

    if config.backend() != "jax":
        raise ExportError(
            f"Keras runs on {config.backend()}; set KERAS_BACKEND=jax before Keras is imported (the model can be "
            "saved under the other backend and loaded under this one)"
        )
    inputs = getattr(model, "inputs", None)
    if not inputs:
        raise ExportError(f"model '{model.name}' has no inputs yet; build it, or call it on keras.Input(...)")
    structure = getattr(model, "_inputs_struct", None)
    trainable, fixed = model.trainable_variables, model.non_trainable_variables
    named = _named([*trainable, *fixed])

    def flat(*arrays):
        values, weights = list(arrays[: len(inputs)]), list(arrays[len(inputs) :])
        if structure is not None:
            values = tree.pack_sequence_as(structure, values)
        elif len(values) == 1:
            (values,) = values
        filtered = config.is_traceback_filtering_enabled()
        # What Keras makes of an exception lacks the layers, and some it cannot remake.
        config.disable_traceback_filtering()
        try:
            results, _ = model.stateless_call(
                weights[: len(trainable)], weights[len(trainable) :], values, training=False
            )
        finally:
            if filtered:
                config.enable_traceback_filtering()
        return tuple(tree.flatten(results))

    export(
        flat,
        [_shape(tensor, batch) for tensor in inputs],
        [np.dtype(tensor.dtype) if tensor.dtype != "bfloat16" else tensor.dtype for tensor in inputs],
        named,
        folder,
        layers={layer.name for layer in model._flatten_layers(include_self=False)},
        explain=_explain,
    )


def _shape(tensor, batch):
    """The first axis is the batch; another one of unknown size is the same size in every input."""
    names = [batch or "batch", *(f"axis{axis}" for axis in range(1, len(tensor.shape)))]
    return tuple(name if size is None else size for size, name in zip(tensor.shape, names))


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
        return as_error(problem)
    return ExportError(f"layer '{innermost.name}' ({type(innermost).__name__}): {_reason(problem)}")


def _reason(problem):
    """Keras puts a heading before the message and the arguments after it."""
    lines = [line.strip() for line in str(problem).splitlines()]
    said = [line for line in lines if line and not line.startswith("Exception encountered when calling")]
    return said[0] if said else first_line(problem)
