"""Modules of Flax NNX as functions."""

import sys


def is_module(function):
    # Whoever has one has imported Flax.
    nnx = sys.modules.get("flax.nnx")
    return nnx is not None and isinstance(function, nnx.Module)


def split(module):
    """A function of weights and arguments that calls a module as it predicts, and its weights, {name: array}."""
    from flax import nnx
    from jax import tree_util

    # States of generators are no arrays of numbers, and what predicts draws none.
    graph, state, generators = nnx.split(module, nnx.Not(nnx.RngState), ...)
    leaves, structure = tree_util.tree_flatten_with_path(state)
    names = [tree_util.keystr(path, simple=True, separator="/").removesuffix("/value") for path, _ in leaves]

    def function(weights, *args):
        state = tree_util.tree_unflatten(structure, [weights[name] for name in names])
        # A module of its own: the caller's stays as it is.
        copy = nnx.merge(graph, state, generators)
        copy.eval()
        return copy(*args)

    return function, {name: leaf for name, (_, leaf) in zip(names, leaves)}
