# RUN: %python %s %moe_build
"""Products outside of experts are kernels over tiles on a GPU: against NumPy, with no row, one,
as many as a stream of weights takes, and more.

    products.py BUILD
"""

import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)
SCRATCH = tempfile.mkdtemp(prefix="moe-products-")
MOE_RUN = os.path.join(CHECKS.options.build, "bin", "moe-run")

MODEL = """#row = affine_map<(t, o, i) -> (t, i)>
#weight = affine_map<(t, o, i) -> (o, i)>
#result = affine_map<(t, o, i) -> (t, o)>
ml_program.global private @w(#ml_program.extern<tensor<96x64xT>>) : tensor<96x64xT>
func.func @main(%x: tensor<?x64xT>, %b: tensor<96xf32>) -> (tensor<?x96xf32>, tensor<?x96xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x64xT>
  %w = ml_program.global_load_const @w : tensor<96x64xT>
  %e = tensor.empty(%n) : tensor<?x96xf32>
  %f = linalg.fill ins(%zero : f32) outs(%e : tensor<?x96xf32>) -> tensor<?x96xf32>
  %y = linalg.matmul indexing_maps = [#row, #weight, #result]
    ins(%x, %w : tensor<?x64xT>, tensor<96x64xT>) outs(%f : tensor<?x96xf32>) -> tensor<?x96xf32>
  %bias = linalg.broadcast ins(%b : tensor<96xf32>) outs(%e : tensor<?x96xf32>) dimensions = [0]
  %z = linalg.matmul indexing_maps = [#row, #weight, #result]
    ins(%x, %w : tensor<?x64xT>, tensor<96x64xT>) outs(%bias : tensor<?x96xf32>) -> tensor<?x96xf32>
  return %y, %z : tensor<?x96xf32>, tensor<?x96xf32>
}
"""

rng = np.random.default_rng(7)
for kind in ("f32", "bf16"):
    short = (lambda a: moe_run.to_bf16(a)) if kind == "bf16" else (lambda a: a)
    stored = moe_run.BF16 if kind == "bf16" else (lambda a: a)
    model, weights = os.path.join(SCRATCH, f"{kind}.mlir"), os.path.join(SCRATCH, f"{kind}.safetensors")
    with open(model, "w") as f:
        f.write(MODEL.replace("T>", kind + ">").replace("xT", "x" + kind))
    w = short(rng.standard_normal((96, 64)).astype(np.float32))
    b = rng.standard_normal(96).astype(np.float32)
    moe_run.save_safetensors(weights, {"w": stored(w)})
    for rows in (0, 1, 5, 40, 300):
        x = short(rng.standard_normal((rows, 64)).astype(np.float32))
        inputs = os.path.join(SCRATCH, "inputs.safetensors")
        moe_run.save_safetensors(inputs, {"x": stored(x), "b": b})
        outputs = [os.path.join(SCRATCH, f"{name}.npy") for name in "yz"]
        want = x.astype(np.float64) @ w.astype(np.float64).T
        try:
            moe_run.execute([MOE_RUN, model, "--device=cuda-emulator", f"--parameters={weights}", f"--input=@{inputs}[x]",
                             f"--input=@{inputs}[b]", *[f"--output=@{o}" for o in outputs]])
        except moe_run.Failed as error:
            CHECKS.check(f"{kind} {rows} rows", str(error))
            continue
        for name, output, expected in zip("yz", outputs, (want, want + b)):
            got = np.load(output)
            fits = got.shape == expected.shape and np.allclose(got, expected, rtol=1e-5, atol=1e-4)
            CHECKS.check(f"{kind} {name} of {rows} rows", "" if fits else f"{got.shape} differs from {expected.shape}")
CHECKS.end()
