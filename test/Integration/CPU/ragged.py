# RUN: %python %s %moe_build
"""Three ragged products of a layer become one expert, in both forms, for any number of groups and any that are empty:
the values of NumPy, rows of each group alone, and no weight of an empty group is looked at."""

import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run
import ragged

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-ragged-")
HIDDEN, INNER = 16, 24


def check(form, sizes):
    """Of groups that follow each other, or overlap where a size is negative."""
    groups, rows = len(sizes), 40
    end = np.cumsum(sizes).astype(np.int32)
    begin = np.concatenate([[0], end[:-1]]).astype(np.int32)
    weights = ragged.weights(groups, HIDDEN, INNER)
    x = np.random.default_rng(1).standard_normal((rows, HIDDEN), np.float32)
    expected = ragged.layer(x, weights, begin, end)
    path = os.path.join(SCRATCH, f"{form}_{groups}")
    with open(path + ".mlir", "w") as file:
        file.write(ragged.model(form, groups, HIDDEN, INNER))
    overlap = any(size < 0 for size in sizes)
    for name in weights if not overlap else ():
        weights[name][[size == 0 for size in sizes]] = np.nan
    moe_run.save_safetensors(path + ".safetensors", weights)
    inputs = {"x": x, "begin": begin, "end": end}
    for name, array in inputs.items():
        np.save(os.path.join(SCRATCH, name + ".npy"), array)
    (got,), stats = moe_run.run(BUILD, path + ".mlir", [os.path.join(SCRATCH, name + ".npy") for name in inputs], 1,
                                SCRATCH, flags=["--assume-finite"])
    assert np.allclose(got, expected, rtol=1e-4, atol=1e-4), (form, sizes, np.abs(got - expected).max())
    (dispatch,) = stats["dispatches"]
    assert dispatch["experts"] == groups, dispatch
    if not overlap:
        each = 3 * 2 * HIDDEN * INNER
        assert sum(sizes) * each <= dispatch["flops"]["done"] <= 1.1 * sum(sizes) * each, (form, sizes, dispatch)


for form in ragged.FORMS:
    for sizes in ([40, 0, 0], [0, 13, 27], [11, 20, 0], [0, 0, 0], [25, -5, 20], [5, 0, 9, 0, 0, 26, 0, 0]):
        check(form, sizes)
    for seed, active in enumerate((1, 20)):
        rng = np.random.default_rng(seed)
        sizes = np.bincount(rng.choice(rng.choice(64, active, replace=False), 40), minlength=64)
        check(form, [int(size) for size in sizes])
