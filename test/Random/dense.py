#!/usr/bin/env python3
"""Random programs that compute experts for all tokens and mask them, through
moe-run, against their meaning in NumPy.

    dense.py BUILD [--seed N] [--programs N] [--jobs N] [--keep DIR]

Program i has the seed N + i, and depends on nothing else. For each: the results
with and without --assume-finite, how many experts were moved into a dispatch, and
how many rows each of them was given.
"""

import argparse
import collections
import concurrent.futures
import functools
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "Inputs"))
import strict_json
from moe_run import Failed, execute, load_safetensors, save_safetensors

TOLERANCE = 1e-4

# Functions of one number: scalar code from %a to %r, and NumPy.
ELEMENTWISE = {
    "relu": (["%z = arith.constant 0.0 : f32", "%r = arith.maximumf %a, %z : f32"], lambda a: np.maximum(a, 0)),
    "tanh": (["%r = math.tanh %a : f32"], np.tanh),
    "silu": (["%o = arith.constant 1.0 : f32", "%n = arith.negf %a : f32", "%e = math.exp %n : f32",
              "%s = arith.addf %e, %o : f32", "%r = arith.divf %a, %s : f32"], lambda a: a / (1 + np.exp(-a))),
    "scale": (["%c = arith.constant 0.75 : f32", "%r = arith.mulf %a, %c : f32"], lambda a: a * 0.75),
    "square": (["%r = arith.mulf %a, %a : f32"], np.square),
}


# All but the loops over tokens (t, u, v, T) and experts (e).
LOOPS = "abcdfghijklmnopqrswxyzABCDEFGHIJKLMNOPQRSUVWXYZ" + "".join(map(chr, range(0x3b1, 0x3ca)))


class Value:
    """An SSA value, the loop each of its dimensions runs over, and its elements."""

    def __init__(self, name, labels, array, element="f32"):
        self.name, self.labels, self.array, self.element = name, labels, array, element


class Program:
    """Prints operations and computes them at once. A label is one character: t, u, v
    are tokens, e experts, and all others features."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.lines, self.arguments, self.tensors, self.counter = [], [], {}, 0
        self.sizes, self.dynamic, self.sources = {}, set(), {}
        self.features, self.found = 0, set()

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, p):
        return self.rng.random() < p

    # Types and names.

    def type(self, labels, element="f32"):
        return "tensor<" + "".join(("?" if d in self.dynamic else str(self.sizes[d])) + "x" for d in labels) + element + ">"

    def type_of(self, value):
        return self.type(value.labels, value.element)

    def feature(self, size):
        """A new loop over features."""
        label = LOOPS[self.features]
        self.features += 1
        self.sizes[label] = int(size)
        return label

    def define(self, text):
        self.counter += 1
        self.lines.append(f"%{self.counter - 1} = {text}")
        return f"%{self.counter - 1}"

    def argument(self, name, labels, array, element="f32"):
        self.arguments.append((name, self.type(labels, element)))
        self.tensors[name] = array
        value = Value("%" + name, labels, array.astype(np.float64) if element == "f32" else array, element)
        for number, label in enumerate(labels):
            if label in self.dynamic and label not in self.sources:
                self.sources[label] = (value, number)
        return value

    def weight(self, labels, deviation=None):
        shape = [self.sizes[d] for d in labels]
        deviation = deviation or 1.2 / np.sqrt(shape[-1] if len(shape) > 1 else 1)
        return self.argument(f"w{len(self.arguments)}", labels, (self.rng.standard_normal(shape) * deviation).astype(np.float32))

    def extents(self, labels):
        """The extents of the dynamic dimensions."""
        found = []
        for label in labels:
            if label in self.dynamic:
                source, number = self.sources[label]
                c = self.define(f"arith.constant {number} : index")
                found.append(self.define(f"tensor.dim {source.name}, {c} : {self.type_of(source)}"))
        return found

    def empty(self, labels, element="f32"):
        return self.define(f"tensor.empty({', '.join(self.extents(labels))}) : {self.type(labels, element)}")

    def filled(self, labels, number):
        c = self.define(f"arith.constant {number} : f32")
        kind = self.type(labels)
        return self.define(f"linalg.fill ins({c} : f32) outs({self.empty(labels)} : {kind}) -> {kind}")

    # Operations.

    def generic(self, labels, operands, code, array, init=None, reduced="", element="f32"):
        loops = labels + reduced
        dims = {loop: f"d{number}" for number, loop in enumerate(loops)}
        maps = [f"affine_map<({', '.join(dims.values())}) -> ({', '.join(dims[d] for d in v)})>"
                for v in [o.labels for o in operands] + [labels]]
        kinds = ['"parallel"'] * len(labels) + ['"reduction"'] * len(reduced)
        init = init or self.empty(labels, element)
        ins = ", ".join(o.name for o in operands) + " : " + ", ".join(self.type_of(o) for o in operands)
        names = [f"%{'abcd'[i]}: {o.element}" for i, o in enumerate(operands)] + [f"%out: {element}"]
        kind = self.type(labels, element)
        name = self.define(f"linalg.generic {{indexing_maps = [{', '.join(maps)}], iterator_types = [{', '.join(kinds)}]}} "
                           f"ins({ins}) outs({init} : {kind}) {{")
        self.lines += [f"^bb0({', '.join(names)}):", *["  " + line for line in code], f"  linalg.yield %r : {element}", f"}} -> {kind}"]
        return Value(name, labels, array, element)

    def spread(self, value, labels):
        """The elements of a value with dimensions of 1 for the loops it lacks."""
        kept = [d for d in labels if d in value.labels]
        array = value.array.transpose([value.labels.index(d) for d in kept])
        return array.reshape([self.sizes[d] if d in kept else 1 for d in labels])

    def binary(self, op, a, b, labels=None):
        labels = labels or a.labels
        f = {"addf": np.add, "mulf": np.multiply, "subf": np.subtract}[op]
        array = np.broadcast_to(f(self.spread(a, labels), self.spread(b, labels)), [self.sizes[d] for d in labels])
        return self.generic(labels, [a, b], [f"%r = arith.{op} %a, %b : f32"], array)

    def apply(self, name, a):
        code, f = ELEMENTWISE[name]
        return self.generic(a.labels, [a], code, f(a.array))

    def contract(self, a, b, labels):
        reduced = "".join(d for d in dict.fromkeys(a.labels + b.labels) if d not in labels)
        array = np.einsum(f"{a.labels},{b.labels}->{labels}", a.array, b.array)
        init = self.filled(labels, "0.0")
        if (len(a.labels), len(b.labels)) == (2, 2) and a.labels[1] == b.labels[0] and labels == a.labels[0] + b.labels[1]:
            kind = self.type(labels)
            name = self.define(f"linalg.matmul ins({a.name}, {b.name} : {self.type_of(a)}, {self.type_of(b)}) outs({init} : {kind}) -> {kind}")
            return Value(name, labels, array)
        return self.generic(labels, [a, b], ["%p = arith.mulf %a, %b : f32", "%r = arith.addf %out, %p : f32"], array, init, reduced)

    def total(self, a, over):
        labels = a.labels.replace(over, "")
        array = a.array.sum(a.labels.index(over))
        return self.generic(labels, [a], ["%r = arith.addf %out, %a : f32"], array, self.filled(labels, "0.0"), over)

    def permute(self, a, labels):
        if labels == a.labels:
            return a
        order = [a.labels.index(d) for d in labels]
        kind = self.type(labels)
        name = self.define(f"linalg.transpose ins({a.name} : {self.type_of(a)}) outs({self.empty(labels)} : {kind}) permutation = {order}")
        return Value(name, labels, a.array.transpose(order))

    def flatten(self, a, tokens):
        """The loops over tokens, which come first, as one."""
        if "T" not in self.sizes:
            self.sizes["T"] = int(np.prod([self.sizes[d] for d in tokens]))
        labels = "T" + a.labels[len(tokens):]
        groups = [list(range(len(tokens)))] + [[d] for d in range(len(tokens), len(a.labels))]
        name = self.define(f"tensor.collapse_shape {a.name} {groups} : {self.type_of(a)} into {self.type(labels, a.element)}")
        return Value(name, labels, a.array.reshape([self.sizes[d] for d in labels]), a.element)

    def side_by_side(self, parts):
        """Results of experts, of equal labels, along a first dimension of experts."""
        unit = self.feature(1)
        labels, wide = parts[0].labels, []
        groups = [[0, 1]] + [[d + 1] for d in range(1, len(labels))]
        for part in parts:
            extents = iter(self.extents(labels))
            sizes = ", ".join(["1"] + [next(extents) if d in self.dynamic else str(self.sizes[d]) for d in labels])
            wide.append(self.define(f"tensor.expand_shape {part.name} {groups} output_shape [{sizes}] : "
                                    f"{self.type_of(part)} into {self.type(unit + labels)}"))
        kinds = ", ".join(self.type(unit + labels) for _ in parts)
        name = self.define(f"tensor.concat dim(0) {', '.join(wide)} : ({kinds}) -> {self.type('e' + labels)}")
        return Value(name, "e" + labels, np.stack([part.array for part in parts]))

    def numbered(self, results, numbers, labels):
        """The results of the experts with these numbers."""
        code = ["%w = arith.index_cast %a : i32 to index"]
        if self.chance(0.5):
            code = ["%v = arith.index_cast %a : i32 to index", "%lo = arith.constant 0 : index", "%n = arith.maxsi %v, %lo : index",
                    f"%hi = arith.constant {self.sizes['e'] - 1} : index", "%w = arith.minsi %n, %hi : index"]
        code += [f"%i{n} = linalg.index {n} : index" for n in range(len(labels))]
        indices = ", ".join("%w" if d == "e" else f"%i{labels.index(d)}" for d in results.labels)
        code.append(f"%r = tensor.extract {results.name}[{indices}] : {self.type_of(results)}")
        each = results.array.transpose([results.labels.index(d) for d in "e" + labels])
        array = np.take_along_axis(each, self.spread(numbers, labels)[None], 0)[0]
        return self.generic(labels, [numbers], code, array)

    def slice(self, a, feature, begin, size):
        new = self.feature(size)
        labels = a.labels.replace(feature, new)
        extents = iter(self.extents(labels))
        sizes = ", ".join(next(extents) if d in self.dynamic else str(self.sizes[d]) for d in labels)
        offsets = ", ".join(str(begin) if d == new else "0" for d in labels)
        name = self.define(f"tensor.extract_slice {a.name}[{offsets}] [{sizes}] [{', '.join('1' for _ in labels)}] : "
                           f"{self.type_of(a)} to {self.type(labels)}")
        return Value(name, labels, np.take(a.array, range(begin, begin + size), labels.index(new))), new

    def concat(self, a, b, mine, other):
        new = self.feature(self.sizes[mine] + self.sizes[other])
        labels = a.labels.replace(mine, new)
        at = labels.index(new)
        name = self.define(f"tensor.concat dim({at}) {a.name}, {b.name} : ({self.type_of(a)}, {self.type_of(b)}) -> {self.type(labels)}")
        return Value(name, labels, np.concatenate([a.array, b.array], at)), new

    def select(self, mask, a, b, labels):
        array = np.where(self.spread(mask, labels), self.spread(a, labels), self.spread(b, labels))
        return self.generic(labels, [mask, a, b], ["%r = arith.select %a, %b, %c : f32"], array)

    def splat(self, labels, number):
        return Value(self.filled(labels, number), labels, np.full([self.sizes[d] for d in labels], float(number)))

    # Rows that the program chooses by itself.

    def listed(self, mask):
        """The positions where a mask over one dimension of tokens holds, and their loop."""
        (t,) = mask.labels
        positions = np.flatnonzero(mask.array)
        ones = self.generic(t, [mask], ["%r = arith.extui %a : i1 to i64"], mask.array.astype(np.int64), element="i64")
        kind = self.type_of(ones)
        zero, one = self.define("arith.constant 0 : index"), self.define("arith.constant 1 : index")
        none, unit = self.define("arith.constant 0 : i64"), self.define("arith.constant 1 : i64")
        size = (self.extents(t) or [self.define(f"arith.constant {self.sizes[t]} : index")])[0]
        self.define(f"scf.for %i = {zero} to {size} step {one} iter_args(%s = {none}, %p = {self.empty(t, 'i64')}) -> (i64, {kind}) {{")
        prefixes = f"%{self.counter - 1}"
        self.lines[-1] = self.lines[-1].replace(f"{prefixes} =", f"{prefixes}:2 =")
        self.lines += [f"  %e = tensor.extract {ones.name}[%i] : {kind}", "  %u = arith.addi %s, %e : i64",
                       f"  %q = tensor.insert %u into %p[%i] : {kind}", f"  scf.yield %u, %q : i64, {kind}", "}"]
        sums = Value(prefixes + "#1", t, np.cumsum(mask.array), "i64")
        rank = self.generic(t, [sums], [f"%n = arith.subi %a, {unit} : i64", f"%r = arith.maxsi %n, {none} : i64"], sums.array, element="i64")
        row = self.generic(t, [ones], ["%i = linalg.index 0 : index", "%n = arith.index_cast %i : index to i64", "%r = arith.muli %n, %a : i64"],
                           sums.array, element="i64")
        start = self.define(f"linalg.fill ins({none} : i64) outs({self.empty(t, 'i64')} : {kind}) -> {kind}")
        loop = self.define(f"scf.for %i = {zero} to {size} step {one} iter_args(%s = {start}) -> ({kind}) {{")
        self.lines += [f"  %a = tensor.extract {rank.name}[%i] : {kind}", "  %b = arith.index_cast %a : i64 to index",
                       f"  %c = tensor.extract {row.name}[%i] : {kind}", f"  %d = tensor.extract %s[%b] : {kind}",
                       "  %e = arith.addi %d, %c : i64", f"  %f = tensor.insert %e into %s[%b] : {kind}", f"  scf.yield %f : {kind}", "}"]
        if self.chance(0.5):
            count = prefixes + "#0"
        else:
            total = self.define(f"linalg.fill ins({none} : i64) outs({self.define('tensor.empty() : tensor<i64>')} : tensor<i64>) -> tensor<i64>")
            total = self.generic("", [ones], ["%r = arith.addi %out, %a : i64"], np.array(len(positions)), total, t, element="i64")
            count = self.define(f"tensor.extract {total.name}[] : tensor<i64>")
        count = self.define(f"arith.index_cast {count} : i64 to index")
        rows = self.feature(len(positions))
        self.dynamic.add(rows)
        name = self.define(f"tensor.extract_slice {loop}[0] [{count}] [1] : {kind} to {self.type(rows, 'i64')}")
        found = Value(name, rows, positions, "i64")
        self.sources[rows] = (found, 0)
        return found

    def gathered(self, x, t, rows, wraps):
        """Some rows of x, in the order of its dimensions."""
        labels = x.labels.replace(t, rows.labels)
        code = ["%w = arith.index_cast %a : i64 to index"]
        if wraps:
            size = (self.extents(t) or [self.define(f"arith.constant {self.sizes[t]} : index")])[0]
            zero, whole = self.define("arith.constant 0 : i64"), self.define(f"arith.index_cast {size} : index to i64")
            code = [f"%n = arith.cmpi slt, %a, {zero} : i64", f"%m = arith.addi %a, {whole} : i64",
                    "%k = arith.select %n, %m, %a : i64", "%w = arith.index_cast %k : i64 to index"]
        code += [f"%i{n} = linalg.index {n} : index" for n in range(len(labels))]
        indices = ", ".join("%w" if label == t else f"%i{n}" for n, label in enumerate(x.labels))
        code.append(f"%r = tensor.extract {x.name}[{indices}] : {self.type_of(x)}")
        return self.generic(labels, [rows], code, np.take(x.array, rows.array, x.labels.index(t)))

    def scattered(self, y, rows, updates, adds):
        """y with the updates in, or added to, some rows; all of [rows, features]."""
        t, f = y.labels
        zero, one = self.define("arith.constant 0 : index"), self.define("arith.constant 1 : index")
        count = self.extents(rows.labels)[0]
        width = self.define(f"arith.constant {self.sizes[f]} : index")
        kind = self.type_of(y)
        bound = self.define(f"tensor.dim {y.name}, {zero} : {kind}")
        name = self.define(f"scf.for %i = {zero} to {count} step {one} iter_args(%s = {y.name}) -> ({kind}) {{")
        self.lines += [f"  %t = scf.for %j = {zero} to {width} step {one} iter_args(%u = %s) -> ({kind}) {{",
                       f"  %a = tensor.extract {rows.name}[%i] : {self.type_of(rows)}", "  %b = arith.index_cast %a : i64 to index",
                       f"  %c = tensor.extract {updates.name}[%i, %j] : {self.type_of(updates)}"]
        new = "%c"
        if adds:
            self.lines += [f"  %d = tensor.extract %u[%b, %j] : {kind}", "  %e = arith.addf %d, %c : f32"]
            new = "%e"
        if self.chance(0.5):
            self.lines += [f"  %f = tensor.insert {new} into %u[%b, %j] : {kind}"]
        else:
            self.lines += [f"  %g = arith.cmpi ult, %b, {bound} : index", f"  %f = scf.if %g -> ({kind}) {{",
                           f"    %h = tensor.insert {new} into %u[%b, %j] : {kind}", f"    scf.yield %h : {kind}", "  } else {",
                           f"    scf.yield %u : {kind}", "  }"]
        self.lines += [f"  scf.yield %f : {kind}", "  }", f"  scf.yield %t : {kind}", "}"]
        array = y.array.copy()
        array[rows.array] = array[rows.array] * adds + updates.array
        return Value(name, y.labels, array)

    # Experts.

    def product(self, a, feature, size, stacked):
        new = self.feature(size)
        w = self.weight(("e" if stacked else "") + self.pick(feature + new, new + feature))
        labels = a.labels.replace(feature, new)
        if stacked and "e" not in labels:
            labels = "e" + labels
        if self.chance(0.2):
            labels = "".join(self.rng.permutation(list(labels)))
        return self.contract(a, w, labels), new

    def normalize(self, a, feature):
        size = self.sizes[feature]
        scaled = [f"%s = arith.constant {1 / size:.9f} : f32", "%r = arith.mulf %a, %s : f32"]
        sums = self.total(a, feature)
        mean = self.generic(sums.labels, [sums], scaled, sums.array / size)
        away = self.binary("subf", a, mean)
        squares = self.total(self.apply("square", away), feature)
        code = [f"%s = arith.constant {1 / size:.9f} : f32", "%m = arith.mulf %a, %s : f32",
                "%h = arith.constant 0.01 : f32", "%v = arith.addf %m, %h : f32", "%r = math.rsqrt %v : f32"]
        inverse = self.generic(squares.labels, [squares], code, 1 / np.sqrt(squares.array / size + 0.01))
        return self.binary("mulf", away, inverse)

    def operations(self, count, homogeneous):
        kinds = ["matmul", "relu", "scale", "transpose", "slice"]
        if not homogeneous:
            kinds += ["bias", "tanh", "silu", "norm", "concat"]
        return [str(self.rng.choice(kinds)) for _ in range(count)]

    def body(self, x, feature, width, operations, stacked):
        """The rows an expert computes, as many features as `width`, and their loop."""
        a, size = x, self.sizes
        a, feature = self.product(a, feature, self.rng.integers(2, 7), stacked)
        for op in operations:
            if op == "matmul":
                a, feature = self.product(a, feature, self.rng.integers(2, 7), stacked)
            elif op == "bias":
                a = self.binary("addf", a, self.weight(("e" if stacked else "") + feature))
            elif op in ELEMENTWISE:
                a = self.apply(op, a)
            elif op == "norm":
                a = self.normalize(a, feature)
            elif op == "transpose":
                a = self.permute(a, "".join(self.rng.permutation(list(a.labels))))
            elif op == "slice" and size[feature] > 2:
                begin = int(self.rng.integers(0, size[feature] - 2))
                a, feature = self.slice(a, feature, begin, int(self.rng.integers(2, size[feature] - begin + 1)))
            elif op == "concat" and size[feature] > 3:
                half = size[feature] // 2
                left, one = self.slice(a, feature, 0, half)
                right, two = self.slice(a, feature, half, size[feature] - half)
                a, feature = self.concat(self.apply("tanh", right), left, two, one)
            self.found.add(op)
        return self.product(a, feature, width, stacked)

    def renamed(self, a, old, new):
        """The same rows; equal extents have one loop."""
        return Value(a.name, a.labels.replace(old, new), a.array)

    def bodies(self, x, feature, out, experts, homogeneous):
        """The results of unlike, or of like, experts, one after the other."""
        shared = None
        if self.chance(0.25):
            y, f = self.product(x, feature, 5, False)
            y = self.apply("relu" if homogeneous else "tanh", y)
            shared = (y, f)
            self.found.add("shared layer")
        like = self.operations(self.rng.integers(0, 7), homogeneous) if self.chance(0.4) else None
        results = []
        for _ in range(experts):
            operations = like if like is not None else self.operations(self.rng.integers(0, 11), homogeneous)
            y, f = self.body(*(shared or (x, feature)), self.sizes[out], operations, False)
            results.append(self.renamed(y, f, out))
        self.found.add("unlike experts" if like is None else "like experts")
        return results


def draw(seed):
    """The program, its results, and the rows of each expert."""
    p = Program(seed)
    tokens = "tuv"[:p.pick(1, 1, 1, 2, 3)]
    for label in tokens:
        p.sizes[label] = int(p.rng.integers(1, 7 if len(tokens) > 1 else 24))
        if p.chance(0.5):
            p.dynamic.add(label)
    experts = int(p.rng.integers(2, 6))
    p.sizes["e"] = experts
    feature, out = p.feature(p.rng.integers(3, 9)), p.feature(p.rng.integers(2, 7))
    order = tokens + feature if p.chance(0.7) else "".join(p.rng.permutation(list(tokens + feature)))
    shape = [p.sizes[d] for d in order]
    x = p.argument("x", order, p.rng.standard_normal(shape).astype(np.float32))
    counts = [p.sizes[d] for d in tokens]
    used = int(p.rng.integers(1, experts + 1))  # the others are idle
    chosen = p.argument("chosen", tokens, p.rng.integers(0, used, counts).astype(np.int32), "i32")
    form = p.pick("select", "select with zero", "product", "stacked", "masked input", "gathered", "numbered")
    flat = len(tokens) > 1 and not p.dynamic and order == tokens + feature
    if form in ("gathered", "numbered") and np.prod(counts) == 1 or form == "gathered" and len(tokens) > 1 and not flat:
        form = "select"
    several = form in ("product", "stacked") and p.chance(0.3)
    top = form in ("product", "stacked", "masked input") and p.chance(0.3)
    second = None
    if top:
        second = p.argument("second", tokens, p.rng.integers(0, experts, counts).astype(np.int32), "i32")
        p.found.add("overlapping masks")
    p.found |= {form, f"{len(tokens)} dimensions of tokens", "dynamic" if p.dynamic else "static"}
    if order[-1] != feature:
        p.found.add("features before tokens")

    def is_chosen(choice, e):
        return p.generic(tokens, [choice], [f"%k = arith.constant {e} : i32", "%r = arith.cmpi eq, %a, %k : i32"],
                         choice.array == e, element="i1")

    def number(mask):
        return p.generic(mask.labels, [mask], ["%r = arith.uitofp %a : i1 to f32"], mask.array.astype(float))

    def factor(e):
        m = number(is_chosen(chosen, e))
        if top:
            m = p.binary("addf", m, number(is_chosen(second, e)))
        return m

    allowed = None
    if several:
        keep = p.argument("keep", tokens, p.rng.integers(0, 2, counts).astype(np.int32), "i32")
        allowed = number(is_chosen(keep, 1))
        p.found.add("several masks")
    labels = tokens + out if p.chance(0.6) else "".join(p.rng.permutation(list(tokens + out)))
    if form.startswith("select"):
        leaves = p.bodies(x, feature, out, experts, False)
        masks = [is_chosen(chosen, e) for e in range(experts)]
        zero = form.endswith("zero")
        y = p.splat(labels, "0.0") if zero else leaves[-1]
        rest = leaves if zero else leaves[:-1]
        for e in reversed(range(len(rest))):
            y = p.select(masks[e], rest[e], y, labels)
        rows = [int((chosen.array == e).sum()) for e in range(experts)]
        return p, {"y": y}, rows
    if form == "gathered":
        if len(tokens) > 1:
            x, chosen, tokens = p.flatten(x, tokens), p.flatten(chosen, tokens), "T"
        y, adds = p.splat(tokens + out, "0.0"), p.chance(0.5)
        like = p.operations(p.rng.integers(0, 7), False)
        for e in range(experts):
            rows = p.listed(is_chosen(chosen, e))
            mine = p.gathered(x, tokens, rows, p.chance(0.5))
            h, f = p.body(mine, feature, p.sizes[out], like if p.chance(0.5) else p.operations(p.rng.integers(0, 9), False), False)
            y = p.scattered(y, rows, p.permute(p.renamed(h, f, out), rows.labels + out), adds)
        return p, {"y": y}, [int((chosen.array == e).sum()) for e in range(experts)]
    if form == "numbered":
        if p.chance(0.5):
            h, f = p.body(x, feature, p.sizes[out], p.operations(p.rng.integers(0, 8), False), True)
            h = p.renamed(h, f, out)
            p.found.add("numbered, stacked")
        else:
            leaves = p.bodies(x, feature, out, experts, False)
            h = p.side_by_side([p.permute(leaf, leaves[0].labels) for leaf in leaves])
        y = p.numbered(h, chosen, labels)
        return p, {"y": y}, [int((chosen.array == e).sum()) for e in range(experts)]
    if form == "stacked":
        ids = "et" if len(tokens) == 1 else "e" + tokens
        code = ["%i = linalg.index 0 : index", "%j = arith.index_cast %i : index to i32", "%q = arith.cmpi eq, %a, %j : i32",
                "%r = arith.uitofp %q : i1 to f32"]
        def hot(choice):
            array = (choice.array[None] == np.arange(experts).reshape([-1] + [1] * len(tokens))).astype(float)
            return p.generic(ids, [choice], code, array)
        mask = hot(chosen)
        if top:
            mask = p.binary("addf", mask, hot(second))
        h, f = p.body(x, feature, p.sizes[out], p.operations(p.rng.integers(0, 8), False), True)
        h = p.renamed(h, f, out)
        held = mask.array
        if several:
            h = p.binary("mulf", h, allowed)
            held = held * allowed.array[None]
        if p.chance(0.5):
            y = p.contract(h, mask, labels)
            p.found.add("contracted over experts")
        else:
            y = p.total(p.binary("mulf", h, mask), "e")
        return p, {"y": y}, [int((held[e] != 0).sum()) for e in range(experts)]
    masks = [factor(e) for e in range(experts)]
    terms, rows = [], []
    inside = form == "masked input"
    leaves = None if inside else p.bodies(x, feature, out, experts, False)
    for e, mask in enumerate(masks):
        held = mask.array
        if inside:
            y, f = p.body(p.binary("mulf", x, mask), feature, p.sizes[out], p.operations(p.rng.integers(0, 9), True), False)
            term = p.renamed(y, f, out)
        else:
            term = p.binary("mulf", leaves[e], mask)
            if several:
                term = p.binary("mulf", term, allowed)
                held = held * allowed.array
        terms.append(term)
        rows.append(int((held != 0).sum()))
    y = terms[0]
    for term in terms[1:]:
        y = p.binary("addf", y, term, labels)
    return p, {"y": y}, rows


def text(p, results):
    arguments = ", ".join(f"%{name}: {kind}" for name, kind in p.arguments)
    kinds = ", ".join(p.type_of(v) for v in results.values())
    names = ", ".join(v.name for v in results.values())
    body = "\n".join("  " + line for line in p.lines)
    return f"func.func @main({arguments}) -> ({kinds}) {{\n{body}\n  return {names} : {kinds}\n}}\n"


def difference(got, want):
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    if not want.size:
        return ""
    away = np.abs(got - want).max()
    limit = TOLERANCE * max(1.0, np.abs(want).max())
    return "" if away <= limit else f"differs by {away:.3g}, allowed are {limit:.3g}"


def work(build, keep, seed):
    p, results, rows = draw(seed)
    with tempfile.TemporaryDirectory(prefix="moe-dense-") as folder:
        if keep:
            folder = os.path.join(keep, str(seed))
            os.makedirs(folder, exist_ok=True)
        why = check(p, results, rows, build, folder)
        if why and not keep:
            why += "\n" + text(p, results)
    if not all(rows):
        p.found.add("with an idle expert")
    return seed, why, p.found | {"programs"}


def check(p, results, rows, build, folder):
    """What is wrong with a program, or nothing."""
    with open(os.path.join(folder, "model.mlir"), "w") as f:
        f.write(text(p, results))
    save_safetensors(os.path.join(folder, "inputs.safetensors"), p.tensors)
    command = [os.path.join(build, "bin", "moe-run"), "model.mlir", "--trust-model",
               *[f"--input=@inputs.safetensors[{name}]" for name, _ in p.arguments]]
    for flags in ([], ["--assume-finite"]):
        how = " ".join(flags) or "plain"
        outputs = [f"--output=@{how}.safetensors[{name}]" for name in results]
        try:
            execute([*command, *flags, *outputs, "--stats=json", "--stats-out=stats.json"], timeout=120, cwd=folder)
        except Failed as error:
            return f"{how}: {error}"
        got = load_safetensors(os.path.join(folder, f"{how}.safetensors"))
        for name, want in results.items():
            why = difference(got[name].astype(np.float64), want.array)
            if why:
                return f"{how}: {name} {why}"
    dispatches = strict_json.load(os.path.join(folder, "stats.json"))["dispatches"]
    counted = [count for dispatch in dispatches for count in dispatch["tokens_per_expert"]]
    if sorted(counted) != sorted(rows):
        return f"rows of experts {counted}, expected {rows}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--programs", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", help="directory for the files of every program")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    counts, failed = collections.Counter(), 0
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        run = functools.partial(work, build, options.keep)
        for seed, why, found in pool.map(run, range(options.seed, options.seed + options.programs)):
            counts.update(found)
            if why:
                failed += 1
                print(f"FAILED seed {seed}: {why}", flush=True)
                print(f"Again: {sys.executable} {os.path.abspath(__file__)} {build} --seed={seed} --programs=1 --keep=DIR", flush=True)
    print("\n".join(f"{count:5} {name}" for name, count in sorted(counts.items())))
    print(f"{counts['programs'] - failed} dense programs agree with their meaning, {failed} do not")
    return 1 if failed or not counts["programs"] else 0


if __name__ == "__main__":
    sys.exit(main())
