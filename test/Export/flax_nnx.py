# REQUIRES: flax
# RUN: %export_python %s
"""A module of Flax NNX is exported as it predicts, and stays as it is."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import jax.numpy as jnp
import moe_export
from export import exports, layers, refused, rows
from flax import nnx


class Block(nnx.Module):
    def __init__(self, rngs):
        self.norm = nnx.BatchNorm(8, rngs=rngs)
        self.inner = nnx.Linear(8, 5, rngs=rngs)
        self.drop = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x):
        return self.drop(nnx.relu(self.inner(self.norm(x))))


x = rows(7, 8, seed=1)
block = Block(nnx.Rngs(0))
block(x)  # moves the statistics
predicted = nnx.clone(block)
predicted.eval()
text, weights = exports("module", lambda folder: moe_export.jax(block, [x], folder), predicted, x)
assert '@"inner/kernel"' in text and b'"norm/mean"' in weights and b"rngs" not in weights, text
assert not block.drop.deterministic
refused("two sets of weights", lambda f: moe_export.jax(block, [x], f, weights={}), "weights=")


class Keep(nnx.Module):
    def __call__(self, chosen, first, second):
        return jnp.where(chosen > 0, first, second)


class Pair(nnx.Module):
    def __init__(self, rngs):
        self.gate, self.inner, self.keep = nnx.Linear(8, 1, rngs=rngs), nnx.Linear(8, 8, rngs=rngs), Keep()

    def __call__(self, x):
        return self.keep(self.gate(x), nnx.relu(self.inner(x)), x)


class Pairs(nnx.Module):
    def __init__(self, rngs):
        self.first, self.second = Pair(rngs), Pair(rngs)
        self.shared = self.first

    def __call__(self, x):
        return self.shared(self.second(self.first(x)))


# Modules have the names of their paths, one of several where it has several; their classes stay as they are.
call = Pair.__call__
found = layers("layers", lambda folder: moe_export.jax(Pairs(nnx.Rngs(0)), [x], folder), x)
assert found == ["first/keep", "second/keep", "first/keep"], found
assert Pair.__call__ is call
