"""What a model of Keras is called on: from its own graph, from a call it has had, or from whoever exports it."""

import inspect
import re
from dataclasses import dataclass

import numpy as np

from .errors import ExportError, first_line, warn
from .structure import Name, flatten, names_of, pack, write

# What Keras calls an input by itself.
_AUTOMATIC = re.compile(r"(input_layer|keras_tensor)(_\d+)?")
# Parameters of `call` that Keras fills in.
_OF_KERAS = {"training", "mask"}


@dataclass
class Leaf:
    """One input: a size of its shape may be None."""

    shape: tuple
    dtype: str
    name: str = ""


@dataclass
class Call:
    """Structures of leaves for `model(*args, **kwargs)`."""

    args: tuple
    kwargs: dict
    # Whether the types of elements were recorded nowhere.
    guessed: bool = False

    @property
    def leaves(self):
        return [leaf for _, leaf in flatten((self.args, self.kwargs))]

    @property
    def names(self):
        """Of one argument the keys of its structure, of several also the names of the parameters."""
        if len(self.args) == 1 and not self.kwargs:
            found = flatten(self.args[0])
            names = names_of([path for path, _ in found], "input")
            given = [leaf.name for _, leaf in found]
            if len(set(given)) == len(given) and not any(name.text for name in names):
                # A list, or one: its order says all, and its names do no harm.
                names = [Name("" if _AUTOMATIC.fullmatch(name) else write(name)) for name in given]
            return names
        given = {str(key): value for key, value in (*enumerate(self.args), *self.kwargs.items())}
        paths = [path for path, _ in flatten(given)]
        # Parameters have an order.
        return [Name(n.text, n.keyword_only and len(p) > 1) for n, p in zip(names_of(paths, "input"), paths)]


def leaf_of(value):
    """Of what has a shape and a type: KerasTensor, InputSpec, array."""
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        value = np.asarray(value)
    dtype = getattr(value.dtype, "name", None) or str(value.dtype).removeprefix("torch.")
    name = getattr(value, "name", None)
    return Leaf(tuple(value.shape), dtype, name if isinstance(name, str) else "")


def _map(function, structure):
    return pack(structure, iter([function(leaf) for _, leaf in flatten(structure)]))


def described(inputs):
    """A structure of inputs as leaves that another process can take."""
    return _map(leaf_of, inputs)


def _free(leaf):
    """The first axis is the batch."""
    return Leaf((None, *leaf.shape[1:]), leaf.dtype, leaf.name) if leaf.shape else leaf


def find(model, inputs=None):
    """The call of a model; `inputs` say what it is where they are given. The model is built by it if need be."""
    call = _find(model, inputs)
    if not all(layer.built for layer in model._flatten_layers()):
        from keras import KerasTensor

        args, kwargs = _map(lambda leaf: KerasTensor(leaf.shape, leaf.dtype), (call.args, call.kwargs))
        try:
            model(*args, **kwargs)
        except Exception as problem:
            raise ExportError(f"model '{model.name}' cannot be built on {_said(call)}: {first_line(problem)}") from None
    return call


def _find(model, inputs):
    if inputs is not None:
        return _given(model, _map(lambda value: _free(leaf_of(value)), inputs))
    if getattr(model, "_inputs_struct", None) is not None:
        return Call((_map(leaf_of, model._inputs_struct),), {})
    if getattr(model, "inputs", None):
        # Of a Sequential model that was called on arrays it is the batch of those.
        return Call((_free(leaf_of(model.inputs[0])),), {})
    for node in model._inbound_nodes:
        return Call(*_map(leaf_of, (tuple(node.arguments.args), _tensors(node.arguments.kwargs))))
    shapes = getattr(model, "_build_shapes_dict", None)
    if not shapes:
        raise ExportError(
            f"model '{model.name}' has no inputs yet; call it once on data, or say inputs=keras.Input(...)"
        )
    leaves = [_from_shapes(shape, _dtype(model)) for shape in shapes.values()]
    if len(leaves) == 1:
        _check_parameters(model)
        return Call(tuple(leaves), {}, guessed=True)
    return Call((), dict(zip((name.removesuffix("_shape") for name in shapes), leaves)), guessed=True)


def _tensors(kwargs):
    return {name: value for name, value in kwargs.items() if any(hasattr(v, "shape") for _, v in flatten(value))}


def _parameters(model):
    """The parameters of `call` that take inputs."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(model.call).parameters.values()
    return [p for p in parameters if p.kind in positional and p.name not in _OF_KERAS]


def _given(model, inputs):
    """A model of several required arguments is given them as a tuple or by their names."""
    required = [p.name for p in _parameters(model) if p.default is p.empty]
    if len(required) < 2 or getattr(model, "_inputs_struct", None) is not None:
        return Call((inputs,), {})
    if isinstance(inputs, dict) and set(required) <= set(inputs):
        return Call((), inputs)
    if isinstance(inputs, (list, tuple)) and len(inputs) >= len(required):
        return Call((), dict(zip((p.name for p in _parameters(model)), inputs)))
    raise ExportError(f"model '{model.name}' is called on {', '.join(required)}; inputs= has no place for them all")


def _check_parameters(model):
    """Of a call on arrays Keras keeps the shape of the first argument alone."""
    others = _parameters(model)[1:]
    required = [p.name for p in others if p.default is p.empty]
    if required:
        raise ExportError(
            f"model '{model.name}' has not kept what '{required[0]}' was; say inputs=, a tuple for all its arguments"
        )
    if others:
        warn(f"'{others[0].name}' of model '{model.name}' stays as its default; inputs= would make it an input")


def _dtype(model):
    return str(model.input_dtype or "float32")


def _from_shapes(shapes, dtype):
    """A structure of shapes, which are lists or tuples of sizes, as leaves."""
    if isinstance(shapes, dict):
        return {key: _from_shapes(shape, dtype) for key, shape in shapes.items()}
    if all(size is None or isinstance(size, int) for size in shapes):
        return _free(Leaf(tuple(shapes), dtype))
    return type(shapes)(_from_shapes(shape, dtype) for shape in shapes)


def _said(call):
    return ", ".join(f"{leaf.shape} of {leaf.dtype}" for leaf in call.leaves)


def integers_for(function, specs, types):
    """The types of inputs, guessed as floats, with int32 for those that are compared and used as integers alone:
    numbers of tokens."""
    import jax

    graph = jax.make_jaxpr(function)(*specs).jaxpr
    types = list(types)
    for number, variable in enumerate(graph.invars[: len(types)]):
        users = [equation for equation in graph.eqns if variable in equation.invars]
        uses = {u.params["new_dtype"].name if u.primitive.name == "convert_element_type" else u.primitive.name for u in users}
        if "int32" in uses and uses <= {"int32", "eq", "ne"} and variable not in graph.outvars:
            types[number] = np.dtype("int32")
    return types
