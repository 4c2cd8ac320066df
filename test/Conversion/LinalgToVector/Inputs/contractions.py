"""Runs contractions of every layout and type in odd shapes against NumPy.

    contractions.py MOE_RUN DIRECTORY [SHAPES]
"""

import os
import subprocess
import sys

import numpy as np

run, directory = sys.argv[1:3]
shapes = int(sys.argv[3]) if len(sys.argv) > 3 else 1
os.makedirs(directory, exist_ok=True)
rng = np.random.default_rng(int(os.environ.get("MOE_SEED", "0")))

LHS, RHS, OUT = {"mk": "a", "km": "at"}, {"kn": "b", "nk": "bt"}, ("mn", "nm")
SINGLE = ("f32", "f32", "f32")
VARIANTS = [
    ("mk", "kn", "mn", SINGLE),
    ("mk", "nk", "mn", SINGLE),
    ("km", "kn", "nm", SINGLE),
    ("mk", "nk", "mn", ("bf16", "bf16", "f32")),
    ("mk", "kn", "mn", ("f32", "bf16", "f32")),
    ("km", "nk", "mn", ("f16", "f16", "f32")),
    ("mk", "nk", "nm", ("f64", "f64", "f64")),
]


def tensor(dims, sizes, element):
    return "tensor<" + "".join(f"{sizes[d]}x" for d in dims) + f"{element}>"


def convert(name, dims, sizes, element):
    """A conversion of an argument to an element type, in place of the argument."""
    if element == "f32":
        return "", f"%{name}"
    op = "extf" if element == "f64" else "truncf"
    result = f"%{name}_{element}"
    source, target = tensor(dims, sizes, "f32"), tensor(dims, sizes, element)
    return f"  {result} = arith.{op} %{name} : {source} to {target}\n", result


def module(sizes):
    """One function with a result for each variant; it starts from 0.5 or from %c."""
    body, results, types, converted = "", [], [], set()
    for i, (lhs, rhs, out, (tl, tr, to)) in enumerate(VARIANTS):
        operands = []
        for dims, name, element in ((lhs, LHS[lhs], tl), (rhs, RHS[rhs], tr)):
            text, value = convert(name, dims, sizes, element)
            if value not in converted:
                converted.add(value)
                body += text
            operands.append(value)
        maps = ", ".join(f"affine_map<(m, n, k) -> ({', '.join(d)})>" for d in (lhs, rhs, out))
        a, b, c = (tensor(d, sizes, t) for d, t in ((lhs, tl), (rhs, tr), (out, to)))
        dynamic = ", ".join(f"%{d}" for d in out if sizes[d] == "?")
        body += f"""  %e{i} = tensor.empty({dynamic}) : {c}
  %h{i} = arith.constant 0.5 : {to}
  %f{i} = linalg.fill ins(%h{i} : {to}) outs(%e{i} : {c}) -> {c}
  %r{i} = linalg.contract indexing_maps = [{maps}] ins({operands[0]}, {operands[1]} : {a}, {b}) outs(%f{i} : {c}) -> {c}
"""
        results.append(f"%r{i}")
        types.append(c)
    arguments = ", ".join(
        f"%{name}: {tensor(dims, sizes, 'f32')}" for dims, name in {**LHS, **RHS}.items()
    )
    return f"""func.func @main({arguments}) -> ({", ".join(types)}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = tensor.dim %a, %c0 : {tensor("mk", sizes, "f32")}
  %n = tensor.dim %b, %c1 : {tensor("kn", sizes, "f32")}
{body}  return {", ".join(results)} : {", ".join(types)}
}}
"""


def execute(model, a, b):
    command = [run, model]
    for name, value in (("a", a), ("at", a.T), ("b", b), ("bt", b.T)):
        path = os.path.join(directory, name + ".npy")
        np.save(path, np.ascontiguousarray(value))
        command.append(f"--input=@{path}")
    outputs = [os.path.join(directory, f"r{i}.npy") for i in range(len(VARIANTS))]
    subprocess.run(command + [f"--output=@{path}" for path in outputs], check=True)
    return [np.load(path) for path in outputs]


def representable(shape):
    """Numbers that all types hold, so that conversions change nothing."""
    return (rng.integers(-128, 128, shape) / 64).astype(np.float32)


def check(model, m, n, k):
    a, b = representable((m, k)), representable((k, n))
    results = execute(model, a, b)
    exact = a.astype(np.float64) @ b.astype(np.float64) + 0.5
    # Products and sums of these numbers are exact.
    for (lhs, rhs, out, types), result in zip(VARIANTS, results):
        expected = exact if out == "mn" else exact.T
        assert np.array_equal(result, expected), (model, m, n, k, lhs, rhs, out, types)
    return a, b


def check_rows(model, m, n, k):
    """The bits of a row do not depend on the rows beside it."""
    a = rng.standard_normal((m, k)).astype(np.float32)
    b = rng.standard_normal((k, n)).astype(np.float32)
    together = execute(model, a, b)
    row = int(rng.integers(m))
    alone = execute(model, a[row : row + 1], b)
    for (lhs, rhs, out, types), all_rows, one in zip(VARIANTS, together, alone):
        mine = all_rows[row] if out == "mn" else all_rows[:, row]
        assert mine.tobytes() == one.reshape(-1).tobytes(), (m, n, k, lhs, rhs, out, types)
    reference = a.astype(np.float64) @ b.astype(np.float64) + 0.5
    error = np.abs(together[0] - reference) / (np.abs(a) @ np.abs(b) + 0.5)
    assert error.max() <= (k + 2) * 2.0**-24, error.max()


def write(name, sizes):
    path = os.path.join(directory, name + ".mlir")
    with open(path, "w") as file:
        file.write(module(sizes))
    return path


dynamic = write("dynamic", {"m": "?", "n": "?", "k": "?"})
for shape in [(0, 5, 3), (3, 4, 0), (37, 129, 300)]:
    check(dynamic, *shape)
for _ in range(shapes):
    m, n, k = int(rng.integers(0, 71)), int(rng.integers(1, 131)), int(rng.integers(1, 131))
    check(dynamic, m, n, k)
check_rows(dynamic, int(rng.integers(2, 71)), int(rng.integers(1, 131)), 259)
check(write("static", {"m": 33, "n": 7, "k": 17}), 33, 7, 17)
check(write("rows", {"m": "?", "n": 64, "k": 600}), 9, 64, 600)
print("contractions agree")
