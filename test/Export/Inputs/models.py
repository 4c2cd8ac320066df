"""The model of the question: a gate, two unlike perceptrons, and a layer that throws one of them away."""

import keras
from keras import layers


class Switch(layers.Layer):
    def call(self, z, a, b):
        return keras.ops.where(z <= 0.5, a, b)


def two_experts():
    keras.utils.set_random_seed(1)
    x = keras.Input((8,), name="x")
    z = layers.Dense(1, activation="sigmoid", name="gate")(x)
    a = layers.Dense(6, name="a_out")(layers.Dense(16, activation="relu", name="a_in")(x))
    b = layers.Dense(24, activation="tanh", name="b_mid")(layers.Dense(32, activation="silu", name="b_in")(x))
    b = layers.Dense(6, name="b_out")(b)
    return keras.Model(x, Switch(name="switch")(z, a, b))
