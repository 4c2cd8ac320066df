# RUN: %python %s %moe_build
"""A dense program of many masked experts: each runs on the rows of its own column of
the mask, and the results are those of NumPy."""

import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-many-")
TOKENS, WIDTH = 30, 4


def expert(e, experts):
    """sum{e} = sum{e-1} + mask[:, e] * tanh(x * w[e])"""
    rows, whole = "tensor<?xf32>", f"tensor<?x{WIDTH}xf32>"
    head = "linalg.generic {indexing_maps = ["
    kinds = '], iterator_types = ["parallel", "parallel"]}'
    return f"""
  %c{e} = tensor.extract_slice %mask[0, {e}] [%n, 1] [1, 1] : tensor<?x{experts}xf32> to {rows}
  %w{e} = tensor.extract_slice %w[{e}, 0] [1, {WIDTH}] [1, 1] : tensor<{experts}x{WIDTH}xf32> to tensor<{WIDTH}xf32>
  %s{e} = {head}#all, #column, #all{kinds} ins(%x, %w{e} : {whole}, tensor<{WIDTH}xf32>) outs(%empty : {whole}) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  }} -> {whole}
  %t{e} = {head}#all, #all{kinds} ins(%s{e} : {whole}) outs(%empty : {whole}) {{
  ^bb0(%a: f32, %o: f32):
    %p = math.tanh %a : f32
    linalg.yield %p : f32
  }} -> {whole}
  %m{e} = {head}#all, #row, #all{kinds} ins(%t{e}, %c{e} : {whole}, {rows}) outs(%empty : {whole}) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.mulf %a, %b : f32
    linalg.yield %p : f32
  }} -> {whole}
  %sum{e} = {head}#all, #all, #all{kinds} ins(%sum{e - 1 if e else ""}, %m{e} : {whole}, {whole}) outs(%empty : {whole}) {{
  ^bb0(%a: f32, %b: f32, %o: f32):
    %p = arith.addf %a, %b : f32
    linalg.yield %p : f32
  }} -> {whole}"""


def model(experts):
    whole, numbers = f"tensor<?x{WIDTH}xf32>", f"tensor<?x{experts}xf32>"
    return f"""
#all = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>
#column = affine_map<(d0, d1) -> (d1)>
func.func @main(%x: {whole}, %scores: {numbers}, %w: tensor<{experts}x{WIDTH}xf32>) -> {whole} {{
  %zero = arith.constant 0.0 : f32
  %i0 = arith.constant 0 : index
  %n = tensor.dim %x, %i0 : {whole}
  %empty = tensor.empty(%n) : {whole}
  %sum = linalg.fill ins(%zero : f32) outs(%empty : {whole}) -> {whole}
  %mask = linalg.generic {{indexing_maps = [#all, #all], iterator_types = ["parallel", "parallel"]}} ins(%scores : {numbers}) outs(%scores : {numbers}) {{
  ^bb0(%a: f32, %o: f32):
    %p = arith.cmpf ogt, %a, %zero : f32
    %m = arith.select %p, %a, %zero : f32
    linalg.yield %m : f32
  }} -> {numbers}
  {"".join(expert(e, experts) for e in range(experts))}
  return %sum{experts - 1} : {whole}
}}
"""


failures = []
rng = np.random.default_rng(7)
# One block of columns, several, and blocks of blocks.
for experts in (8, 20, 70):
    x = rng.standard_normal((TOKENS, WIDTH)).astype(np.float32)
    w = rng.standard_normal((experts, WIDTH)).astype(np.float32)
    scores = rng.standard_normal((TOKENS, experts)).astype(np.float32) - 1.5
    mask = np.maximum(scores, 0)
    expected = sum(mask[:, e:e + 1] * np.tanh(x * w[e]) for e in range(experts))
    files = []
    for name, array in (("x", x), ("scores", scores), ("w", w)):
        files.append(os.path.join(SCRATCH, f"{name}.npy"))
        np.save(files[-1], array)
    path = os.path.join(SCRATCH, "model.mlir")
    with open(path, "w") as f:
        f.write(model(experts))
    (got,), stats = moe_run.run(BUILD, path, files, 1, SCRATCH, None, ["--assume-finite"])
    rows = [d["tokens_per_expert"] for d in stats["dispatches"]]
    if not np.allclose(got, expected, rtol=1e-5, atol=1e-6):
        failures.append(f"{experts} experts: values differ by {np.abs(got - expected).max()}")
    if rows != [(scores > 0).sum(0).tolist()]:
        failures.append(f"{experts} experts: rows {rows}, expected {(scores > 0).sum(0).tolist()}")
print("\n".join(failures) or "values and rows agree")
sys.exit(bool(failures))
