# RUN: %python %s %moe_build
"""Scores that are equal, NaN or infinite, k from 0 to E, a single expert, an empty
batch: as docs/Dialect.md defines them, and the same bits in both forms.

    edge_cases.py BUILD [--device=NAME]
"""

import argparse
import os
import shutil
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.abspath(os.path.join(HERE, "..", ".."))
sys.path[:0] = [os.path.join(TESTS, "Inputs"), os.path.join(TESTS, "Random")]
import moe_run
from meaning import dialect

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("build")
parser.add_argument("--device", default="cpu")
OPTIONS = parser.parse_args()
if OPTIONS.device == "cpu":
    moe_run.MORE_FLAGS.append("--opt-level=0")  # what LLVM does later is not what is tried here
BUILD = OPTIONS.build
SCRATCH = tempfile.mkdtemp(prefix="moe-edge-cases-")

MODEL = """
func.func @main(%scores: tensor<?xExf32>, %x: tensor<?x5xf32>)
    -> (tensor<?xExi1>, tensor<?xExf32>, tensor<?x5xf32>) {
  %routing = moe.gate %scores GATE : (tensor<?xExf32>) -> !moe.routing<E>
  %rows = moe.dispatch %x by %routing : (tensor<?x5xf32>, !moe.routing<E>) -> tensor<?x5xf32> {
  ^each(%expert: index, %mine: tensor<?x5xf32>):
    %number = arith.index_cast %expert : index to i64
    %addend = arith.sitofp %number : i64 to f32
    %out = linalg.map ins(%mine : tensor<?x5xf32>) outs(%mine : tensor<?x5xf32>) (%v: f32, %old: f32) {
      %sum = arith.addf %v, %addend : f32
      linalg.yield %sum : f32
    }
    moe.yield %out : tensor<?x5xf32>
  }
  %y = moe.combine %rows by %routing : (tensor<?x5xf32>, !moe.routing<E>) -> tensor<?x5xf32>
  %mask = moe.mask %routing : (!moe.routing<E>) -> tensor<?xExi1>
  %weights = moe.weights %routing : (!moe.routing<E>) -> tensor<?xExf32>
  return %mask, %weights, %y : tensor<?xExi1>, tensor<?xExf32>, tensor<?x5xf32>
}
"""


def rows_of_scores(experts):
    """Each row a case of its own."""
    rising = np.linspace(-2, 2, experts, dtype=np.float32)
    rows = [rising, np.zeros_like(rising), -np.zeros_like(rising), np.full_like(rising, 0.5)]
    for special in (np.nan, np.inf, -np.inf, 1e30, -1e30):
        for places in ([0], [experts - 1], [0, experts // 2], range(experts)):
            row = rising.copy()
            row[list(places)] = special
            rows.append(row)
    return np.array(rows)


failures = checks = 0
# Emulated threads take their time.
for experts in (1, 4, 6) if OPTIONS.device == "cpu" else (1, 6):
    settings = [f"{function} {how}" for function in ("softmax", "sigmoid", "identity")
                for how in (f"top_k({experts})", "top_k(0)", "argmax", f"top_k({(experts + 1) // 2}) normalize", "threshold(0.5)")]
    settings += [f"softmax top_k({experts}) weights(softmax) capacity(3)", f"sigmoid top_k({(experts + 1) // 2}) capacity(130)",
                 f"identity top_k({(experts + 1) // 2}) weights(sigmoid)"]
    for gate in settings:
        words = gate.replace("(", " ").replace(")", "").split()
        knobs = {"function": words[0], "normalize": "normalize" in words, "argmax": "argmax" in words}
        for name, kind in (("top_k", int), ("threshold", float), ("weights", str), ("capacity", int)):
            if name in words:
                knobs[name] = kind(words[words.index(name) + 1])
        model = os.path.join(SCRATCH, "model.mlir")
        with open(model, "w") as f:
            f.write(MODEL.replace("GATE", gate).replace("xEx", f"x{experts}x").replace("<E>", f"<{experts}>"))
        whole = rows_of_scores(experts)
        # On a device tokens are counted in chunks of 128.
        many = [np.tile(whole, (12, 1))] if "capacity" in words else []
        for scores in (whole, whole[:0], *many):
            x = np.random.default_rng(1).normal(0, 1, (len(scores), 5)).astype(np.float32)
            np.save(os.path.join(SCRATCH, "scores.npy"), scores)
            np.save(os.path.join(SCRATCH, "x.npy"), x)
            r = dialect.gate(scores, **knobs)
            packed, = dialect.dispatch([x], r, lambda e, mine: [mine + np.float32(e)], [((5,), np.float32)])
            want = [dialect.mask(r), dialect.weights(r), dialect.combine(packed, r)]
            got = {}
            for form in ("active", "all"):
                inputs = [os.path.join(SCRATCH, file) for file in ("scores.npy", "x.npy")]
                got[form], _ = moe_run.run(BUILD, model, inputs, 3, SCRATCH, flags=[f"--experts={form}", f"--device={OPTIONS.device}"])
            checks += 1
            agree = np.array_equal(got["active"][0], want[0]) and all(
                np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True) for a, b in zip(got["active"][1:], want[1:]))
            same = all(np.array_equal(a.view(np.uint8), b.view(np.uint8)) for a, b in zip(got["active"], got["all"]))
            if not agree or not same:
                failures += 1
                wrong = [i for i in range(len(scores)) if not all(
                    np.allclose(a[i].astype(float), b[i].astype(float), rtol=1e-5, atol=1e-6, equal_nan=True) for a, b in zip(got["active"], want))]
                print(f"FAIL {experts} experts, {gate}: {'' if same else 'the forms differ; '}rows {wrong}, scores {scores[wrong[:1]]}, "
                      f"mask {got['active'][0][wrong[:1]]}, expected {want[0][wrong[:1]]}")
shutil.rmtree(SCRATCH)
print(f"{checks - failures} passed, {failures} failed")
sys.exit(bool(failures))
