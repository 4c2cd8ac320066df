# RUN: %python %s %moe_build
"""Products of few rows, of a static number, that are added to what is there: what is
added to is read whole, whatever vectors are written to it.

    few_rows.py BUILD [--device=NAME]
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)
RNG = np.random.default_rng(11)

# Both products begin from one tensor, one of them an argument's.
PROGRAM = """
func.func @main(%x: tensor<RxKxf32>, %w: tensor<KxCxf32>, %o: tensor<RxCxf32>, %b: tensor<Cxf32>, %q: tensor<CxCxf32>)
    -> (tensor<RxCxf32>, tensor<RxCxf32>, tensor<RxCxf32>) {
  %e = tensor.empty() : tensor<RxCxf32>
  %first = linalg.matmul ins(%x, %w : tensor<RxKxf32>, tensor<KxCxf32>) outs(%o : tensor<RxCxf32>) -> tensor<RxCxf32>
  %bias = linalg.broadcast ins(%b : tensor<Cxf32>) outs(%e : tensor<RxCxf32>) dimensions = [0]
  %second = linalg.matmul ins(%x, %w : tensor<RxKxf32>, tensor<KxCxf32>) outs(%bias : tensor<RxCxf32>) -> tensor<RxCxf32>
  %third = linalg.matmul ins(%second, %q : tensor<RxCxf32>, tensor<CxCxf32>) outs(%bias : tensor<RxCxf32>) -> tensor<RxCxf32>
  return %first, %second, %third : tensor<RxCxf32>, tensor<RxCxf32>, tensor<RxCxf32>
}
"""

for rows in (1, 2, 4, 5, 7, 8, 9, 13, 16, 17):
    for depth, columns in ((6, 6), (3, 20), (5, 1)):
        x, w, o, b, q = (RNG.standard_normal(s).astype(np.float32) for s in
                         ((rows, depth), (depth, columns), (rows, columns), (columns,), (columns, columns)))
        text = PROGRAM
        for mark, size in (("RxKx", f"{rows}x{depth}x"), ("KxCx", f"{depth}x{columns}x"), ("RxCx", f"{rows}x{columns}x"),
                           ("CxCx", f"{columns}x{columns}x"), ("<Cx", f"<{columns}x")):
            text = text.replace(mark, size)
        second = b + x @ w
        CHECKS.compare(f"{rows} rows, {depth} x {columns}", [o + x @ w, second, b + second @ q], text, [x, w, o, b, q], rtol=1e-5, atol=1e-5)
CHECKS.end()
