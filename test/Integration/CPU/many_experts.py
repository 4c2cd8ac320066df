# RUN: %python %s %moe_build
"""512 experts in 32 layers, each weight a tensor of its own, as checkpoints have them: the
text and the machine code are as long as for 256 experts in 2 layers, and the results are
those of NumPy.

    many_experts.py BUILD [--device=NAME]
"""

import argparse
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("build")
parser.add_argument("--device", default="cpu")
OPTIONS = parser.parse_args()
BUILD = OPTIONS.build
SCRATCH = tempfile.mkdtemp(prefix="moe-many-experts-")
HIDDEN, INNER, TOKENS = 16, 24, 7

MODEL = """
#row = affine_map<(t, o, i) -> (t, i)>
#weight = affine_map<(t, o, i) -> (o, i)>
#result = affine_map<(t, o, i) -> (t, o)>
moe.parameters @router "layers.{0}.router" [LAYERS] : tensor<EXPERTSx16xf32>
moe.parameters @up "layers.{0}.experts.{1}.up" [LAYERS, EXPERTS] : tensor<24x16xf32>
moe.parameters @down "layers.{0}.experts.{1}.down" [LAYERS, EXPERTS] : tensor<16x24xf32>
func.func @main(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %layers = arith.constant LAYERS : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x16xf32>
  %y = scf.for %layer = %c0 to %layers step %c1 iter_args(%h = %x) -> tensor<?x16xf32> {
    %w = moe.parameter @router[%layer] : tensor<EXPERTSx16xf32>
    %s0 = tensor.empty(%n) : tensor<?xEXPERTSxf32>
    %s1 = linalg.fill ins(%zero : f32) outs(%s0 : tensor<?xEXPERTSxf32>) -> tensor<?xEXPERTSxf32>
    %scores = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%h, %w : tensor<?x16xf32>, tensor<EXPERTSx16xf32>)
      outs(%s1 : tensor<?xEXPERTSxf32>) -> tensor<?xEXPERTSxf32>
    %r = moe.gate %scores softmax top_k(2) normalize
      : (tensor<?xEXPERTSxf32>) -> !moe.routing<EXPERTS>
    %rows = moe.dispatch %h by %r : (tensor<?x16xf32>, !moe.routing<EXPERTS>) -> tensor<?x16xf32> {
    ^each(%expert: index, %mine: tensor<?x16xf32>):
      %m = tensor.dim %mine, %c0 : tensor<?x16xf32>
      %wu = moe.parameter @up[%layer, %expert] : tensor<24x16xf32>
      %wd = moe.parameter @down[%layer, %expert] : tensor<16x24xf32>
      %u0 = tensor.empty(%m) : tensor<?x24xf32>
      %u1 = linalg.fill ins(%zero : f32) outs(%u0 : tensor<?x24xf32>) -> tensor<?x24xf32>
      %u = linalg.matmul indexing_maps = [#row, #weight, #result]
        ins(%mine, %wu : tensor<?x16xf32>, tensor<24x16xf32>)
        outs(%u1 : tensor<?x24xf32>) -> tensor<?x24xf32>
      %a = linalg.tanh ins(%u : tensor<?x24xf32>) outs(%u0 : tensor<?x24xf32>) -> tensor<?x24xf32>
      %d0 = tensor.empty(%m) : tensor<?x16xf32>
      %d1 = linalg.fill ins(%zero : f32) outs(%d0 : tensor<?x16xf32>) -> tensor<?x16xf32>
      %d = linalg.matmul indexing_maps = [#row, #weight, #result]
        ins(%a, %wd : tensor<?x24xf32>, tensor<16x24xf32>)
        outs(%d1 : tensor<?x16xf32>) -> tensor<?x16xf32>
      moe.yield %d : tensor<?x16xf32>
    }
    %z = moe.combine %rows by %r : (tensor<?x16xf32>, !moe.routing<EXPERTS>) -> tensor<?x16xf32>
    %e = tensor.empty(%n) : tensor<?x16xf32>
    %next = linalg.add ins(%h, %z : tensor<?x16xf32>, tensor<?x16xf32>)
      outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
    scf.yield %next : tensor<?x16xf32>
  }
  return %y : tensor<?x16xf32>
}
"""


def model(layers, experts):
    path = os.path.join(SCRATCH, f"model_{layers}_{experts}.mlir")
    with open(path, "w") as f:
        f.write(MODEL.replace("LAYERS", str(layers)).replace("EXPERTS", str(experts)))
    return path


def machine_code(layers, experts):
    """Lines of the module in the phase machine."""
    command = [os.path.join(BUILD, "bin", "moe-run"), model(layers, experts), f"--device={OPTIONS.device}", "--compile-to=machine"]
    return len(moe_run.execute(command).splitlines())


def draw(rng, layers, experts):
    weights = {}
    for layer in range(layers):
        weights[f"layers.{layer}.router"] = rng.normal(0, 2, (experts, HIDDEN)).astype(np.float32)
        for e in range(experts):
            weights[f"layers.{layer}.experts.{e}.up"] = rng.normal(0, 0.25, (INNER, HIDDEN)).astype(np.float32)
            weights[f"layers.{layer}.experts.{e}.down"] = rng.normal(0, 0.02, (HIDDEN, INNER)).astype(np.float32)
    return weights


def reference(x, weights, layers):
    h = x.astype(np.float64)
    for layer in range(layers):
        y = np.zeros_like(h)
        for t, scores in enumerate(h @ weights[f"layers.{layer}.router"].T.astype(np.float64)):
            p = np.exp(scores - scores.max())
            chosen = np.argsort(-p, kind="stable")[:2]
            for e, weight in zip(chosen, p[chosen] / p[chosen].sum()):
                up = weights[f"layers.{layer}.experts.{e}.up"]
                down = weights[f"layers.{layer}.experts.{e}.down"]
                y[t] += weight * (down @ np.tanh(up @ h[t]))
        h = h + y
    return h


LAYERS, EXPERTS = 32, 512
# As few as have routers that are worth several threads.
few, many = machine_code(2, 256), machine_code(LAYERS, EXPERTS)
assert abs(many - few) < 0.05 * few, f"{few} lines for 256 experts, {many} for 512"

rng = np.random.default_rng(11)
weights = draw(rng, LAYERS, EXPERTS)
moe_run.save_safetensors(os.path.join(SCRATCH, "w.safetensors"), weights)
x = rng.normal(0, 1, (TOKENS, HIDDEN)).astype(np.float32)
np.save(os.path.join(SCRATCH, "x.npy"), x)
(got,), stats = moe_run.run(BUILD, model(LAYERS, EXPERTS), [os.path.join(SCRATCH, "x.npy")], 1, SCRATCH,
                            parameters=os.path.join(SCRATCH, "w.safetensors"), flags=[f"--device={OPTIONS.device}"])
np.testing.assert_allclose(got, reference(x, weights, LAYERS), rtol=1e-4, atol=1e-4)
# One entry for each layer, and in each at most two experts for a token.
assert len(stats["dispatches"]) == LAYERS
for entry in stats["dispatches"]:
    assert entry["assignments"] == 2 * TOKENS and entry["evaluated"] <= 2 * TOKENS
    bytes_of_expert = 2 * 4 * HIDDEN * INNER
    assert entry["weight_bytes"]["touched"] == entry["evaluated"] * bytes_of_expert
    assert entry["weight_bytes"]["total"] == EXPERTS * bytes_of_expert
