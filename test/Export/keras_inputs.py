# REQUIRES: keras
# RUN: %export_python %s
"""What a model of Keras is called on: names and order of any structure, and models that only a call has built."""

import os
import sys
import tempfile
import warnings

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import keras
import moe_export
import numpy as np
from export import exports, refused, rows, same
from keras import layers, ops

x, y = rows(7, 4, seed=1), rows(7, 4, seed=2)
warnings.simplefilter("error")


def runs(name, model, given, *options, wanted=None):
    """Exports, and compares structures of results."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "model")
        moe_export.keras(model, folder)
        got = moe_export.run(folder, *options or (given,))
        equal(name, got, model(given) if wanted is None else wanted)
        with open(os.path.join(folder, "model.mlir")) as file:
            return file.read()


def equal(name, got, wanted):
    if isinstance(wanted, dict):
        assert isinstance(got, dict) and list(got) == list(wanted), (name, got)
        for key in wanted:
            equal(f"{name} {key}", got[key], wanted[key])
    elif isinstance(wanted, (list, tuple)):
        assert len(got) == len(wanted), (name, got)
        for position, pair in enumerate(zip(got, wanted)):
            equal(f"{name} {position}", *pair)
    else:
        same(name, got, wanted)


def fails(action, *words):
    try:
        action()
    except moe_export.RunError as problem:
        assert all(word in str(problem) for word in words), problem
    else:
        raise AssertionError(words)


# Keras itself sorts the keys of dictionaries.
wide, deep = keras.Input((4,), name="wide"), keras.Input((4,), name="deep")
score, aux = layers.Dense(2)(wide), layers.Dense(2)(deep)
model = keras.Model({"wide": wide, "deep": deep}, {"score": score, "aux": aux})
text = runs("dictionary", model, {"wide": x, "deep": y}, {"deep": y, "wide": x}, wanted=model({"wide": x, "deep": y}))
assert '%arg0: tensor<?x4xf32> {moe.keyword_only, moe.name = "wide"}' in text, text
with tempfile.TemporaryDirectory() as scratch:
    folder = os.path.join(scratch, "model")
    moe_export.keras(model, folder)
    fails(lambda: moe_export.run(folder, x, y), "which input?", "'wide'", "'deep'")
    fails(lambda: moe_export.run(folder, {"wide": x}), "wide, deep", "got wide")
    fails(lambda: moe_export.run(folder, {"wide": x, "depp": y}), "depp")

nested = {"pair": [wide, deep], "more/of=it": {"0": keras.Input((3,), name="more")}}
made = {"pair": [score, {"aux": aux}], "sum": layers.Add()([score, aux])}
given = {"pair": [x, y], "more/of=it": {"0": x[:, :3]}}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Keras likes keys to be the names of inputs
    runs("nested", keras.Model(nested, made), given)

# A list has an order, and a name does no harm.
pair = keras.Model([wide, deep], [score, aux])
runs("list", pair, [x, y], x, y)
runs("names in a list", pair, [x, y], {"deep": y, "wide": x})
runs("inside of a list", keras.Model([{"wide": wide}, deep], score), [{"wide": x}, y], {"wide": x}, y)


class Sub(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(2)
        self.drop = layers.Dropout(0.5)

    def call(self, x):
        return self.drop(self.inner(x))


def fitted(model):
    model.compile("adam", "mse")
    model.fit(np.zeros((8, 4)), np.zeros((8, 2)), verbose=0)


def built(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras says that this builds no layers
        model.build((None, 4))


for how in (lambda m: m(x), lambda m: m(keras.Input((4,))), built, fitted, lambda m: m.predict(x, verbose=0)):
    model = Sub()
    how(model)
    exports("subclassed", lambda folder: moe_export.keras(model, folder), lambda *a: model(*a), x)
model = Sub()
exports("inputs", lambda f: moe_export.keras(model, f, inputs=keras.Input((4,))), lambda *a: model(*a), x)
refused("not called", lambda f: moe_export.keras(Sub(), f), "no inputs yet", "inputs=")


class Tokens(keras.Model):
    def __init__(self):
        super().__init__()
        self.embedding = layers.Embedding(9, 4, mask_zero=True)
        self.mean = layers.GlobalAveragePooling1D()

    def call(self, tokens):
        return self.mean(self.embedding(tokens))


# Numbers of tokens stay integers, and zeros are padding.
tokens = np.array([[1, 2, 0, 0], [8, 0, 0, 0], [3, 4, 5, 6]], np.int32)
model = Tokens()
model(tokens)
exports("tokens", lambda folder: moe_export.keras(model, folder), lambda *a: model(*a), tokens, sizes=(3, 1))


class Two(keras.Model):
    def __init__(self):
        super().__init__()
        self.inner = layers.Dense(4)

    def call(self, a, b):
        return self.inner(a) - b


model = Two()
model(x, y)
refused("two arguments", lambda f: moe_export.keras(model, f), "'b'", "inputs=")
with tempfile.TemporaryDirectory() as folder:
    moe_export.keras(model, folder, inputs=(keras.Input((4,)), keras.Input((4,))))
    same("two arguments", moe_export.run(folder, x, y), model(x, y))
    same("by parameter", moe_export.run(folder, {"b": y, "a": x}), model(x, y))

# A mask that layers hand on, and one that is given.
padded = np.where(np.arange(5)[None, :, None] < np.array([2, 5, 1])[:, None, None], rows(3, 5, 4, seed=5), 0)
sequence = keras.Input((5, 4))
attention = layers.MultiHeadAttention(2, 4)
masked = layers.Masking()(sequence)
model = keras.Model(sequence, layers.LSTM(3)(attention(masked, masked)))
exports("masking", lambda f: moe_export.keras(model, f), lambda *a: model(*a), padded.astype(np.float32), sizes=(3, 1))
mask = keras.Input((5,), dtype="bool")
model = keras.Model([sequence, mask], layers.LSTM(3)(sequence, mask=mask))
lengths = np.arange(5)[None] < np.array([2, 5, 1])[:, None]
runs("mask", model, [padded.astype(np.float32), lengths], padded.astype(np.float32), lengths)

# A file, and a model of another backend by way of one.
with tempfile.TemporaryDirectory() as scratch:
    path = os.path.join(scratch, "pair.keras")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of NumPy, about Keras
        pair.save(path)
        moe_export.keras(path, scratch)
    equal("file", moe_export.run(scratch, x, y), pair([x, y]))
    refused("no file", lambda f: moe_export.keras(path + "x", f), "pair.kerasx", "no such file")
