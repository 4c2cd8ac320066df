# REQUIRES: keras, torch
# RUN: %export_python %s
"""A model that another backend of Keras holds is exported by way of a file."""

import os
import sys
import tempfile

os.environ["KERAS_BACKEND"] = "torch"
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import keras
import moe_export
import numpy as np
from export import refused, rows, same
from keras import layers

x = rows(5, 8, seed=1)
given = keras.Input((8,), name="x")
model = keras.Model({"x": given}, {"y": layers.Dense(3, activation="relu")(given)})
wanted = keras.ops.convert_to_numpy(model({"x": x})["y"])
with tempfile.TemporaryDirectory() as folder:
    moe_export.keras(model, folder)
    same("model", moe_export.run(folder, {"x": x})["y"], wanted)
    path = os.path.join(folder, "model.keras")
    model.save(path)
    moe_export.keras(path, folder, batch=5)
    same("file", moe_export.run(folder, {"x": x})["y"], wanted)


class Mine(layers.Layer):
    def call(self, x):
        return x


refused(
    "a layer of this program", lambda f: moe_export.keras(keras.Model(given, Mine(name="mine")(given)), f), "'mine'",
    "KERAS_BACKEND=jax",
)  # fmt: skip
