# REQUIRES: jax, keras, torch
# RUN: %export_python %s
"""Of a conditional of JAX, Keras and PyTorch one side runs, and statistics say which."""

import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import jax.numpy as jnp
import keras
import moe_export
import numpy as np
import torch
from export import rows, same
from jax import lax
from keras import layers, ops
from torch import nn

x = rows(5, 4, seed=1)
weights = rows(4, 4, seed=2), rows(4, 4, seed=3)


def runs(name, export, function, *inputs):
    """What statistics say of the conditionals of a model for each of several inputs; its values are the function's."""
    said = []
    with tempfile.TemporaryDirectory() as scratch:
        export(folder := os.path.join(scratch, "model"))
        for given in inputs:
            got, stats = moe_export.run(folder, given, stats=True)
            same(name, got, function(given))
            said.append([conditional["runs"] for conditional in stats["conditionals"]])
    return said


def with_first(number):
    """x with a number in its first place."""
    given = x.copy()
    given[0, 0] = number
    return given


low, high = with_first(-1), with_first(1)
then, otherwise = {"then": 1, "else": 0}, {"then": 0, "else": 1}


def choose(weights, x):
    return lax.cond(x[0, 0] > 0, lambda x: jnp.tanh(x @ weights[0]), lambda x: jnp.exp(x @ weights[1]), x)


def in_front(weights, x):
    first = jnp.tanh(x @ weights[0])
    return lax.cond(x[0, 0] > 0, lambda: first, lambda: x)


def switch(weights, x):
    branches = [lambda x: jnp.tanh(x @ weights[0]), lambda x: jnp.exp(x @ weights[1]), lambda x: -x]
    return lax.switch(x[0, 0].astype(int), branches, x)


for function in (choose, in_front):
    export = lambda folder: moe_export.jax(function, [x], folder, weights=weights)
    made = runs(function.__name__, export, lambda x: function(weights, x), high, low)
    assert made == [[then], [otherwise]], (function, made)
export = lambda folder: moe_export.jax(switch, [x], folder, weights=weights)
made = runs("lax.switch", export, lambda x: switch(weights, x), *map(with_first, (0, 1, 2, 7, -3)))
cases = [{"case 0": a, "case 1": b, "default": c} for a, b, c in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]
assert made == [[cases[number]] for number in (0, 1, 2, 2, 0)], made


class Chooses(layers.Layer):
    def __init__(self, how):
        super().__init__()
        self.first, self.second, self.how = layers.Dense(4), layers.Dense(4), how

    def build(self, shape):
        self.first.build(shape)
        self.second.build(shape)

    def compute_output_shape(self, shape):
        return shape

    def call(self, x):
        if self.how == "cond":
            return ops.cond(x[0, 0] > 0, lambda: self.first(x), lambda: self.second(x))
        return ops.switch(ops.cast(x[0, 0], "int32"), [self.first, self.second], x)


for how, expected in (("cond", [then, otherwise]), ("switch", [{"case 0": 0, "default": 1}, {"case 0": 1, "default": 0}])):
    given = keras.Input((4,))
    model = keras.Model(given, Chooses(how)(given))
    made = runs(how, lambda folder: moe_export.keras(model, folder), lambda x: np.asarray(model(x)), high, low)
    assert made == [[each] for each in expected], (how, made)


class Cond(nn.Module):
    """Its first branch may read outside of x, where the second one is taken; so may one inside."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        at = x[0, :1].to(torch.int64)

        def inner(x, at):
            y = torch.sort(self.first(x), 0)[0]
            return torch.cond(x[1, 1] > 0, lambda y, at: y + y[at], lambda y, at: y.cumsum(0), (y, at))

        return torch.cond((at < x.shape[0]).all(), inner, lambda x, at: self.second(x) + 1, (x, at))


class Several(nn.Module):
    """Several results, of which one is not used; rows that a branch lists; the condition may be a size."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        def listed(x):
            chosen = torch.where(x[:, 1] > 0)[0]
            return torch.zeros_like(x).index_add(0, chosen, self.first(x[chosen])), x.sum(0)

        def changed(x):
            y = self.second(x)
            y[0] += 1
            return y, x[0].clone()

        y, _ = torch.cond(x[:1, 0] > 0, listed, changed, (x,))
        return torch.cond(torch.tensor(x.shape[0]) > 3, lambda y: y * 2, lambda y: y - 1, (y,))


def evaluated(module):
    def function(x):
        with torch.no_grad():
            return module(torch.from_numpy(x))

    return function


torch.manual_seed(0)
below = with_first(1)
below[1, 1] = -1
above = below.copy()
above[1, 1] = 1
for module, expected, *inputs in (
    (Cond(), [[then, otherwise], [then, then], [otherwise, {"then": 0, "else": 0}]], below, above, with_first(9)),
    (Several(), [[then, then], [otherwise, then], [then, otherwise]], high, low, high[:2]),
):
    module.eval()
    export = lambda folder: moe_export.torch(module, [torch.from_numpy(x)], folder, dynamic=True)
    made = runs(type(module).__name__, export, evaluated(module), *inputs)
    assert made == expected, (module, made)
