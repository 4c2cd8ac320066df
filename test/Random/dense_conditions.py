"""Conditions that are written in other ways, and what stands before and after experts."""

import numpy as np
from dense_masks import Masked


class Conditioned(Masked):
    def __init__(self, seed):
        super().__init__(seed)
        # Whether a sum of several terms that are not zero may be made in another order, or more precisely: of several experts of
        # a token; of what is added beside the experts, if it is more than one number; of the parts of a product of matrices whose
        # rows are added up, or that is taken apart for what it multiplies. Those who draw one say so.
        self.reorders = False
        self.addends = 0
        # Numbers that equal another one by coincidence choose in a select, and mask no product.
        self.by_coincidence = set()

    # Conditions.

    def gate(self, tokens, rounded=False):
        """A number for each token, zero for some; `rounded`, if it has to be rounded for that."""
        shape = [self.sizes[d] for d in tokens]
        array = self.rng.uniform(0, 1, shape) if rounded else self.rng.uniform(0.5, 2, shape) * self.rng.integers(0, 2, shape)
        g = self.argument(f"gate{len(self.arguments)}", tokens, array.astype(np.float32))
        return self.generic(tokens, [g], ["%r = math.roundeven %a : f32"], np.round(g.array)) if rounded else g

    def condition(self, tokens):
        """Which tokens are chosen, as i1."""
        how = self.pick("equals one", "is not zero", "float is not zero", "float is above", "rounded is not zero", "both", "is not")
        self.found.add(f"condition: {how}")
        if how == "is not":
            inner = self.chosen_by(self.flags(f"flags{len(self.arguments)}", tokens), 0)
            return self.generic(tokens, [inner], ["%t = arith.constant true", "%r = arith.xori %a, %t : i1"], ~inner.array, element="i1")
        if how == "both":
            a, b = (self.chosen_by(self.flags(f"flags{len(self.arguments)}", tokens), 1) for _ in range(2))
            return self.generic(tokens, [a, b], ["%r = arith.andi %a, %b : i1"], a.array & b.array, element="i1")
        if how == "equals one":
            return self.chosen_by(self.flags(f"flags{len(self.arguments)}", tokens), 1)
        if how == "is not zero":
            flags = self.flags(f"flags{len(self.arguments)}", tokens)
            return self.generic(tokens, [flags], ["%k = arith.constant 0 : i32", "%r = arith.cmpi ne, %a, %k : i32"], flags.array != 0, element="i1")
        bound, compare = ("0.75", "ogt") if how == "float is above" else ("0.0", "une")
        g = self.gate(tokens, how.startswith("rounded"))
        array = g.array > 0.75 if compare == "ogt" else g.array != 0
        mask = self.generic(tokens, [g], [f"%k = arith.constant {bound} : f32", f"%r = arith.cmpf {compare}, %a, %k : f32"], array, element="i1")
        if compare == "une":
            self.by_coincidence.add(mask.name)
        return mask

    def leaf(self, x, feature, out, homogeneous=False):
        y, f = self.body(x, feature, self.sizes[out], self.operations(self.few(), homogeneous), False)
        return self.renamed(y, f, out)

    # Forms: results by name, and the rows of the experts or None.

    def nested(self, x, tokens, feature, out):
        """A choice within a choice, of one condition or of two."""
        outer, inner = self.condition(tokens), self.condition(tokens)
        a, b, c = (self.leaf(x, feature, out) for _ in range(3))
        labels = tokens + out
        within, between = self.select(inner, a, b, labels), self.chance(0.3)
        if between:
            within = self.apply(self.pick("scale", "tanh"), within)
        how = self.pick("then", "else")
        y = self.select(outer, within, c, labels) if how == "then" else self.select(outer, c, within, labels)
        reached = outer.array if how == "then" else ~outer.array
        rows = [int((reached & inner.array).sum()), int((reached & ~inner.array).sum()), int((~reached).sum())]
        # What stands between two selects keeps them apart.
        return {"y": y}, None if between else rows

    def two_results(self, x, tokens, feature, out):
        """Two results under one condition, which share work."""
        mask = self.condition(tokens)
        h, f = self.body(x, feature, 4, self.operations(self.few(), False), False)
        labels, results = tokens + out, {}
        for name in ("y", "z"):
            mine, g = self.product(self.apply(self.pick("relu", "tanh"), h), f, self.sizes[out], False)
            results[name] = self.select(mask, self.renamed(mine, g, out), self.splat(labels, "0.0"), labels)
        return results, None

    def one_column(self, x, tokens, feature):
        """Experts with one number for each token, as a column or as none."""
        mask = self.condition(tokens)
        one = self.feature(1)
        a, b = self.leaf(x, feature, one), self.leaf(x, feature, one)
        rows = [int(mask.array.sum()), int((~mask.array).sum())]
        labels = tokens + one
        if self.chance(0.5):
            return {"y": self.select(mask, a, b, labels)}, rows
        a, b = self.total(a, one), self.total(b, one)
        # Of several dimensions, none is that of a row; a single number is none.
        is_row = len(tokens) == 1 and (self.sizes[tokens] > 1 or tokens in self.dynamic)
        return {"y": self.select(mask, a, b, tokens)}, rows if is_row else None

    def padded(self, x, tokens, feature, out, chosen, experts):
        """A sum of experts, and zero where the tokens are padding."""
        keep = self.condition(tokens)
        labels, total, rows = tokens + out, None, []
        for e in range(experts):
            mask = self.chosen_by(chosen, e)
            term = self.held(mask, self.leaf(x, feature, out, True), labels)
            total = term if total is None else self.binary("addf", total, term, labels)
            rows.append(int((mask.array & keep.array).sum()))
        return {"y": self.held(keep, total, labels)}, None if keep.name in self.by_coincidence else rows

    def shape_used(self, x, tokens, feature, out):
        """The sizes of a masked value are those of something else."""
        mask = self.condition(tokens)
        labels = tokens + out
        y = self.held(mask, self.leaf(x, feature, out), labels)
        for number, label in enumerate(labels):
            if label in self.dynamic:
                self.sources[label] = (y, number)
        other = self.apply("tanh", self.leaf(x, feature, out))
        return {"y": y, "other": other}, None if mask.name in self.by_coincidence else [int(mask.array.sum())]

    def summed_stack(self, x, tokens, feature, out, experts):
        """A stack times its mask, summed over any of its dimensions."""
        shape = [experts] + [self.sizes[d] for d in tokens]
        mask = self.argument("mask", "e" + tokens, self.rng.integers(0, 2, shape).astype(np.int32), "i32")
        mask = self.number(self.chosen_by(mask, 1))
        h, f = self.body(x, feature, self.sizes[out], self.operations(self.few(), False), True)
        over = self.pick(*("e" + tokens + out))
        self.found.add("summed over experts" if over == "e" else "summed over features" if over == out else "summed over tokens")
        y = self.total(self.binary("mulf", self.renamed(h, f, out), mask), over)
        self.reorders = over != out
        return {"y": y}, [int(m.sum()) for m in mask.array] if over == "e" else None

    # What stands before and after.

    def before(self, x, feature):
        """x as a layer leaves it, and its features."""
        for _ in range(self.pick(0, 0, 1, 2)):
            how = self.pick("bias", "Dense", "tanh")
            self.found.add(f"{how} before")
            if how == "bias":
                x = self.binary("addf", x, self.weight(feature))
            elif how == "Dense":
                labels = x.labels
                x, new = self.product(x, feature, self.sizes[feature], False)
                x = self.permute(self.renamed(x, new, feature), labels)
            else:
                x = self.apply("tanh", x)
        return x

    def after(self, y, x, feature):
        """What is made of the experts' result."""
        for _ in range(self.pick(0, 0, 1, 1, 2)):
            tokens = [d for d in y.labels if d in "tuvTe"]
            features = [d for d in y.labels if d not in tokens]
            how = self.pick("bias", "Dense", "residual and Dense", "sum", "mean", "pooling", "relu", "shifted relu")
            layer = how in ("bias", "Dense", "residual and Dense")
            if how in ("sum", "mean", "pooling") and not tokens or layer and not features:
                continue
            if how.startswith("residual") and (sorted(x.labels) != sorted([*tokens, feature]) or len(features) != 1):
                continue
            out = features[-1] if features else ""
            self.found.add(f"{how} after")
            if how == "bias":
                y = self.binary("addf", y, self.weight(out))
                self.addends += 1
            elif how == "Dense":
                y, _ = self.product(y, out, self.rng.integers(2, 5), False)
            elif how == "residual and Dense":
                other, new = self.product(x, feature, self.sizes[out], False)
                y = self.binary("addf", self.renamed(other, new, out), y, y.labels)
                y, _ = self.product(y, out, self.rng.integers(2, 5), False)
                self.reorders = True
            elif how in ("sum", "mean"):
                over = self.pick(*tokens)
                self.reorders |= over == "e" or bool(self.found & {"Dense after", "contracted over experts", "two dimensions"})
                size = self.sizes[over]
                y = self.total(y, over)
                if how == "mean":
                    y = self.generic(y.labels, [y], [f"%s = arith.constant {1 / size:.9f} : f32", "%r = arith.mulf %a, %s : f32"], y.array / size)
            elif how == "pooling":
                over = self.pick(*tokens)
                labels = y.labels.replace(over, "")
                y = self.generic(labels, [y], ["%r = arith.maximumf %out, %a : f32"], y.array.max(y.labels.index(over)),
                                 self.filled(labels, "-60000.0"), over)
            elif how == "shifted relu":
                y = self.apply("relu", self.generic(y.labels, [y], ["%s = arith.constant -0.25 : f32", "%r = arith.addf %a, %s : f32"], y.array - 0.25))
            else:
                y = self.apply("relu", y)
        self.reorders |= self.addends > 1
        return y
