# REQUIRES: flax
# RUN: %export_python %s
"""A module of Flax NNX is exported as it predicts, and stays as it is."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import moe_export
from export import exports, refused, rows
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
