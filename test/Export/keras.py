# REQUIRES: keras
# RUN: %export_python %s
"""Models of Keras keep their values, and what cannot be exported is named."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import keras
import moe_export
import numpy as np
from export import exports, layers as layers_of, refused, rows
from keras import layers, ops
from models import two_experts


class Whiten(layers.Layer):
    def call(self, x):
        return ops.cholesky(ops.matmul(ops.transpose(x), x) + ops.eye(8))


class OnHost(layers.Layer):
    def compute_output_shape(self, shape):
        return shape

    def call(self, x):
        return ops.convert_to_tensor(np.asarray(x) + 1)


class TopTwo(layers.Layer):
    def call(self, x):
        values, chosen = ops.top_k(ops.softmax(x), 2)
        return ops.sum(ops.one_hot(chosen, 8) * ops.expand_dims(values, -1), -2)


class Keep(layers.Layer):
    def call(self, chosen, first, second):
        return ops.where(chosen <= 0.5, first, second)


class Block(layers.Layer):
    def __init__(self):
        super().__init__(name="block")
        self.gate, self.dense = layers.Dense(1, name="gate"), layers.Dense(8, name="dense")
        self.keep = Keep(name="keep")

    def call(self, x):
        return self.keep(self.gate(x), self.dense(x), ops.relu(x))


def check(name, model, x):
    return exports(name, lambda folder: moe_export.keras(model, folder), lambda *a: model(*a), x)


def functional(layer, shape=(8,)):
    x = keras.Input(shape)
    return keras.Model(x, layer(x))


x = rows(7, 8, seed=2)
text, weights = check("two experts", two_experts(), x)
assert 'func.func public @main(%arg0: tensor<?x8xf32> {moe.name = "x"}) -> tensor<?x6xf32>' in text
assert text.count("ml_program.global private") == 12 and '@"b_in/kernel"' in text and b'"b_in/kernel"' in weights

norm = layers.BatchNormalization(name="norm")
stack = [keras.Input((8,)), layers.Dense(8), norm, layers.Dropout(0.5), layers.GaussianNoise(1.0)]
model = keras.Sequential(stack, name="stack")
norm.moving_mean.assign(rows(8, seed=3))
norm.moving_variance.assign(rows(8, seed=4) ** 2 + 0.1)
text, weights = check("moving statistics", model, x)
assert '@"stack/norm/moving_mean"' in text and b'"stack/norm/moving_variance"' in weights
# The states of generators are variables that inference does not read.
assert any("seed" in variable.path for variable in model.non_trainable_variables)
assert "seed" not in text and b"seed" not in weights

check("top two", functional(TopTwo()), x)
check("top two, twice", functional(lambda x: TopTwo()(layers.Dense(8)(TopTwo()(x)))), x)
check("attention", functional(lambda x: layers.MultiHeadAttention(2, 4)(x, x), (5, 8)), rows(7, 5, 8, seed=5))
check("recurrence", functional(layers.LSTM(4), (5, 8)), rows(7, 5, 8, seed=6))

refused("operation", lambda f: moe_export.keras(functional(Whiten(name="white")), f), "'white'", "lapack_spotrf")
refused("tracing", lambda f: moe_export.keras(functional(OnHost(name="host")), f), "'host' (OnHost)", "keras.ops")
refused("no inputs", lambda f: moe_export.keras(keras.Sequential([layers.Dense(2)]), f), "no inputs")

# Layers of the model keep their names; twice the same layer is the same name.
block = Block()
x = keras.Input((8,))
first = layers.Dense(8, name="inner")(block(x))
nested = keras.Sequential([keras.Input((8,)), Block(), layers.Dense(4)], name="nested")
model = keras.Model(x, nested(block(first)), name="whole")
found = layers_of("layers", lambda folder: moe_export.keras(model, folder), rows(7, 8, seed=7))
assert found == ["block/keep", "block/keep", "nested/block/keep"], found
