# RUN: %python %s %moe_build
"""Masks that are read in several ways: along two dimensions, as a number beside a
condition, within the branch of another one. With and without --assume-finite the results
are NumPy's, and rows are skipped where `skips` says so."""

import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-readings-")
N, H, E = 6, 4, 3
SIZES = {"i": N, "j": N, "h": H, "d": H, "e": E, "p": 2}
rng = np.random.default_rng(5)


def tensor(labels, element="f32", dynamic=""):
    sizes = ["?" if label in dynamic else str(SIZES[label]) for label in labels]
    return f"tensor<{'x'.join([*sizes, element])}>"


def op(result, labels, inputs, scalar, reduction="", init=None, dynamic="", element="f32"):
    """%result[labels] = scalar(%a, %b, ...) of `inputs`, each a name, labels and the type of an
    element; over `reduction`, what is before it is %o, from %init."""
    loops = labels + reduction
    arguments = [*inputs, (init or "%empty_" + labels + element, labels, element)]
    maps = ", ".join(f"affine_map<({', '.join('d' + l for l in loops)}) -> ({', '.join('d' + l for l in own)})>"
                     for _, own, _ in arguments)
    kinds = ", ".join('"reduction"' if l in reduction else '"parallel"' for l in loops)
    types = [tensor(own, e, dynamic) for _, own, e in arguments]
    names = [*"abc"[:len(inputs)], "o"]
    given = f"ins({', '.join(a[0] for a in inputs)} : {', '.join(types[:-1])})" if inputs else ""
    body = "\n    ".join(scalar)
    return f"""
  {result} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} {given} outs({arguments[-1][0]} : {types[-1]}) {{
  ^bb0({', '.join(f'%{n}_: {e}' for n, (_, _, e) in zip(names, arguments))}):
    {body}
    linalg.yield %r_ : {element}
  }} -> {types[-1]}"""


MUL = ["%r_ = arith.mulf %a_, %b_ : f32"]
ADD = ["%r_ = arith.addf %a_, %b_ : f32"]
SUM = ["%t = arith.mulf %a_, %b_ : f32", "%r_ = arith.addf %o_, %t : f32"]
TANH = ["%r_ = math.tanh %a_ : f32"]
EXP = ["%r_ = math.exp %a_ : f32"]
KEEP = ["%r_ = arith.select %a_, %b_, %zero : f32"]
DROP = ["%r_ = arith.select %a_, %zero, %b_ : f32"]
CHOOSE = ["%r_ = arith.select %a_, %b_, %c_ : f32"]
TOTAL = ["%r_ = arith.addf %o_, %a_ : f32"]


def function(arguments, body, result, dynamic=""):
    """`body` may use %empty_{labels}{element}, %zeros_{labels}, %zero and %one."""
    text = "".join(body)
    head = []
    for labels, element in (("ih", "f32"), ("ij", "f32"), ("i", "f32"), ("ieh", "f32")):
        sizes = ", ".join("%n" if l in "ij" else "%k" for l in labels if l in dynamic)
        kind = tensor(labels, element, dynamic)
        head.append(f"  %empty_{labels}{element} = tensor.empty({sizes}) : {kind}")
        head.append(f"  %zeros_{labels} = linalg.fill ins(%zero : f32) outs(%empty_{labels}{element} : {kind}) -> {kind}")
    first = next(a for a in arguments if a[1][0] == "i")
    last = next((a for a in arguments if a[1][0] == "e"), first)
    signature = ", ".join(f"{n}: {tensor(l, e, dynamic)}" for n, l, e in arguments)
    sizes = [f"  %n = tensor.dim {first[0]}, %c0 : {tensor(first[1], first[2], dynamic)}",
             f"  %k = tensor.dim {last[0]}, %c0 : {tensor(last[1], last[2], dynamic)}"]
    constants = ["  %zero = arith.constant 0.0 : f32", "  %one = arith.constant 1.0 : f32",
                 "  %c0 = arith.constant 0 : index"]
    result_type = tensor(result[1], "f32", dynamic)
    return "\n".join([f"func.func @main({signature}) -> {result_type} {{", *constants, *sizes, *head]) + text + (
        f"\n  return {result[0]} : {result_type}\n}}\n")


def numbers(labels):
    return rng.standard_normal([SIZES[l] for l in labels]).astype(np.float32)


def truths(labels):
    return rng.random([SIZES[l] for l in labels]) < 0.5


def cases():
    x, r, c, m = numbers("ih"), numbers("ih"), truths("i"), np.array([1, 0, 0, 1, 1, 0], bool)
    row = ("%m", "i", "i1")
    given = [("%x", "ih", "f32"), ("%r", "ih", "f32"), ("%c", "i", "i1"), ("%m", "i", "i1")]
    fx = op("%f", "ih", [("%x", "ih", "f32")], TANH)
    # The other branch is computed for others too, so that it stays.
    rest = op("%g", "ih", [("%r", "ih", "f32")], EXP)

    def with_rest(body, value):
        return [*body, rest, op("%y", "ih", [("%c", "i", "i1"), value, ("%g", "ih", "f32")], CHOOSE),
                op("%z", "ih", [("%y", "ih", "f32"), ("%g", "ih", "f32")], MUL)]

    twice = np.where(m[:, None], np.tanh(x), 0)
    yield ("own mask in a branch", given, with_rest([fx, op("%s", "ih", [row, ("%f", "ih", "f32")], KEEP),
                                                     op("%d", "ih", [("%s", "ih", "f32")] * 2, ADD)],
                                                    ("%d", "ih", "f32")),
           ("%z", "ih"), [x, r, c, m], np.where(c[:, None], 2 * twice, np.exp(r)) * np.exp(r), "all", "")
    nested = [fx, op("%s", "ih", [row, ("%f", "ih", "f32")], DROP), rest,
              op("%y", "ih", [("%m", "i", "i1"), ("%g", "ih", "f32"), ("%s", "ih", "f32")], CHOOSE),
              op("%w", "ih", [("%c", "i", "i1"), ("%s", "ih", "f32"), ("%g", "ih", "f32")], CHOOSE),
              op("%v", "ih", [("%c", "i", "i1"), ("%w", "ih", "f32"), ("%y", "ih", "f32")], CHOOSE),
              op("%z", "ih", [("%v", "ih", "f32"), ("%g", "ih", "f32")], MUL)]
    s = np.where(m[:, None], 0, np.tanh(x))
    y = np.where(m[:, None], np.exp(r), s)
    yield ("own mask in two branches", given, nested, ("%z", "ih"), [x, r, c, m],
           np.where(c[:, None], s, y) * np.exp(r), "", "")

    q, k, r2 = numbers("id"), numbers("jd"), numbers("ij")
    scores = op("%s", "ij", [("%q", "id", "f32"), ("%key", "jd", "f32")], SUM, "d", "%zeros_ij")
    both = [scores, op("%f", "ij", [("%s", "ij", "f32")], EXP), op("%a", "ij", [row, ("%f", "ij", "f32")], KEEP),
            op("%b", "ij", [("%m", "j", "i1"), ("%a", "ij", "f32")], KEEP)]
    square = [("%q", "id", "f32"), ("%key", "jd", "f32"), ("%r", "ij", "f32"), ("%m", "i", "i1")]
    e = np.exp(q @ k.T) * np.outer(m, m)
    yield ("one mask along two dimensions", square, [*both, op("%y", "ij", [("%b", "ij", "f32"), ("%r", "ij", "f32")], ADD)],
           ("%y", "ij"), [q, k, r2, m], e + r2, "", "")
    # A pair for each row: what pairs share would be copied for each of them.
    v = numbers("jh")
    below = [*both, op("%p", "ih", [("%b", "ij", "f32"), ("%v", "jh", "f32")], SUM, "j", "%zeros_ih"),
             op("%y", "ih", [("%p", "ih", "f32"), ("%r", "ih", "f32")], ADD)]
    yield ("the same below a contraction", [*square[:2], ("%v", "jh", "f32"), ("%r", "ih", "f32"), ("%m", "i", "i1")],
           below, ("%y", "ih"), [q, k, v, r, m], e @ v + r, "", "")
    # What an expert needs beside its own rows.
    own = [op("%s", "ij", [("%x", "ih", "f32"), ("%x", "jh", "f32")], SUM, "h", "%zeros_ij"),
           op("%f", "ij", [("%s", "ij", "f32")], TANH), op("%a", "ij", [row, ("%f", "ij", "f32")], KEEP),
           op("%p", "ih", [("%a", "ij", "f32"), ("%x", "jh", "f32")], SUM, "j", "%zeros_ih"),
           op("%y", "ih", [("%p", "ih", "f32"), ("%r", "ih", "f32")], ADD)]
    yield ("one tensor along two dimensions", given, own, ("%y", "ih"), [x, r, c, m],
           (np.tanh(x @ x.T) * m[:, None]) @ x + r, "", "")

    number = op("%u", "i", [row], ["%r_ = arith.uitofp %a_ : i1 to f32"])
    more = op("%w", "i", [("%u", "i", "f32")], ["%r_ = arith.addf %a_, %one : f32"])
    read = [fx, number, more, op("%p", "ih", [("%w", "i", "f32"), ("%f", "ih", "f32")], MUL),
            op("%s", "ih", [row, ("%p", "ih", "f32")], KEEP),
            op("%y", "ih", [("%s", "ih", "f32"), ("%r", "ih", "f32")], ADD)]
    yield ("a condition that is read as a number", given, read, ("%y", "ih"), [x, r, c, m],
           twice * 2 + r, "all", "")
    scaled = [number, op("%p", "ih", [("%u", "i", "f32"), ("%x", "ih", "f32")], MUL),
              op("%f", "ih", [("%p", "ih", "f32")], TANH),
              op("%s", "ih", [("%u", "i", "f32"), ("%f", "ih", "f32")], MUL),
              op("%y", "ih", [("%s", "ih", "f32"), ("%r", "ih", "f32")], ADD)]
    yield ("a weight that the expert reads too", given, scaled, ("%y", "ih"), [x, r, c, m],
           twice + r, "finite", "")

    w, each = numbers("eh"), truths("ie")
    stacked = [op("%a", "ieh", [("%x", "ih", "f32"), ("%w", "eh", "f32")], ADD, dynamic="ie"),
               op("%f", "ieh", [("%a", "ieh", "f32")], TANH, dynamic="ie"),
               op("%s", "ieh", [("%m", "ie", "i1"), ("%f", "ieh", "f32")], KEEP, dynamic="ie"),
               op("%y", "ih", [("%s", "ieh", "f32")], TOTAL, "e", "%zeros_ih", dynamic="ie")]
    yield ("a number of experts that is not known", [("%x", "ih", "f32"), ("%w", "eh", "f32"), ("%m", "ie", "i1")],
           stacked, ("%y", "ih"), [x, w, each],
           (each[:, :, None] * np.tanh(x[:, None] + w[None])).sum(1), "", "ie")


def segments(begins, lengths, x, r):
    """r + f{s}(x) in the rows of segment s, whose begin is a constant and whose length is not."""
    kind, rows, truth = "tensor<?x4xf32>", "affine_map<(d0, d1) -> (d0)>", "tensor<?xi1>"
    text = """
func.func @main(%x: tensor<?x4xf32>, %r: tensor<?x4xf32>, %lengths: tensor<2xi64>) -> tensor<?x4xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %false = arith.constant false
  %n = tensor.dim %x, %c0 : tensor<?x4xf32>
  %empty_ihf32 = tensor.empty(%n) : tensor<?x4xf32>
  %none = tensor.empty(%n) : tensor<?xi1>
  %nowhere = linalg.fill ins(%false : i1) outs(%none : tensor<?xi1>) -> tensor<?xi1>"""
    for s, scalar in enumerate((TANH, EXP)):
        text += f"""
  %begin{s} = arith.constant {begins[s]} : index
  %l{s} = tensor.extract %lengths[%c{s}] : tensor<2xi64>
  %length{s} = arith.index_cast %l{s} : i64 to index
  %e{s} = tensor.empty(%length{s}) : tensor<?xindex>
  %i{s} = linalg.generic {{indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}} outs(%e{s} : tensor<?xindex>) {{
  ^bb0(%o: index):
    %t = linalg.index 0 : index
    linalg.yield %t : index
  }} -> tensor<?xindex>
  %m{s} = linalg.generic {{indexing_maps = [affine_map<(d0, d1) -> (d1)>, {rows}], iterator_types = ["parallel", "reduction"]}} ins(%i{s} : tensor<?xindex>) outs(%nowhere : {truth}) {{
  ^bb0(%j: index, %o: i1):
    %t = linalg.index 0 : index
    %u = arith.addi %j, %begin{s} : index
    %q = arith.cmpi eq, %t, %u : index
    %v = arith.ori %o, %q : i1
    linalg.yield %v : i1
  }} -> {truth}"""
        text += op(f"%f{s}", "ih", [("%x", "ih", "f32")], scalar, dynamic="i")
        text += op(f"%s{s}", "ih", [(f"%m{s}", "i", "i1"), (f"%f{s}", "ih", "f32")], KEEP, dynamic="i")
    text += op("%y", "ih", [("%s0", "ih", "f32"), ("%s1", "ih", "f32")], ADD, dynamic="i")
    text += op("%z", "ih", [("%y", "ih", "f32"), ("%r", "ih", "f32")], ADD, dynamic="i")
    expected = r.copy()
    for s, f in enumerate((np.tanh, np.exp)):
        own = slice(begins[s], begins[s] + lengths[s])
        expected[own] += f(x[own])
    return text + f"\n  return %z : {kind}\n}}\n", expected


failures = []


def check(what, text, inputs, expected, skips):
    files = []
    for number, array in enumerate(inputs):
        files.append(os.path.join(SCRATCH, f"in{number}.npy"))
        np.save(files[-1], array)
    path = os.path.join(SCRATCH, "model.mlir")
    with open(path, "w") as f:
        f.write(text)
    for flags in ([], ["--assume-finite"]):
        try:
            (got,), stats = moe_run.run(BUILD, path, files, 1, SCRATCH, None, flags)
        except moe_run.Failed as failed:
            failures.append(f"{what} {flags}: {failed}")
            continue
        if not np.allclose(got, expected, rtol=1e-4, atol=1e-5):
            failures.append(f"{what} {flags}: values differ by {np.abs(got - expected).max()}")
        fewer = any(d["flops"]["done"] < (d["flops"]["dense"] or 0) for d in stats["dispatches"])
        if not fewer and (skips == "all" or (skips == "finite" and flags)):
            failures.append(f"{what} {flags}: nothing was skipped")


for what, arguments, body, result, inputs, expected, skips, dynamic in cases():
    check(what, function(arguments, body, result, dynamic), inputs, expected, skips)
x, r = numbers("ih"), numbers("ih")
for lengths in ([2, 1], [1, 3], [0, 2]):
    text, expected = segments([1, 3], lengths, x, r)
    check(f"segments of {lengths} rows", text, [x, r, np.array(lengths)], expected, "all")
print("\n".join(failures) or "values and rows agree")
sys.exit(bool(failures))
