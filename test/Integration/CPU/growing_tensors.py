# RUN: %python %s %moe_build
"""A tensor that loops carry may change its size in each round, also where it starts from
one of static size; values are NumPy's, trusted and not.

    growing_tensors.py BUILD [--device=NAME]
"""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)

HEAD = """
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n64 = tensor.extract %n[%c0] : tensor<1xi64>
  %rounds = arith.index_cast %n64 : i64 to index
"""
STATIC, FREE = "tensor<2x3xf32>", "tensor<?x3xf32>"


def doubled(x, n):
    for _ in range(n):
        x = np.concatenate([x, x + 1])
    return x


# Text, arguments, results, meaning.
CASES = {
    "grows": ("""
  %start = tensor.cast %x : tensor<2x3xf32> to tensor<?x3xf32>
  %r = scf.for %i = %c0 to %rounds step %c1 iter_args(%t = %start) -> (tensor<?x3xf32>) {
    %next = tensor.concat dim(0) %t, %x : (tensor<?x3xf32>, tensor<2x3xf32>) -> tensor<?x3xf32>
    scf.yield %next : tensor<?x3xf32>
  }
""", FREE, lambda x, n: np.concatenate([x] * (n + 1))),
    "starts_empty": ("""
  %none = tensor.empty(%c0) : tensor<?x3xf32>
  %r = scf.for %i = %c0 to %rounds step %c1 iter_args(%t = %none) -> (tensor<?x3xf32>) {
    %next = tensor.concat dim(0) %x, %t : (tensor<2x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
    scf.yield %next : tensor<?x3xf32>
  }
""", FREE, lambda x, n: np.concatenate([x] * n) if n else x[:0]),
    "shrinks": ("""
  %five = tensor.concat dim(0) %x, %x, %x : (tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<6x3xf32>
  %start = tensor.cast %five : tensor<6x3xf32> to tensor<?x3xf32>
  %r = scf.for %i = %c0 to %rounds step %c1 iter_args(%t = %start) -> (tensor<?x3xf32>) {
    %m = tensor.dim %t, %c0 : tensor<?x3xf32>
    %less = arith.subi %m, %c1 : index
    %next = tensor.extract_slice %t[1, 0] [%less, 3] [1, 1] : tensor<?x3xf32> to tensor<?x3xf32>
    scf.yield %next : tensor<?x3xf32>
  }
""", FREE, lambda x, n: np.concatenate([x] * 3)[n:]),
    # The last of the rows is known to be one row again.
    "static_result": ("""
  %start = tensor.cast %x : tensor<2x3xf32> to tensor<?x3xf32>
  %one = arith.constant 1.0 : f32
  %all = scf.for %i = %c0 to %rounds step %c1 iter_args(%t = %start) -> (tensor<?x3xf32>) {
    %m = tensor.dim %t, %c0 : tensor<?x3xf32>
    %e = tensor.empty(%m) : tensor<?x3xf32>
    %f = linalg.fill ins(%one : f32) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
    %sum = linalg.add ins(%t, %f : tensor<?x3xf32>, tensor<?x3xf32>) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
    scf.yield %sum : tensor<?x3xf32>
  }
  %r = tensor.cast %all : tensor<?x3xf32> to tensor<2x3xf32>
""", STATIC, lambda x, n: x + np.float32(n)),
    "nested": ("""
  %start = tensor.cast %x : tensor<2x3xf32> to tensor<?x3xf32>
  %one = arith.constant 1.0 : f32
  %r = scf.for %i = %c0 to %rounds step %c1 iter_args(%t = %start) -> (tensor<?x3xf32>) {
    %next = scf.for %j = %c0 to %c1 step %c1 iter_args(%u = %t) -> (tensor<?x3xf32>) {
      %m = tensor.dim %u, %c0 : tensor<?x3xf32>
      %e = tensor.empty(%m) : tensor<?x3xf32>
      %f = linalg.fill ins(%one : f32) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
      %sum = linalg.add ins(%u, %f : tensor<?x3xf32>, tensor<?x3xf32>) outs(%e : tensor<?x3xf32>) -> tensor<?x3xf32>
      %both = tensor.concat dim(0) %u, %sum : (tensor<?x3xf32>, tensor<?x3xf32>) -> tensor<?x3xf32>
      scf.yield %both : tensor<?x3xf32>
    }
    scf.yield %next : tensor<?x3xf32>
  }
""", FREE, doubled),
    "while": ("""
  %start = tensor.cast %x : tensor<2x3xf32> to tensor<?x3xf32>
  %r, %done = scf.while (%t = %start, %i = %c0) : (tensor<?x3xf32>, index) -> (tensor<?x3xf32>, index) {
    %more = arith.cmpi slt, %i, %rounds : index
    scf.condition(%more) %t, %i : tensor<?x3xf32>, index
  } do {
  ^bb0(%t: tensor<?x3xf32>, %i: index):
    %next = tensor.concat dim(0) %t, %x : (tensor<?x3xf32>, tensor<2x3xf32>) -> tensor<?x3xf32>
    %j = arith.addi %i, %c1 : index
    scf.yield %next, %j : tensor<?x3xf32>, index
  }
""", FREE, lambda x, n: np.concatenate([x] * (n + 1))),
    # The size decides when to end, and is carried in another type.
    "while_by_size": ("""
  %c9 = arith.constant 9 : index
  %none = tensor.empty() : tensor<0x3xf32>
  %start = tensor.cast %none : tensor<0x3xf32> to tensor<?x3xf32>
  %r = scf.while (%t = %start) : (tensor<?x3xf32>) -> (tensor<?x3xf32>) {
    %m = tensor.dim %t, %c0 : tensor<?x3xf32>
    %more = arith.cmpi slt, %m, %c9 : index
    scf.condition(%more) %t : tensor<?x3xf32>
  } do {
  ^bb0(%t: tensor<?x3xf32>):
    %next = tensor.concat dim(0) %t, %x : (tensor<?x3xf32>, tensor<2x3xf32>) -> tensor<?x3xf32>
    scf.yield %next : tensor<?x3xf32>
  }
""", FREE, lambda x, n: np.concatenate([x] * 5)),
    # Both branches of a condition: one grows, one does not.
    "sometimes": ("""
  %c2 = arith.constant 2 : index
  %start = tensor.cast %x : tensor<2x3xf32> to tensor<?x3xf32>
  %r = scf.for %i = %c0 to %rounds step %c1 iter_args(%t = %start) -> (tensor<?x3xf32>) {
    %rest = arith.remui %i, %c2 : index
    %odd = arith.cmpi eq, %rest, %c1 : index
    %next = scf.if %odd -> (tensor<?x3xf32>) {
      %longer = tensor.concat dim(0) %t, %x : (tensor<?x3xf32>, tensor<2x3xf32>) -> tensor<?x3xf32>
      scf.yield %longer : tensor<?x3xf32>
    } else {
      scf.yield %t : tensor<?x3xf32>
    }
    scf.yield %next : tensor<?x3xf32>
  }
""", FREE, lambda x, n: np.concatenate([x] * (n // 2 + 1))),
    # A function that is called, so that the loop is inlined with what it starts from.
    "called": ("""
  %start = tensor.cast %x : tensor<2x3xf32> to tensor<?x3xf32>
  %r = func.call @more(%start, %x, %rounds) : (tensor<?x3xf32>, tensor<2x3xf32>, index) -> tensor<?x3xf32>
""", FREE, lambda x, n: np.concatenate([x] * (n + 1))),
}
CALLED = """
func.func private @more(%t: tensor<?x3xf32>, %x: tensor<2x3xf32>, %n: index) -> tensor<?x3xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %r = scf.for %i = %c0 to %n step %c1 iter_args(%u = %t) -> (tensor<?x3xf32>) {
    %next = tensor.concat dim(0) %u, %x : (tensor<?x3xf32>, tensor<2x3xf32>) -> tensor<?x3xf32>
    scf.yield %next : tensor<?x3xf32>
  }
  return %r : tensor<?x3xf32>
}
"""

x = np.random.default_rng(1).normal(0, 1, (2, 3)).astype(np.float32)
for name, (body, result, meaning) in CASES.items():
    text = f"func.func @main(%x: {STATIC}, %n: tensor<1xi64>) -> {result} {{{HEAD}{body}  return %r : {result}\n}}\n"
    text += CALLED if name == "called" else ""
    for rounds in (0, 1, 3):
        for flags in ([], ["--trust-model"]):
            CHECKS.compare(f"{name}, {rounds} rounds {flags}", [meaning(x, rounds)], text, [x, np.array([rounds])], flags)
CHECKS.end()
