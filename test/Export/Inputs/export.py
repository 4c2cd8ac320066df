"""What the tests of exports share."""

import os
import re
import sys
import tempfile

import moe_export
import numpy as np

# The sizes of batches that every exported model runs with.
SIZES = (7, 1)


def rows(*shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def same(name, got, expected):
    expected = np.asarray(expected)
    assert got.dtype.kind == expected.dtype.kind, (name, got.dtype, expected.dtype)
    assert got.shape == expected.shape, (name, got.shape, expected.shape)
    assert np.allclose(got, expected, rtol=1e-5, atol=1e-5, equal_nan=True), (name, np.abs(got - expected).max())


def exports(name, export, function, *inputs, sizes=SIZES):
    """Exports to a folder and compares the model with the function, for each number of rows."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "model")
        export(folder)
        assert sorted(os.listdir(folder)) == ["model.mlir", "weights.safetensors"]
        with open(os.path.join(folder, "model.mlir")) as file:
            text = file.read()
        for path in (scratch, os.path.dirname(os.path.abspath(__file__)), sys.prefix + os.sep):
            assert path not in text, f"{name}: {path} in the model"
        # A location is the name of a layer, at the end of its operation.
        others = re.sub(r' loc\("(?:[^"\\]|\\.)*"\)$', "", text, flags=re.M)
        assert " loc(" not in others, f"{name}: {others[others.index(' loc(') :][:80]} in the model"
        for size in sizes:
            given = [array[:size] for array in inputs]
            got, expected = moe_export.run(folder, *given), function(*given)
            several = isinstance(expected, tuple)
            for one, other in zip(got, expected, strict=True) if several else [(got, expected)]:
                same(f"{name}, {size} rows", one, other)
        with open(os.path.join(folder, "weights.safetensors"), "rb") as file:
            return text, file.read()


def layers(name, export, *inputs):
    """The layers of the dispatches that are found in a model. An export is the same whenever it is made."""
    with tempfile.TemporaryDirectory() as scratch:
        texts = []
        for folder in ("once", "again"):
            export(os.path.join(scratch, folder))
            with open(os.path.join(scratch, folder, "model.mlir")) as file:
                texts.append(file.read())
        assert texts[0] == texts[1], name
        _, stats = moe_export.run(folder := os.path.join(scratch, "once"), *inputs, stats=True)
        for dispatch in stats["dispatches"]:
            assert dispatch["location"].startswith(f"{folder}/model.mlir:"), (name, dispatch)
        return [dispatch["layer"] for dispatch in stats["dispatches"]]


def refused(name, export, *words):
    """The export gives a line with these words and leaves nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            export(os.path.join(scratch, "model"))
        except moe_export.ExportError as problem:
            said = str(problem)
        else:
            raise AssertionError(f"{name}: exported")
        assert "\n" not in said and all(word in said for word in words), (name, said)
        assert os.listdir(scratch) == [], (name, os.listdir(scratch))
