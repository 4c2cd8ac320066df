"""A gate picks an expert for each example, a layer gets all outputs and keeps one, and another layer follows."""
import os

os.environ["KERAS_BACKEND"] = "jax"
import keras
import moe_export
import numpy as np
from keras import layers, ops


class Keep(layers.Layer):
    def call(self, chosen, first, second):
        return ops.where(chosen <= 0.5, first, second)


keras.utils.set_random_seed(1)
x = keras.Input((8,))
chosen = layers.Dense(1, activation="sigmoid", name="gate")(x)
first = layers.Dense(4, name="first_out")(layers.Dense(16, activation="relu", name="first_in")(x))
second = layers.Dense(4, name="second_out")(layers.Dense(32, activation="tanh", name="second_in")(x))
model = keras.Model(x, layers.Dense(3, name="after")(Keep()(chosen, first, second)))

moe_export.keras(model, "build/question")
rows = np.random.default_rng(0).standard_normal((100, 8)).astype("float32")
np.testing.assert_allclose(moe_export.run("build/question", rows), model(rows), rtol=1e-5, atol=1e-6)
