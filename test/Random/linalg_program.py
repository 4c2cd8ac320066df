"""Dense programs of linalg: each operation is printed and computed at once."""

import os
import re
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "Inputs"))
from moe_run import BF16, plain

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


FLOATS = {"f32": np.float32, "f64": np.float64, "f16": np.float16}
INTEGERS = {"i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64}


class Program:
    """Prints operations and computes them at once. A label is one character: t, u, v
    are tokens, e experts, and all others features.

    Operations are written for f32, numbers of experts in i32 and numbers of rows in
    i64; `types` says what stands in their place.
    """

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.lines, self.arguments, self.tensors, self.counter = [], [], {}, 0
        self.sizes, self.dynamic, self.sources = {}, set(), {}
        self.features, self.found = 0, set()
        self.largest = 1.0  # of all numbers on the way: what cancels was rounded
        # Of "i64" are positions, too: those of any batch do not fit into 16 bits.
        self.types = {"f32": self.pick("f32", "f32", "f32", "f64", "f16", "bf16"),
                      "i32": self.pick("i32", "i32", "i8", "i16", "i64"), "i64": self.pick("i64", "i64", "i64", "i32", "i64")}

    def pick(self, *choices):
        return choices[self.rng.integers(len(choices))]

    def chance(self, p):
        return self.rng.random() < p

    def typed(self, text):
        """The text in the types of the program."""
        return re.sub(r"(?<![A-Za-wyz_%@])(f32|i32|i64)\b", lambda m: self.types[m[0]], text)

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
        """An input of the program; its values are those that its type can hold."""
        self.arguments.append((name, self.type(labels, element)))
        kind = {**FLOATS, **INTEGERS}.get(self.types[element])
        stored = np.asarray(array).astype(kind) if kind else BF16(array)
        self.tensors[name] = stored
        value = Value("%" + name, labels, plain(stored).astype(np.float64) if element == "f32" else array, element)
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
        if element == "f32" and array.size:
            self.largest = max(self.largest, np.abs(array).max())
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
