# RUN: %python %s %moe_build
"""Sums of bf16 and f16 are made in f32 and rounded once, however they are written.

    short_sums.py BUILD [--device=NAME]
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)
RNG = np.random.default_rng(3)
# Emulated threads take their time.
TERMS, WIDTH = (3000, 600) if CHECKS.options.device == "cpu" else (600, 64)

# Arguments are f32, since NumPy has no bf16; T is the type of the sums.
HEAD = """
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : T
"""

CASES = {
    # Rows times columns, of which the depth is unknown.
    "matmul": ("%x: tensor<?x?xf32>, %y: tensor<?x5xf32>", "tensor<?x5xT>", """
  %m = tensor.dim %x, %c0 : tensor<?x?xf32>
  %a = arith.truncf %x : tensor<?x?xf32> to tensor<?x?xT>
  %b = arith.truncf %y : tensor<?x5xf32> to tensor<?x5xT>
  %e = tensor.empty(%m) : tensor<?x5xT>
  %z = linalg.fill ins(%zero : T) outs(%e : tensor<?x5xT>) -> tensor<?x5xT>
  %r = linalg.matmul ins(%a, %b : tensor<?x?xT>, tensor<?x5xT>) outs(%z : tensor<?x5xT>) -> tensor<?x5xT>
""", [(3, TERMS), (TERMS, 5)], lambda x, y: x @ y),
    # Weights as [columns, depth], added to what is there already.
    "contract": ("%x: tensor<?x?xf32>, %y: tensor<5x?xf32>, %o: tensor<?x5xf32>", "tensor<?x5xT>", """
  %a = arith.truncf %x : tensor<?x?xf32> to tensor<?x?xT>
  %b = arith.truncf %y : tensor<5x?xf32> to tensor<5x?xT>
  %c = arith.truncf %o : tensor<?x5xf32> to tensor<?x5xT>
  %r = linalg.contract indexing_maps = [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (n, k)>, affine_map<(m, n, k) -> (m, n)>]
      ins(%a, %b : tensor<?x?xT>, tensor<5x?xT>) outs(%c : tensor<?x5xT>) -> tensor<?x5xT>
""", [(3, TERMS), (5, TERMS), (3, 5)], lambda x, y, o: x @ y.T + o),
    "reduce": ("%x: tensor<?x?xf32>", "tensor<?xT>", """
  %m = tensor.dim %x, %c0 : tensor<?x?xf32>
  %a = arith.truncf %x : tensor<?x?xf32> to tensor<?x?xT>
  %e = tensor.empty(%m) : tensor<?xT>
  %z = linalg.fill ins(%zero : T) outs(%e : tensor<?xT>) -> tensor<?xT>
  %r = linalg.reduce {arith.addf} ins(%a : tensor<?x?xT>) outs(%z : tensor<?xT>) dimensions = [1]
""", [(7, TERMS)], lambda x: x.sum(1)),
    "softmax": ("%x: tensor<?xKxf32>", "tensor<?xKxT>", """
  %a = arith.truncf %x : tensor<?xKxf32> to tensor<?xKxT>
  %m = tensor.dim %x, %c0 : tensor<?xKxf32>
  %e = tensor.empty(%m) : tensor<?xKxT>
  %r = linalg.softmax dimension(1) ins(%a : tensor<?xKxT>) outs(%e : tensor<?xKxT>) -> tensor<?xKxT>
""", [(2, TERMS)], None),
    # index_add and its like: row i is added to row i mod 3.
    "scatter": ("%x: tensor<?x2xf32>", "tensor<3x2xT>", """
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %m = tensor.dim %x, %c0 : tensor<?x2xf32>
  %a = arith.truncf %x : tensor<?x2xf32> to tensor<?x2xT>
  %z = arith.constant dense<0.0> : tensor<3x2xT>
  %r = scf.for %i = %c0 to %m step %c1 iter_args(%t = %z) -> (tensor<3x2xT>) {
    %place = arith.remui %i, %c3 : index
    %u = scf.for %j = %c0 to %c2 step %c1 iter_args(%v = %t) -> (tensor<3x2xT>) {
      %old = tensor.extract %v[%place, %j] : tensor<3x2xT>
      %add = tensor.extract %a[%i, %j] : tensor<?x2xT>
      %new = arith.addf %add, %old : T
      %put = tensor.insert %new into %v[%place, %j] : tensor<3x2xT>
      scf.yield %put : tensor<3x2xT>
    }
    scf.yield %u : tensor<3x2xT>
  }
""", [(TERMS // 5, 2)], lambda x: np.stack([x[i::3].sum(0) for i in range(3)])),
    "convolution": ("%x: tensor<1x?x400xf32>, %w: tensor<3x400x2xf32>", "tensor<1x?x2xT>", """
  %c2 = arith.constant 2 : index
  %m = tensor.dim %x, %c1 : tensor<1x?x400xf32>
  %o = arith.subi %m, %c2 : index
  %a = arith.truncf %x : tensor<1x?x400xf32> to tensor<1x?x400xT>
  %b = arith.truncf %w : tensor<3x400x2xf32> to tensor<3x400x2xT>
  %e = tensor.empty(%o) : tensor<1x?x2xT>
  %z = linalg.fill ins(%zero : T) outs(%e : tensor<1x?x2xT>) -> tensor<1x?x2xT>
  %r = linalg.conv_1d_nwc_wcf ins(%a, %b : tensor<1x?x400xT>, tensor<3x400x2xT>) outs(%z : tensor<1x?x2xT>) -> tensor<1x?x2xT>
""", [(1, 6, 400), (3, 400, 2)], lambda x, w: sum(x[:, i:i + 4] @ w[i] for i in range(3))),
    # Each expert's product, and their sum.
    "experts": ("%x: tensor<?xWxf32>, %w: tensor<WxWxf32>", "tensor<?xWxT>", """
  %a = arith.truncf %x : tensor<?xWxf32> to tensor<?xWxT>
  %b = arith.truncf %w : tensor<WxWxf32> to tensor<WxWxT>
  %m = tensor.dim %x, %c0 : tensor<?xWxf32>
  %e = tensor.empty(%m) : tensor<?x2xf32>
  %one = arith.constant 1.0 : f32
  %s = linalg.fill ins(%one : f32) outs(%e : tensor<?x2xf32>) -> tensor<?x2xf32>
  %g = moe.gate %s identity threshold(0.0) weights(one) : (tensor<?x2xf32>) -> !moe.routing<2>
  %rows = moe.dispatch %a by %g : (tensor<?xWxT>, !moe.routing<2>) -> tensor<?xWxT> {
  ^each(%number: index, %mine: tensor<?xWxT>):
    %n = tensor.dim %mine, %c0 : tensor<?xWxT>
    %f = tensor.empty(%n) : tensor<?xWxT>
    %z = linalg.fill ins(%zero : T) outs(%f : tensor<?xWxT>) -> tensor<?xWxT>
    %p = linalg.matmul ins(%mine, %b : tensor<?xWxT>, tensor<WxWxT>) outs(%z : tensor<?xWxT>) -> tensor<?xWxT>
    moe.yield %p : tensor<?xWxT>
  }
  %r = moe.combine %rows by %g : (tensor<?xWxT>, !moe.routing<2>) -> tensor<?xWxT>
""", [(3, WIDTH), (WIDTH, WIDTH)], lambda x, w: 2 * (x @ w)),
}


def program(kind, arguments, result, body):
    wide = result.replace("xT", "xf32")
    return (f"func.func @main({arguments}) -> {wide} {{{HEAD}{body}"
            f"  %wide = arith.extf %r : {result} to {wide}\n  return %wide : {wide}\n}}\n").replace("xT", "x" + kind).replace(": T", ": " + kind).replace("xKx", f"x{TERMS}x").replace("W", str(WIDTH))


def softmax(x):
    p = np.exp(x - x.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def rounded(values, kind):
    return moe_run.to_bf16(values) if kind == "bf16" else values.astype(np.float16).astype(np.float32)


for kind, epsilon in (("bf16", 2.0**-8), ("f16", 2.0**-11)):
    for name, (arguments, result, body, shapes, function) in CASES.items():
        # All of one sign: what a short sum loses does not cancel.
        inputs = [rounded(RNG.uniform(0.25, 0.75, shape).astype(np.float32), kind) for shape in shapes]
        want = (function or softmax)(*[v.astype(np.float64) for v in inputs])
        # Half of a unit of the result, and what sums of f32 lose; functions of a
        # softmax are rounded as they are written.
        allowed = {"softmax": 3.1, "experts": 2.1}.get(name, 1.01) * epsilon
        text = program(kind, arguments, result, body)
        try:
            active, dense = (CHECKS.evaluate(text, inputs, flags=[f"--experts={form}"])[0] for form in ("active", "all"))
        except moe_run.Failed as failed:
            CHECKS.check(f"{kind} {name}", str(failed))
            continue
        for form, got in (("active", active), ("all", dense)):
            error = (np.abs(got - want) / np.abs(want)).max() if got.shape == want.shape else np.inf
            CHECKS.check(f"{kind} {name} {form}", "" if error <= allowed else f"off by {error}, allowed {allowed}")
        CHECKS.check(f"{kind} {name}", "" if active.tobytes() == dense.tobytes() else "the forms differ")
CHECKS.end()
