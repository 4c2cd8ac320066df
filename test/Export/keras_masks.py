# REQUIRES: keras
# RUN: %export_python %s
"""Ways to write a choice of experts in Keras, each with the values of Keras and the rows of each expert that its line of the
table says."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import keras
import moe_export
import numpy as np
from export import rows
from keras import layers, ops
from models import two_experts
from table import check_line

EXPERTS = 4


class KeepOneOfThree(layers.Layer):
    def call(self, scores, a, b, c):
        chosen = ops.argmax(scores, -1, keepdims=True)
        return ops.where(chosen == 0, a, ops.where(chosen == 1, b, c))


class Stacked(layers.Layer):
    def build(self, scores_shape, x_shape):
        self.up = self.add_weight(shape=(EXPERTS, x_shape[-1], 12), name="up")
        self.down = self.add_weight(shape=(EXPERTS, 12, x_shape[-1]), name="down")

    def call(self, scores, x):
        weights, chosen = ops.top_k(ops.softmax(scores), 2)
        mask = ops.sum(ops.one_hot(chosen, EXPERTS) * weights[..., None], -2)
        hidden = ops.relu(ops.einsum("td,edh->teh", x, self.up))
        return ops.einsum("te,teh,ehd->td", mask, hidden, self.down)


def expert(x, number, width):
    return layers.Dense(8, name=f"out_{number}")(layers.Dense(width, activation="relu", name=f"in_{number}")(x))


def one_of_three():
    x = keras.Input((8,), name="x")
    scores = layers.Dense(3, name="gate")(x)
    return x, scores, KeepOneOfThree(name="keep")(scores, *(expert(x, e, 12 + 4 * e) for e in range(3)))


def stacked():
    x = keras.Input((8,), name="x")
    scores = layers.Dense(EXPERTS, name="gate")(x)
    return x, scores, Stacked(name="stacked")(scores, x)


def multiplied():
    x = keras.Input((8,), name="x")
    scores = layers.Dense(3, name="gate")(x)
    hot = layers.Lambda(lambda s: ops.one_hot(ops.argmax(s, -1), 3), name="hot")(scores)
    column = lambda e: layers.Lambda(lambda h: h[:, e : e + 1], name=f"column_{e}")(hot)
    products = [layers.Multiply(name=f"times_{e}")([expert(x, e, 12), column(e)]) for e in range(3)]
    return x, scores, layers.Add(name="add")(products)


def question():
    model = two_experts()
    # The gate's one number says which expert a row is given to.
    return model.input, model.get_layer("gate").output - 0.5, model.output


def ranked(k):
    return lambda scores: np.bincount(np.argsort(-scores, -1)[:, :k].ravel(), minlength=scores.shape[-1])


def signs(scores):
    return [(scores <= 0).sum(), (scores > 0).sum()]


given = rows(9, 8, seed=2)
for line, build, counts in (
    ("Keras: a layer that keeps one of two outputs by `where`", question, signs),
    ("Keras: one of three, by `where(chosen == 0, a, where(chosen == 1, b, c))` of an `argmax`", one_of_three, ranked(1)),
    ("Keras: stacked weights, `top_k`, `one_hot`, `einsum`", stacked, ranked(2)),
    ("Keras: `Multiply` by columns of `one_hot(argmax)` from `Lambda` layers, then `Add`", multiplied, ranked(1)),
):
    keras.utils.set_random_seed(1)
    x, scores, y = build()
    model, gate = keras.Model(x, y), keras.Model(x, scores)
    check_line(
        line, build.__name__, lambda folder: moe_export.keras(model, folder), model, given, smaller=[given[:4]],
        rows=lambda x: counts(np.asarray(gate(x))),
    )  # fmt: skip
