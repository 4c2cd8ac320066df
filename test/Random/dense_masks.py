"""Masks in dense programs that do not simply choose experts: inside of a selected
branch, along two dimensions, and segments of rows whose lengths are values."""

import numpy as np
from dense_experts import Experts
from linalg_program import Value


class Masked(Experts):
    def chosen_by(self, numbers, e):
        return self.generic(numbers.labels, [numbers], [f"%k = arith.constant {e} : i32", "%r = arith.cmpi eq, %a, %k : i32"],
                            numbers.array == e, element="i1")

    def number(self, mask):
        return self.generic(mask.labels, [mask], ["%r = arith.uitofp %a : i1 to f32"], mask.array.astype(float))

    def flags(self, name, tokens):
        """A mask that is an input, as numbers 0 and 1."""
        return self.argument(name, tokens, self.rng.integers(0, 2, [self.sizes[d] for d in tokens]).astype(np.int32), "i32")

    def held(self, mask, a, labels=None):
        """The elements where the mask holds, and 0."""
        labels = labels or a.labels
        if self.chance(0.5):
            return self.select(mask, a, self.splat(labels, "0.0"), labels)
        return self.binary("mulf", a, self.number(mask), labels)

    def inside_branch(self, x, chosen, tokens, feature, out, experts):
        """One branch of a choice between branches is a sum of masked experts."""
        leaves = self.bodies(x, feature, out, experts, False)
        masks = [self.chosen_by(chosen, e) for e in range(experts - 1)]  # some tokens have no expert
        labels = tokens + out
        y = self.held(masks[0], leaves[0], labels)
        for mask, leaf in zip(masks[1:], leaves[1:-1]):
            if self.chance(0.5):
                y = self.binary("addf", y, self.held(mask, leaf, labels), labels)
            else:
                y = self.select(mask, leaf, y, labels)
        if self.chance(0.7):
            y = self.apply(self.pick("scale", "relu", "tanh", "square"), y)
        rest = self.permute(leaves[-1], labels)
        taken = self.chosen_by(self.flags("taken", tokens), 1)
        if self.chance(0.3):
            y, rest = rest, y
        result = {"y": self.select(taken, y, rest, labels)}
        if self.chance(0.5):
            result["rest"] = rest
        return result

    def two_dimensions(self, tokens, feature):
        """Scores of pairs of tokens, masked by one or two masks along each."""
        t, u = tokens, "u"
        n = self.sizes[u] = self.sizes[t]
        if t in self.dynamic:
            self.dynamic.add(u)
            self.sources[u] = self.sources[t]
        flags = self.flags("flags", t)
        ours = self.chosen_by(flags, 1)
        theirs = ours if self.chance(0.7) else self.chosen_by(self.flags("others", t), 1)
        q, k = (self.argument(name, t + feature, self.rng.standard_normal([n, self.sizes[feature]])) for name in ("queries", "keys"))
        a = self.apply(self.pick("tanh", "silu", "square"), self.contract(q, self.renamed(k, t, u), t + u))
        masks = [ours, Value(theirs.name, u, theirs.array, "i1")]
        for mask in masks if self.chance(0.5) else reversed(masks):
            a = self.held(mask, a)
        if self.chance(0.5):
            h = self.feature(self.rng.integers(2, 6))
            v = self.argument("values", t + h, self.rng.standard_normal([n, self.sizes[h]]))
            a = self.contract(a, self.renamed(v, t, u), t + h)
        elif self.chance(0.3):
            a = self.permute(a, u + t)
        if self.chance(0.7):
            shape = [self.sizes[d] for d in a.labels]
            other = self.argument("other", a.labels, self.rng.standard_normal(shape))
            if u in a.labels and self.chance(0.3):
                other = self.renamed(self.argument("vector", t, self.rng.standard_normal(n)), t, self.pick(t, u))
            a = self.binary("addf", a, other, a.labels)
            self.addends += 1
        return {"y": a}

    def segments(self, x, t, feature, out):
        """Experts for runs of tokens; the lengths of the runs are values."""
        n, count = self.sizes[t], int(self.rng.integers(2, 4))
        ends = np.sort(self.rng.integers(0, n + 1, count))
        lengths = np.diff(ends, prepend=0)
        given = self.argument("lengths", self.feature(count), lengths.astype(np.int32), "i32")
        kind, begin, runs = self.type_of(given), self.define("arith.constant 0 : index"), []
        for e in range(count):
            at = self.define(f"arith.constant {e} : index")
            length = self.define(f"tensor.extract {given.name}[{at}] : {kind}")
            length = self.define(f"arith.index_cast {length} : i32 to index")
            if self.chance(0.3):  # at a place that is known
                begin = self.define(f"arith.constant {int(ends[e] - lengths[e])} : index")
            runs.append((begin, length, int(ends[e] - lengths[e]), int(lengths[e])))
            begin = self.define(f"arith.addi {begin}, {length} : index")
        how = self.pick("bounds", "lists", "slices")
        self.found.add(f"segments by {how}")
        if how == "slices":
            return {"y": self.sliced_segments(x, t, feature, out, runs)}
        leaves = self.bodies(x, feature, out, count, False)
        make = self.mask_by_bounds if how == "bounds" else self.mask_by_list
        y = None
        for run, leaf in zip(runs, leaves):
            term = self.held(make(t, *run), leaf, t + out)
            y = term if y is None else self.binary("addf", y, term)
        if self.chance(0.4):
            y = self.binary("addf", y, self.argument("other", t + out, self.rng.standard_normal([n, self.sizes[out]])))
            self.addends += 1
        return {"y": y}

    def mask_of(self, t, first, length):
        array = np.zeros(self.sizes[t], bool)
        array[first:first + length] = True
        return array

    def mask_by_bounds(self, t, begin, length, first, count):
        end = self.define(f"arith.addi {begin}, {length} : index")
        code = ["%i = linalg.index 0 : index", f"%p = arith.cmpi uge, %i, {begin} : index", f"%q = arith.cmpi ult, %i, {end} : index",
                "%r = arith.andi %p, %q : i1"]
        return self.positions(t, code, self.mask_of(t, first, count))

    def positions(self, t, code, array):
        """A mask made of positions alone."""
        kind, init = self.type(t, "i1"), self.empty(t, "i1")
        name = self.define(f'linalg.generic {{indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]}} outs({init} : {kind}) {{')
        self.lines += ["^bb0(%out: i1):", *["  " + line for line in code], "  linalg.yield %r : i1", f"}} -> {kind}"]
        return Value(name, t, array, "i1")

    def mask_by_list(self, t, begin, length, first, count):
        """A token is in the list of positions of the segment."""
        empty = self.define(f"tensor.empty({length}) : tensor<?xindex>")
        places = self.define('linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} '
                             f"outs({empty} : tensor<?xindex>) {{")
        self.lines += ["^bb0(%out: index):", "  %i = linalg.index 0 : index", "  linalg.yield %i : index", "} -> tensor<?xindex>"]
        no = self.define("arith.constant false")
        kind = self.type(t, "i1")
        none = self.define(f"linalg.fill ins({no} : i1) outs({self.empty(t, 'i1')} : {kind}) -> {kind}")
        name = self.define("linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0)>], "
                           f'iterator_types = ["parallel", "reduction"]}} ins({places} : tensor<?xindex>) outs({none} : {kind}) {{')
        self.lines += ["^bb0(%j: index, %out: i1):", "  %i = linalg.index 0 : index", f"  %s = arith.addi %j, {begin} : index",
                       "  %q = arith.cmpi eq, %i, %s : index", "  %r = arith.ori %out, %q : i1", "  linalg.yield %r : i1", f"}} -> {kind}"]
        return Value(name, t, self.mask_of(t, first, count), "i1")

    def sliced_segments(self, x, t, feature, out, runs):
        """Each run is cut out, computed, and put into the result."""
        y = self.splat(t + out, "0.0")
        kind, array = self.type(t + out), y.array.copy()
        name = y.name
        for begin, length, first, count in runs:
            rows = self.feature(count)
            self.dynamic.add(rows)
            width = self.sizes[feature]
            cut = self.define(f"tensor.extract_slice {x.name}[{begin}, 0] [{length}, {width}] [1, 1] : {self.type_of(x)} to tensor<?x{width}xf32>")
            mine = Value(cut, rows + feature, x.array[first:first + count])
            self.sources[rows] = (mine, 0)
            result, f = self.body(mine, feature, self.sizes[out], self.operations(self.rng.integers(0, 4), False), False)
            result = self.permute(self.renamed(result, f, out), rows + out)
            name = self.define(f"tensor.insert_slice {result.name} into {name}[{begin}, 0] [{length}, {self.sizes[out]}] [1, 1] : "
                               f"{self.type_of(result)} into {kind}")
            array[first:first + count] = result.array
        return Value(name, t + out, array)
