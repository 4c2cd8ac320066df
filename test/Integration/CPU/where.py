# RUN: %python %s %moe_build
"""moe.where in the file of a user, raised and not, against the NumPy of
docs/Dialect.md; sizes that disagree while running are an error of one line.

    where.py BUILD [--device=NAME]
"""

import os
import sys
import tempfile

import numpy as np

TEST = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path += [os.path.join(TEST, "Inputs"), os.path.join(TEST, "Random")]
import moe_run
from meaning import dialect

CHECKS = moe_run.Checks(__doc__)
RNG = np.random.default_rng(11)
FLAGS = [[], ["--trust-model"], ["--experts=all"], ["--assume-finite"]]
if CHECKS.options.device != "cpu":
    del FLAGS[2:]

HEAD = """
#all = affine_map<(d0, d1) -> (d0, d1)>
#rows = affine_map<(d0, d1) -> (d0)>
#x = affine_map<(d0, d1, d2) -> (d0, d2)>
#w = affine_map<(d0, d1, d2) -> (d2, d1)>
#y = affine_map<(d0, d1, d2) -> (d0, d1)>
"""


def product(result, a, w, size):
    """Code for a @ w, [?, 8] times [8, 8]."""
    return f"""
    %{result}e = tensor.empty({size}) : tensor<?x8xf32>
    %{result}z = linalg.fill ins(%zero : f32) outs(%{result}e : tensor<?x8xf32>) -> tensor<?x8xf32>
    %{result} = linalg.generic {{indexing_maps = [#x, #w, #y], iterator_types = ["parallel", "parallel", "reduction"]}} ins({a}, {w} : tensor<?x8xf32>, tensor<8x8xf32>) outs(%{result}z : tensor<?x8xf32>) {{
    ^bb0(%p: f32, %q: f32, %s: f32):
      %1 = arith.mulf %p, %q : f32
      %2 = arith.addf %s, %1 : f32
      linalg.yield %2 : f32
    }} -> tensor<?x8xf32>"""


SIZE = """
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x8xf32>"""

# Nothing to raise: results of several types, each of which is zero where no mask holds.
SEVERAL = """
func.func @main(%a: tensor<?xi1>, %b: tensor<?xi1>, %x: tensor<?x3xf32>, %n: tensor<?xi64>, %t: tensor<?x2xi1>)
    -> (tensor<?x3xf32>, tensor<?xi64>, tensor<?x2xi1>) {
  %0:3 = moe.where %a, %b along [0] : (tensor<?xi1>, tensor<?xi1>) -> (tensor<?x3xf32>, tensor<?xi64>, tensor<?x2xi1>) {
    moe.yield %x, %n, %t : tensor<?x3xf32>, tensor<?xi64>, tensor<?x2xi1>
  }, {
    %y = math.tanh %x : tensor<?x3xf32>
    %k = arith.addi %n, %n : tensor<?xi64>
    moe.yield %y, %k, %t : tensor<?x3xf32>, tensor<?xi64>, tensor<?x2xi1>
  }
  return %0#0, %0#1, %0#2 : tensor<?x3xf32>, tensor<?xi64>, tensor<?x2xi1>
}
"""

# Two experts, and rows of neither.
EXPERTS = HEAD + f"""
func.func @main(%a: tensor<?xi1>, %b: tensor<?xi1>, %x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %v: tensor<8x8xf32>, %r: tensor<?x8xf32>)
    -> tensor<?x8xf32> {{{SIZE}
  %0 = moe.where %a, %b along [0] : (tensor<?xi1>, tensor<?xi1>) -> tensor<?x8xf32> {{{product("f", "%x", "%w", "%n")}
    moe.yield %f : tensor<?x8xf32>
  }}, {{{product("g", "%x", "%v", "%n")}
    %t = math.tanh %g : tensor<?x8xf32>
    moe.yield %t : tensor<?x8xf32>
  }} else {{
    moe.yield %r : tensor<?x8xf32>
  }}
  return %0 : tensor<?x8xf32>
}}
"""

# Work for several results.
SHARED = HEAD + f"""
func.func @main(%a: tensor<?xi1>, %x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %v: tensor<8x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {{{SIZE}
  %0:2 = moe.where %a along [0] : (tensor<?xi1>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {{{product("f", "%x", "%w", "%n")}{product("g", "%f", "%v", "%n")}
    moe.yield %f, %g : tensor<?x8xf32>, tensor<?x8xf32>
  }} else {{{product("h", "%x", "%v", "%n")}
    moe.yield %h, %x : tensor<?x8xf32>, tensor<?x8xf32>
  }}
  return %0#0, %0#1 : tensor<?x8xf32>, tensor<?x8xf32>
}}
"""

# Two sums that start from the same numbers.
START = HEAD + f"""
func.func @main(%a: tensor<?xi1>, %x: tensor<?x8xf32>, %w: tensor<8x8xf32>, %b: tensor<8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {{{SIZE}
  %0:2 = moe.where %a along [0] : (tensor<?xi1>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {{
    %e = tensor.empty(%n) : tensor<?x8xf32>
    %start = linalg.generic {{indexing_maps = [affine_map<(d0, d1) -> (d1)>, #all], iterator_types = ["parallel", "parallel"]}} ins(%b : tensor<8xf32>) outs(%e : tensor<?x8xf32>) {{
    ^bb0(%i: f32, %o: f32):
      linalg.yield %i : f32
    }} -> tensor<?x8xf32>{product("f", "%x", "%w", "%n").replace("outs(%fz", "outs(%start")}{product("g", "%f", "%w", "%n").replace("outs(%gz", "outs(%start")}
    moe.yield %f, %g : tensor<?x8xf32>, tensor<?x8xf32>
  }}
  return %0#0, %0#1 : tensor<?x8xf32>, tensor<?x8xf32>
}}
"""

# Zero already where the mask does not hold.
IMPLIED = HEAD + f"""
func.func @main(%a: tensor<?xi1>, %x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {{{SIZE}
  %0 = moe.where %a along [0] implied : (tensor<?xi1>) -> tensor<?x8xf32> {{{product("f", "%x", "%w", "%n")}
    %e = tensor.empty(%n) : tensor<?x8xf32>
    %g = linalg.generic {{indexing_maps = [#all, #rows, #all], iterator_types = ["parallel", "parallel"]}} ins(%f, %a : tensor<?x8xf32>, tensor<?xi1>) outs(%e : tensor<?x8xf32>) {{
    ^bb0(%p: f32, %q: i1, %s: f32):
      %1 = arith.uitofp %q : i1 to f32
      %2 = arith.mulf %p, %1 : f32
      linalg.yield %2 : f32
    }} -> tensor<?x8xf32>
    moe.yield %g : tensor<?x8xf32>
  }}
  return %0 : tensor<?x8xf32>
}}
"""

# Along the last dimension and the first, one within the other; a scalar for all.
ALONG = """
func.func @main(%a: tensor<4x?xi1>, %b: tensor<4x?xi1>, %c: tensor<i1>, %x: tensor<?x3x4xf64>) -> (tensor<?x3x4xf64>, tensor<?x3x4xf64>) {
  %0 = moe.where %a along [2, 0] : (tensor<4x?xi1>) -> tensor<?x3x4xf64> {
    %1 = moe.where %b along [2, 0] : (tensor<4x?xi1>) -> tensor<?x3x4xf64> {
      moe.yield %x : tensor<?x3x4xf64>
    }
    moe.yield %1 : tensor<?x3x4xf64>
  } else {
    %2 = math.exp %x : tensor<?x3x4xf64>
    moe.yield %2 : tensor<?x3x4xf64>
  }
  %3 = moe.where %c along [] : (tensor<i1>) -> tensor<?x3x4xf64> {
    moe.yield %x : tensor<?x3x4xf64>
  } else {
    moe.yield %0 : tensor<?x3x4xf64>
  }
  return %0, %3 : tensor<?x3x4xf64>, tensor<?x3x4xf64>
}
"""

# In a loop, of which each round needs the rows of the last.
LOOP = HEAD + f"""
func.func @main(%a: tensor<?xi1>, %x: tensor<?x8xf32>, %w: tensor<8x8xf32>) -> tensor<?x8xf32> {{{SIZE}
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %y = scf.for %i = %c0 to %c3 step %c1 iter_args(%h = %x) -> (tensor<?x8xf32>) {{
    %m = tensor.dim %h, %c0 : tensor<?x8xf32>
    %0 = moe.where %a along [0] : (tensor<?xi1>) -> tensor<?x8xf32> {{{product("f", "%h", "%w", "%m")}
      moe.yield %f : tensor<?x8xf32>
    }} else {{
      moe.yield %h : tensor<?x8xf32>
    }}
    scf.yield %0 : tensor<?x8xf32>
  }}
  return %y : tensor<?x8xf32>
}}
"""


def mask(*shape):
    return RNG.random(shape) < 0.5


def numbers(*shape):
    return (RNG.standard_normal(shape) / 2).astype(np.float32)


def values(rows):
    """(name, results, text, inputs) of each program."""
    a, b, x, w, v, r = mask(rows), mask(rows), numbers(rows, 8), numbers(8, 8), numbers(8, 8), numbers(rows, 8)
    n, t, narrow = RNG.integers(-9, 9, rows), mask(rows, 2), numbers(rows, 3)
    yield ("several results", dialect.where([a, b], [0], [[narrow, n, t], [np.tanh(narrow), n + n, t]]), SEVERAL, [a, b, narrow, n, t])
    yield ("experts", dialect.where([a, b], [0], [[x @ w], [np.tanh(x @ v)]], [r]), EXPERTS, [a, b, x, w, v, r])
    yield ("shared work", dialect.where([a], [0], [[x @ w, x @ w @ v]], [x @ v, x]), SHARED, [a, x, w, v])
    start = x @ w + v[0]
    yield ("one start", dialect.where([a], [0], [[start, start @ w + v[0]]]), START, [a, x, w, v[0]])
    yield ("implied", dialect.where([a], [0], [[x @ w]]), IMPLIED, [a, x, w])
    cube, first, second = RNG.standard_normal((rows, 3, 4)), mask(4, rows), mask(4, rows)
    inner, = dialect.where([second], [2, 0], [[cube]])
    outer, = dialect.where([first], [2, 0], [[inner]], [np.exp(cube)])
    for c in (np.array(True), np.array(False)):
        whole, = dialect.where([c], [], [[cube]], [outer])
        yield f"along dimensions, {c} for all", [outer, whole], ALONG, [first, second, c, cube]
    y = x
    for _ in range(3):
        y, = dialect.where([a], [0], [[y @ w]], [y])
    yield "in a loop", [y], LOOP, [a, x, w]


def refuse(name, text, inputs, flags=()):
    """A run that has to end with one line, and reads nothing outside of a tensor."""
    try:
        CHECKS.evaluate(text, inputs, text.count("return %") + text.partition("return %")[2].partition(":")[0].count(","), flags)
    except moe_run.Failed as failed:
        said = str(failed).splitlines()[0]
        place = "model.mlir:" in said and ("disagrees in size" in said or "differs from the number of tokens" in said)
        return CHECKS.check(name, "" if said.startswith("exit 1: moe-run: error:") and place else str(failed))
    CHECKS.check(name, "ran, with sizes that disagree")


for rows in (1, 9, 0):
    for name, wanted, text, inputs in values(rows):
        for flags in FLAGS if rows == 9 else FLAGS[:1]:
            CHECKS.compare(f"{name}, {rows} rows, {' '.join(flags)}", wanted, text, inputs, flags, rtol=1e-4, atol=1e-5)

# What is raised computes the rows of each expert alone.
with tempfile.TemporaryDirectory(prefix="moe-where-") as folder:
    name, _, text, inputs = next(case for case in values(9) if case[0] == "experts")
    paths = [os.path.join(folder, f"{i}.npy") for i in range(len(inputs))]
    for path, array in zip(paths, inputs):
        np.save(path, array)
    model = os.path.join(folder, "model.mlir")
    with open(model, "w") as f:
        f.write(text)
    _, stats = moe_run.run(CHECKS.options.build, model, paths, 1, folder, flags=[f"--device={CHECKS.options.device}"])
    counted = [dispatch["tokens_per_expert"] for dispatch in stats["dispatches"]]
    chosen = [[int(inputs[0].sum()), int((inputs[1] & ~inputs[0]).sum())]]
    CHECKS.check("rows of experts", "" if counted == chosen else f"{counted}, not {chosen}")

# One tensor after the other has another number of rows than the others.
for name, _, text, inputs in values(9):
    for number, array in enumerate(inputs):
        row = next((d for d, size in enumerate(array.shape) if size == 9), None)
        if row is None:
            continue
        for count, flags in ((8, []), (11, []), (8, ["--experts=all"])) if CHECKS.options.device == "cpu" else ((8, []),):
            other = np.resize(array, [count if d == row else size for d, size in enumerate(array.shape)])
            refuse(f"{name}, input {number} of {count} rows", text, [*inputs[:number], other, *inputs[number + 1:]], flags)

CHECKS.end()
