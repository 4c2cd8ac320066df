"""Modules of Flax NNX as functions."""

import contextlib
import functools
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
        with _scopes(copy):
            return copy(*args)

    return function, {name: leaf for name, (_, leaf) in zip(names, leaves)}


@contextlib.contextmanager
def _scopes(module):
    """Calls of the modules in a module are scopes of JAX: the paths of the modules."""
    import jax
    from flax import nnx

    found = [(path, each) for path, each in nnx.iter_graph(module) if isinstance(each, nnx.Module)]
    modules = [(each, "/".join(map(str, path))) for path, each in found]
    paths, around = {id(each): path for each, path in modules}, [""]

    def scoped(call):
        @functools.wraps(call)
        def called(self, *args, **kwargs):
            outer, path = around[-1], paths.get(id(self), "")
            inner = path[len(outer) :].strip("/") if f"{path}/".startswith(outer) else path
            with jax.named_scope(inner) if inner else contextlib.nullcontext():
                around.append(path or outer)
                try:
                    return call(self, *args, **kwargs)
                finally:
                    around.pop()

        return called

    with contextlib.ExitStack() as undo:
        for kind in {type(each) for each, _ in modules if callable(each)}:
            if "__call__" in vars(kind):
                undo.callback(setattr, kind, "__call__", vars(kind)["__call__"])
            else:
                undo.callback(delattr, kind, "__call__")
            kind.__call__ = scoped(kind.__call__)
        yield
