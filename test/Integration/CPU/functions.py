# RUN: %python %s %moe_build
"""Every function of the math and arith dialects on scalars and vectors of each type
against NumPy.

    functions.py BUILD [--device=NAME] [--only=NAME,...] [--write=FOLDER]

One model for each type has a result for each function on rows, which are computed in
vectors, and one for each on columns of one element, which are not. --write leaves the models in a folder.
"""

import argparse
import math
import os
import shutil
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("build")
parser.add_argument("--device", default="cpu")
parser.add_argument("--only", default="")
parser.add_argument("--write")
OPTIONS = parser.parse_args()
if OPTIONS.device == "cpu":
    moe_run.MORE_FLAGS.append("--opt-level=0")  # what LLVM does later is not what is tried here
SCRATCH = OPTIONS.write or tempfile.mkdtemp(prefix="moe-functions-")
np.seterr(all="ignore")

ANY = np.array([-40, -7.25, -3, -2.5, -1.5, -1, -0.75, -0.5, -0.0, 0, 1e-3, 0.25, 0.5, 1, 1.5, 2.5, 3, 4.5, 9, 60, np.inf, -np.inf, np.nan])
UNIT = np.array([-1, -0.99, -0.75, -0.5, -0.1, -0.0, 0, 1e-3, 0.25, 0.5, 0.625, 0.9, 1, np.nan, 2, -3])
ANGLES = np.array([-100, -9.5, -6.25, -3, -2, -1.5, -0.75, -0.0, 0, 1e-3, 0.25, 0.5, 1, 1.25, 2, 3, 4.5, 6, 10, 99, np.inf, np.nan])
POSITIVE = np.array([0, 1e-3, 0.125, 0.5, 0.75, 0.99, 1, 1.25, 2, 3, 10, 100, 5000, np.inf, np.nan, -1])
PAIRS = np.array([(a, b) for a in (-2.5, -1, -0.5, -0.0, 0, 0.5, 1, 3, np.inf, np.nan) for b in (-3, -1, -0.5, 0, 0.5, 1, 2, 2.5, 7)])
DIVISIONS = np.vstack([PAIRS, [(6e4, 0.3), (-6e4, 7e-5), (3, np.inf), (np.inf, np.inf), (2e-6, 3e-6), (1, np.nan)]])
POWERS = np.array([(a, b) for a in (-2, -1.5, -1, -0.0, 0, 0.5, 1, 1.25, 3, np.inf, np.nan) for b in (-5, -2, -1, 0, 1, 2, 3, 7, 8)])
TRIPLES = np.array([(a, b, c) for a in (-2.5, 0, 0.5, 3) for b in (-3, 0.25, 1) for c in (-1, 0, 2)])


def each(function):
    return lambda *a: np.array([function(*(float(v) for v in p)) for p in zip(*a)])


def power(x, n):
    return 1.0 if n == 0 else np.power(np.float64(x), n)


def rounded(x):
    """Half away from zero."""
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


# Name, points, the function on f64.
FLOATS = [
    ("absf", ANY, np.abs), ("acos", UNIT, np.arccos), ("acosh", POSITIVE, np.arccosh), ("asin", UNIT, np.arcsin),
    ("asinh", ANY, np.arcsinh), ("atan", ANY, np.arctan), ("atan2", PAIRS, np.arctan2), ("atanh", UNIT, np.arctanh),
    ("cbrt", ANY, np.cbrt), ("ceil", ANY, np.ceil), ("copysign", PAIRS, np.copysign), ("cos", ANGLES, np.cos),
    ("cosh", ANY, np.cosh), ("erf", ANY, each(math.erf)), ("erfc", ANY[:-4], each(math.erfc)), ("exp", ANY, np.exp),
    ("exp2", ANY, np.exp2), ("expm1", ANY, np.expm1), ("floor", ANY, np.floor), ("fma", TRIPLES, lambda a, b, c: a * b + c),
    ("log", POSITIVE, np.log), ("log10", POSITIVE, np.log10), ("log1p", POSITIVE, np.log1p), ("log2", POSITIVE, np.log2),
    ("powf", PAIRS, np.power), ("round", ANY, rounded), ("roundeven", ANY, np.rint),
    ("rsqrt", POSITIVE[1:-1], lambda x: 1 / np.sqrt(x)), ("sin", ANGLES, np.sin), ("sinh", ANY, np.sinh),
    ("sqrt", POSITIVE, np.sqrt), ("tan", ANGLES, np.tan), ("tanh", ANY, np.tanh), ("trunc", ANY, np.trunc),
    ("clampf", TRIPLES[TRIPLES[:, 1] <= TRIPLES[:, 2]], np.clip),
]
ARITHMETIC = [
    ("addf", PAIRS, np.add), ("subf", PAIRS, np.subtract), ("mulf", PAIRS, np.multiply), ("divf", PAIRS, np.divide),
    ("remf", DIVISIONS, np.fmod), ("negf", ANY, np.negative), ("maximumf", PAIRS, np.maximum), ("minimumf", PAIRS, np.minimum),
    ("maxnumf", PAIRS, np.fmax), ("minnumf", PAIRS, np.fmin),
]
CLASSES = [
    ("isfinite", ANY, np.isfinite), ("isinf", ANY, np.isinf), ("isnan", ANY, np.isnan),
    ("isnormal", ANY, lambda x: np.isfinite(x) & (np.abs(x) > 0)),
]
# How far a result may be away, relative to the largest number near it.
TOLERANCE = {"f64": 1e-13, "f32": 1e-6, "f16": 2.0**-10, "bf16": 2.0**-7}


def integers(bits):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return np.array([0, 1, 2, 3, 7, 12, 100, high, low, -1, -2, -5], np.int64)


def power_of_integer(a, n, bits):
    if n < 0:
        return {1: 1, -1: -1 if n % 2 else 1}.get(a, 0)
    wrapped = pow(a, n, 2**bits)
    return wrapped - 2**bits if wrapped >= 2 ** (bits - 1) else wrapped


class Model:
    """A function of many results, each of columns of numbers in f64 or integers."""

    def __init__(self):
        self.inputs, self.body, self.results, self.want = [], [], [], []

    def add(self, text, points, types, result, want):
        """`text` with {0}, {1}.. for operands and {type}, {r} for what follows."""
        columns = np.atleast_2d(points.T)
        for shape, dims in (("?", 1), ("?x1", 2)):
            names = []
            for column, kind in zip(columns, types):
                store = "f64" if kind in TOLERANCE else kind
                name = f"%a{len(self.inputs)}"
                self.inputs.append((column.reshape(-1, 1) if dims == 2 else column, f"{name}: tensor<{shape}x{store}>", store))
                if store != kind:
                    self.body.append(f"  {name}n = arith.truncf {name} : tensor<{shape}x{store}> to tensor<{shape}x{kind}>")
                    name += "n"
                names.append(name)
            number = len(self.results)
            tensors = [f"tensor<{shape}x{kind}>" for kind in types]
            self.body.append(f"  %r{number} = " + text.format(*names, types=", ".join(tensors), type=tensors[0], result=f"tensor<{shape}x{result}>"))
            out = f"%r{number}"
            if result in TOLERANCE and result != "f64":
                self.body.append(f"  %w{number} = arith.extf %r{number} : tensor<{shape}x{result}> to tensor<{shape}xf64>")
                out, result_out = f"%w{number}", f"tensor<{shape}xf64>"
            else:
                result_out = f"tensor<{shape}x{result}>"
            self.results.append((out, result_out))
            self.want.append(want.reshape(-1, 1) if dims == 2 else want)

    def text(self):
        values, types = zip(*self.results)
        arguments = ", ".join(declared for _, declared, _ in self.inputs)
        return (f"func.func @main({arguments}) -> ({', '.join(types)}) {{\n" + "\n".join(self.body)
                + f"\n  return {', '.join(values)} : {', '.join(types)}\n}}\n")


def narrow(values, kind):
    if kind == "bf16":
        return moe_run.to_bf16(values).astype(np.float64)
    return values.astype({"f64": np.float64, "f32": np.float32, "f16": np.float16}[kind]).astype(np.float64)


def float_model(kind, names):
    model, labels = Model(), []
    bits = {"f64": "i64"}.get(kind, "i32")
    functions = [(f"math.{name}", *rest) for name, *rest in FLOATS + CLASSES] + [(f"arith.{name}", *rest) for name, *rest in ARITHMETIC]
    for full, points, function in functions:
        name = full.split(".")[1]
        if names and name not in names:
            continue
        points = np.atleast_2d(points.T).T
        points = narrow(points, kind)
        want = function(*points.T)
        is_class = name.startswith("is")
        arguments = ", ".join("{%d}" % i for i in range(points.shape[1]))
        if name == "clampf":
            arguments = "{0} to [{1}, {2}]"
        text = f"{full} {arguments} : {{type}}"
        model.add(text, points, [kind] * points.shape[1], "i1" if is_class else kind, want if is_class else narrow(want, kind))
        labels += [name, name + " on scalars"]
    whole = narrow(np.array([-100, -2.5, -1, -0.75, 0, 0.5, 1, 2.5, 3, 100]), kind)
    for name, to, want in (("fptosi", "i32", np.trunc(whole).astype(np.int64)), ("fptoui", "i16", np.trunc(np.abs(whole)).astype(np.int64))):
        if not names or name in names:
            model.add(f"arith.{name} {{0}} : {{type}} to {{result}}", whole if to == "i32" else np.abs(whole), [kind], to, want)
            labels += [name, name + " on scalars"]
    counts = np.array([-100, -1, 0, 1, 77, 127], np.int64)
    for name, want in (("sitofp", counts), ("uitofp", counts % 256)):
        if not names or name in names:
            model.add(f"arith.{name} {{0}} : {{type}} to {{result}}", counts, ["i8"], kind, narrow(want.astype(np.float64), kind))
            labels += [name, name + " on scalars"]
    if not names or "fpowi" in names:
        points = narrow(POWERS, kind)
        want = each(power)(*points.T)
        model.add("math.fpowi {0}, {1} : {types}", points, [kind, bits], kind, narrow(want, kind))
        labels += ["fpowi", "fpowi on scalars"]
    return model, labels


def constant_powers(kind):
    """The exponent of a square or a cube stands in the program."""
    model, labels = Model(), []
    points = narrow(np.array([-2, -1.5, -0.0, 0, 0.5, 1.25, 3, np.inf, np.nan]), kind)
    for n in (-3, -1, 0, 1, 2, 3, 10):
        text = "linalg.map ins({0} : {type}) outs({0} : {type}) (%v: " + kind + ", %o: " + kind + ") {{ %n = arith.constant " + str(n) + " : i32\n %p = math.fpowi %v, %n : " + kind + ", i32\n linalg.yield %p : " + kind + " }}"
        model.add(text, points, [kind], kind, narrow(each(power)(points, np.full(len(points), n)), kind))
        labels += [f"fpowi {n}", f"fpowi {n} on scalars"]
    return model, labels


def integer_model(kind):
    bits = int(kind[1:])
    model, labels = Model(), []
    points = integers(bits)
    unsigned = [int(v) % 2**bits for v in points]
    ones = np.array([bin(v).count("1") for v in unsigned])
    leading = np.array([bits - v.bit_length() for v in unsigned])
    trailing = np.array([bits if v == 0 else (v & -v).bit_length() - 1 for v in unsigned])
    magnitude = np.array([abs(int(v)) if v != points.min() else int(v) for v in points])
    for name, want in (("absi", magnitude), ("ctlz", leading), ("cttz", trailing), ("ctpop", ones)):
        model.add(f"math.{name} {{0}} : {{type}}", points, [kind], kind, want)
        labels += [name, name + " on scalars"]
    pairs = np.array([(a, n) for a in (0, 1, -1, 2, -3, 7) for n in (0, 1, 2, 3, 5, 11, -1, -2) if a or n >= 0], np.int64)
    want = np.array([power_of_integer(int(a), int(n), bits) for a, n in pairs])
    model.add("math.ipowi {0}, {1} : {type}", pairs, [kind, kind], kind, want)
    return model, labels + ["ipowi", "ipowi on scalars"]


def check(title, model, labels, kind):
    folder = os.path.join(SCRATCH, title.replace(" ", "_"))
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "model.mlir")
    with open(path, "w") as f:
        f.write(model.text())
    if OPTIONS.write:
        return []
    inputs = []
    for i, (values, _, store) in enumerate(model.inputs):
        inputs.append(os.path.join(folder, f"a{i}.npy"))
        dtype = {"f64": np.float64, "i64": np.int64, "i32": np.int32, "i16": np.int16, "i8": np.int8}[store]
        np.save(inputs[-1], np.ascontiguousarray(values).astype(dtype))
    try:
        got, _ = moe_run.run(OPTIONS.build, path, inputs, len(model.results), folder, flags=[f"--device={OPTIONS.device}"])
    except moe_run.Failed as failed:
        return [f"{title}: {failed}"]
    problems = []
    for label, value, want, numbers in zip(labels, got, model.want, range(len(got))):
        if value.shape != want.shape:
            problems.append(f"{title} {label}: shape {value.shape}, not {want.shape}")
            continue
        if want.dtype != np.float64:
            wrong = value != want
        else:
            near = np.abs(value - want) <= TOLERANCE[kind] * np.maximum(np.abs(want), 2.0**-14 if kind == "f16" else 1e-30)
            # Whole periods leave little of an angle.
            if label.split()[0] in ("sin", "cos", "tan"):
                near |= np.abs(value - want) <= TOLERANCE[kind]
            wrong = ~(near | (value == want) | (np.isnan(value) & np.isnan(want)))
            signs = np.signbit(value) != np.signbit(want)
            if not label.startswith(("max", "min")):
                wrong |= (want == 0) & (value == 0) & signs
        if wrong.any():
            at = np.flatnonzero(wrong)[:3]
            problems.append(f"{title} {label}: {value.ravel()[at]}, not {want.ravel()[at]} at points {at}")
    return problems


names = set(OPTIONS.only.split(",")) - {""}
problems, checks = [], 0
for kind in TOLERANCE:
    for title, (model, labels) in ((kind, float_model(kind, names)), (f"{kind} powers", constant_powers(kind))):
        if labels:
            checks += len(labels)
            problems += check(title, model, labels, kind)
for kind in ("i8", "i16", "i32", "i64"):
    model, labels = integer_model(kind)
    checks += len(labels)
    problems += check(kind, model, labels, kind)
if not OPTIONS.write:
    shutil.rmtree(SCRATCH)
print("\n".join(problems))
print(f"{checks - len(problems)} passed, {len(problems)} failed")
sys.exit(bool(problems))
