# RUN: %python %s %moe_build
"""Experts that no token can go to are removed: the results are those of NumPy,
the weights of the others are read alone, and statistics count the others."""

import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-pruned-")
failures = []

FAMILY = """{
  ^each(%e: index, %mine: tensor<?x4xf32>):
    %w = moe.parameter @w[%e] : tensor<4xf32>
    %y = linalg.generic {indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}
        ins(%mine, %w : tensor<?x4xf32>, tensor<4xf32>) outs(%mine : tensor<?x4xf32>) {
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      linalg.yield %p : f32
    } -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }"""


def body(e):
    return f"""{{
  ^bb0(%mine: tensor<?x4xf32>):
    %n = arith.constant {e} : index
    %w = moe.parameter @w[%n] : tensor<4xf32>
    %y = linalg.generic {{indexing_maps = [#id, #column, #id], iterator_types = ["parallel", "parallel"]}}
        ins(%mine, %w : tensor<?x4xf32>, tensor<4xf32>) outs(%mine : tensor<?x4xf32>) {{
    ^bb0(%a: f32, %b: f32, %o: f32):
      %p = arith.mulf %a, %b : f32
      linalg.yield %p : f32
    }} -> tensor<?x4xf32>
    moe.yield %y : tensor<?x4xf32>
  }}"""


def model(routing, experts, family):
    bodies = FAMILY if family else ", ".join(body(e) for e in range(experts))
    return f"""
#id = affine_map<(d0, d1) -> (d0, d1)>
#column = affine_map<(d0, d1) -> (d1)>
moe.parameters @w "w.{{0}}" [{experts}] : tensor<4xf32>
func.func @main(%x: tensor<?x4xf32>, %s: tensor<?x{experts}xf32>) -> tensor<?x4xf32> {{
  {routing}
  %rows = moe.dispatch %x by %r : (tensor<?x4xf32>, !moe.routing<{experts}>) -> tensor<?x4xf32> {bodies}
  %y = moe.combine %rows by %r : (tensor<?x4xf32>, !moe.routing<{experts}>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}}
"""


def check(name, routing, weights, removed):
    """weights: [N, E], 0 where a token does not go to an expert."""
    tokens, experts = weights.shape
    w = rng.standard_normal((experts, 4)).astype(np.float32)
    expected = sum(weights[:, e:e + 1] * (x[:tokens] * w[e]) for e in range(experts))
    # The weights of experts that are removed are never looked at.
    file = os.path.join(SCRATCH, "w.safetensors")
    moe_run.save_safetensors(file, {f"w.{e}": np.full(4, np.nan, np.float32) if e in removed else w[e]
                                    for e in range(experts)})
    inputs = []
    for stem, array in (("x", x[:tokens]), ("s", s[:tokens, :experts])):
        inputs.append(os.path.join(SCRATCH, f"{stem}.npy"))
        np.save(inputs[-1], np.ascontiguousarray(array))
    for family in (True, False):
        path = os.path.join(SCRATCH, "model.mlir")
        with open(path, "w") as f:
            f.write(model(routing, experts, family))
        (got,), stats = moe_run.run(BUILD, path, inputs, 1, SCRATCH, file)
        counted = [len(d["tokens_per_expert"]) for d in stats["dispatches"]]
        same = got.shape == expected.shape and np.allclose(got, expected, rtol=1e-5, atol=1e-6)
        left = experts - len(removed)
        good = same and counted == ([left] if left else [])
        print("ok  " if good else "FAIL", name, "family" if family else "bodies", counted)
        if not good:
            failures.append(name)


rng = np.random.default_rng(3)
x = rng.standard_normal((6, 4)).astype(np.float32)
s = rng.standard_normal((6, 4)).astype(np.float32)

# sigmoid, bias of minus infinity on expert 2: never among the best 2 of 4.
sigmoid = 1 / (1 + np.exp(-s))
rank = sigmoid + np.array([0, 0, -np.inf, 0], np.float32)
best = np.argsort(-rank, axis=1, kind="stable")[:, :2]
chosen = np.zeros_like(s)
np.put_along_axis(chosen, best, 1, 1)
check("gate", """%bias = arith.constant dense<[0.0, 0.0, 0xFF800000, 0.0]> : tensor<4xf32>
  %r = moe.gate %s sigmoid bias(%bias) top_k(2) : (tensor<?x4xf32>, tensor<4xf32>) -> !moe.routing<4>""",
      chosen * sigmoid, {2})

table = np.array([[1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [1, 0, 0, 1]])
text = str(table.astype(bool).tolist()).lower()
check("mask", f"""%m = arith.constant dense<{text}> : tensor<6x4xi1>
  %d = tensor.cast %m : tensor<6x4xi1> to tensor<?x4xi1>
  %r = moe.route %d, %s : (tensor<?x4xi1>, tensor<?x4xf32>) -> !moe.routing<4>""", table * s, {1, 2})

# A number that occurs twice counts twice, and 9 and -1 name no expert.
numbers = np.array([[1, 3], [3, 3], [9, 1], [1, -1], [3, 1], [9, 9]])
twice = np.array([[(row == e).sum() for e in range(4)] for row in numbers], np.float32)
check("indices", f"""%i = arith.constant dense<{numbers.tolist()}> : tensor<6x2xi64>
  %r = moe.route %i : (tensor<6x2xi64>) -> !moe.routing<4>""", twice, {0, 2})

check("nobody", "%r = moe.gate %s softmax top_k(2) capacity(0) : (tensor<?x4xf32>) -> !moe.routing<4>",
      np.zeros((6, 4), np.float32), {0, 1, 2, 3})

sys.exit(bool(failures))
