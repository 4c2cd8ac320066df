# RUN: %python %s %moe_build
"""Layers of unlike experts that are written out one behind the other, as an export has them:
the bodies of all layers are those of one, the results are those of NumPy, and statistics and
profiles name each layer.

    alike_layers.py BUILD [--device=NAME]
"""

import argparse
import os
import re
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run
import strict_json

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("build")
parser.add_argument("--device", default="cpu")
OPTIONS = parser.parse_args()
SCRATCH = tempfile.mkdtemp(prefix="moe-alike-layers-")
WIDTH, TOKENS, EXPERTS = 16, 6, 3
FUNCTIONS = ("tanh", "exp", "absf")  # of the experts; tanh(x @ w), and so on

LAYER = """
  %nI = tensor.dim %xI, %zeroth : tensor<?x16xf32>
  %zI = tensor.empty(%nI) : tensor<?x3xf32>
  %yI = linalg.fill ins(%nought : f32) outs(%zI : tensor<?x3xf32>) -> tensor<?x3xf32>
  %gI = ml_program.global_load_const @"layers.I.gate" : tensor<16x3xf32>
  %sI = linalg.matmul ins(%xI, %gI : tensor<?x16xf32>, tensor<16x3xf32>) outs(%yI : tensor<?x3xf32>) -> tensor<?x3xf32>
  %rI = moe.gate %sI identity top_k(1) : (tensor<?x3xf32>) -> !moe.routing<3>
  %pI = moe.dispatch %xI by %rI : (tensor<?x16xf32>, !moe.routing<3>) -> tensor<?x16xf32> {BODIES} loc("layers.I.experts")
  %cI = moe.combine %pI by %rI unweighted : (tensor<?x16xf32>, !moe.routing<3>) -> tensor<?x16xf32>
  %oI = tensor.empty(%nI) : tensor<?x16xf32>
  %xJ = linalg.add ins(%xI, %cI : tensor<?x16xf32>, tensor<?x16xf32>) outs(%oI : tensor<?x16xf32>) -> tensor<?x16xf32>
"""
BODY = """
  ^expertE(%m: tensor<?x16xf32>):
    %k = tensor.dim %m, %zeroth : tensor<?x16xf32>
    %e = tensor.empty(%k) : tensor<?x16xf32>
    %f = linalg.fill ins(%nought : f32) outs(%e : tensor<?x16xf32>) -> tensor<?x16xf32>
    %w = ml_program.global_load_const @"layers.I.experts.E" : tensor<16x16xf32>
    %h = linalg.matmul ins(%m, %w : tensor<?x16xf32>, tensor<16x16xf32>) outs(%f : tensor<?x16xf32>) -> tensor<?x16xf32>
    %t = math.FUNCTION %h : tensor<?x16xf32>
    moe.yield %t : tensor<?x16xf32>
"""


def model(layers):
    globals, body = "", ""
    for layer in range(layers):
        globals += f'ml_program.global private @"layers.{layer}.gate"(#ml_program.extern<tensor<16x3xf32>>) : tensor<16x3xf32>\n'
        bodies = []
        for expert, function in enumerate(FUNCTIONS):
            globals += f'ml_program.global private @"layers.{layer}.experts.{expert}"(#ml_program.extern<tensor<16x16xf32>>) : tensor<16x16xf32>\n'
            bodies.append(BODY.replace("FUNCTION", function).replace("E(", f"{expert}(").replace("E\"", f'{expert}"'))
        text = LAYER.replace("BODIES", "}, {".join(bodies))
        body += text.replace("I.", f"{layer}.").replace("xJ", f"x{layer + 1}")
        body = re.sub(r"%(\w)I\b", rf"%\g<1>{layer}", body)
    path = os.path.join(SCRATCH, f"{layers}.mlir")
    with open(path, "w") as f:
        f.write(f"""{globals}func.func @main(%x0: tensor<?x16xf32>) -> tensor<?x16xf32> {{
  %zeroth = arith.constant 0 : index
  %nought = arith.constant 0.0 : f32
{body}  return %x{layers} : tensor<?x16xf32>
}}
""")
    return path


def run(layers, *options):
    return moe_run.execute([os.path.join(OPTIONS.build, "bin", "moe-run"), model(layers), f"--device={OPTIONS.device}", *options])


LAYERS = 6
rng = np.random.default_rng(3)
weights = {}
for layer in range(LAYERS):
    weights[f"layers.{layer}.gate"] = rng.standard_normal((WIDTH, EXPERTS)).astype(np.float32)
    for expert in range(EXPERTS):
        weights[f"layers.{layer}.experts.{expert}"] = (rng.standard_normal((WIDTH, WIDTH)) / 16).astype(np.float32)
x = rng.standard_normal((TOKENS, WIDTH)).astype(np.float32)
moe_run.save_safetensors(os.path.join(SCRATCH, f"{LAYERS}.safetensors"), weights)
np.save(os.path.join(SCRATCH, "x.npy"), x)

y, counts = x.astype(np.float64), []
for layer in range(LAYERS):
    chosen = (y @ weights[f"layers.{layer}.gate"]).argmax(1)
    counts.append(np.bincount(chosen, minlength=EXPERTS).tolist())
    of = [f(y @ weights[f"layers.{layer}.experts.{e}"]) for e, f in enumerate((np.tanh, np.exp, np.abs))]
    y = y + np.stack(of)[chosen, np.arange(TOKENS)]

out, stats = os.path.join(SCRATCH, "y.npy"), os.path.join(SCRATCH, "stats.json")
run(LAYERS, f"--input=@{os.path.join(SCRATCH, 'x.npy')}", f"--output=@{out}", "--stats=json", f"--stats-out={stats}")
np.testing.assert_allclose(np.load(out), y, rtol=1e-4, atol=1e-4)

with open(stats) as f:
    found = strict_json.loads(f.read())
lines = [number for number, line in enumerate(open(model(LAYERS)), 1) if "moe.dispatch" in line]
assert [d["layer"] for d in found["dispatches"]] == [f"layers.{i}.experts" for i in range(LAYERS)], found
assert [int(d["location"].split(":")[-2]) for d in found["dispatches"]] == lines, found
assert [d["tokens_per_expert"] for d in found["dispatches"]] == counts, (found, counts)
# One of each layer's tensors may be read, where all could: as one layer says it.
assert {d["weight_bytes"]["total"] for d in found["dispatches"]} == {EXPERTS * WIDTH * WIDTH * 4}, found

profile = run(LAYERS, f"--input=@{os.path.join(SCRATCH, 'x.npy')}", "--output=", "--profile") if OPTIONS.device == "cpu" else ""
for layer in range(LAYERS if profile else 0):
    assert f"in layer 'layers.{layer}.experts'" in profile, profile


def bodies(layers):
    return len(re.findall(r"llvm.func .*@moe_expert_\d+_\d+", run(layers, "--compile-to=machine")))


assert bodies(4) == bodies(LAYERS) == EXPERTS or OPTIONS.device != "cpu"
