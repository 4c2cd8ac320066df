"""Experts in dense programs: their bodies, and the rows that a program chooses by itself."""

import numpy as np
from linalg_program import ELEMENTWISE, Program, Value


class Experts(Program):
    """Programs that compute experts for every token, and keep what is chosen."""

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

    def few(self):
        """How many operations an expert has: compiling them takes most of the time."""
        return self.pick(0, 1, 1, 2, 2, 3, 3, 4, 7)

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
        like = self.operations(self.few(), homogeneous) if self.chance(0.4) else None
        results = []
        for _ in range(experts):
            operations = like if like is not None else self.operations(self.few(), homogeneous)
            y, f = self.body(*(shared or (x, feature)), self.sizes[out], operations, False)
            results.append(self.renamed(y, f, out))
        self.found.add("unlike experts" if like is None else "like experts")
        return results
