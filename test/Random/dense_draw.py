"""Draws a dense program of masked experts: its form, what stands before and after, and
what it computes."""

import numpy as np
from dense_conditions import Conditioned

# What a form does when all but one expert are computed in vain.
FORMS = ["select", "select with zero", "product", "stacked", "masked input", "gathered", "numbered", "inside of a branch", "two dimensions",
         "segments", "nested", "two results", "one column", "padded", "shape used", "summed stack"]
# Those with products that only a promise makes exact.
ALWAYS_RAISED = {"select", "select with zero", "gathered", "numbered", "nested", "one column"}


class Drawn(Conditioned):
    """A program, its results by name, and the rows of each expert, or None where nobody
    counts them."""

    def __init__(self, seed):
        super().__init__(seed)
        form = self.pick(*FORMS)
        alone = form in ("two dimensions", "segments")
        tokens = "t" if alone else "tuv"[:self.pick(1, 1, 1, 2, 3)]
        for label in tokens:
            self.sizes[label] = int(self.rng.integers(1, 7 if len(tokens) > 1 else 24))
            if self.chance(0.5):
                self.dynamic.add(label)
        self.experts = self.pick(2, 2, 3, 3, 4, 5)
        self.sizes["e"] = self.experts
        feature, out = self.feature(self.rng.integers(3, 9)), self.feature(self.rng.integers(2, 7))
        order = tokens + feature if form == "segments" or self.chance(0.7) else "".join(self.rng.permutation(list(tokens + feature)))
        x = self.argument("x", order, self.rng.standard_normal([self.sizes[d] for d in order]).astype(np.float32))
        counts = [self.sizes[d] for d in tokens]
        used = int(self.rng.integers(1, self.experts + 1))  # the others are idle
        chosen = self.argument("chosen", tokens, self.rng.integers(0, used, counts).astype(np.int32), "i32")
        flat = len(tokens) > 1 and not self.dynamic and order == tokens + feature
        if form in ("gathered", "numbered") and np.prod(counts) == 1 or form == "gathered" and len(tokens) > 1 and not flat:
            form = "select"
        self.form = form
        self.found |= {form, f"{len(tokens)} dimensions of tokens", "dynamic" if self.dynamic else "static"}
        if order[-1] != feature:
            self.found.add("features before tokens")
        if form != "segments":
            x = self.before(x, feature)
        self.results, self.rows = getattr(self, "draw_" + form.replace(" ", "_"))(x, chosen, tokens, feature, out)
        y = self.results.get("y")
        if y is not None and form != "gathered":
            self.results["y"] = self.after(y, x, feature)
        # What is computed from what is zero for padding is an expert of its own.
        self.has_more = form == "padded" and any(name.endswith(" after") for name in self.found)
        self.needs_promise = form not in ALWAYS_RAISED
        if self.rows is not None and not self.needs_promise:
            self.found.add("raised without a promise")

    def order_of(self, tokens, out):
        return tokens + out if self.chance(0.6) else "".join(self.rng.permutation(list(tokens + out)))

    def counted(self, chosen):
        return [int((chosen.array == e).sum()) for e in range(self.experts)]

    def second_choice(self, tokens):
        """Another expert of some tokens, or None."""
        if not self.chance(0.3):
            return None
        self.found.add("overlapping masks")
        counts = [self.sizes[d] for d in tokens]
        self.reorders = True
        return self.argument("second", tokens, self.rng.integers(0, self.experts, counts).astype(np.int32), "i32")

    def allowed(self, tokens):
        """A mask of all experts beside that of each, or None."""
        if not self.chance(0.3):
            return None
        self.found.add("several masks")
        return self.number(self.chosen_by(self.flags("keep", tokens), 1))

    # The forms.

    def draw_select(self, x, chosen, tokens, feature, out, zero=False):
        labels = self.order_of(tokens, out)
        leaves = self.bodies(x, feature, out, self.experts, False)
        masks = [self.chosen_by(chosen, e) for e in range(self.experts)]
        y = self.splat(labels, "0.0") if zero else leaves[-1]
        rest = leaves if zero else leaves[:-1]
        for e in reversed(range(len(rest))):
            y = self.select(masks[e], rest[e], y, labels)
        return {"y": y}, self.counted(chosen)

    def draw_select_with_zero(self, *arguments):
        return self.draw_select(*arguments, zero=True)

    def draw_gathered(self, x, chosen, tokens, feature, out):
        if len(tokens) > 1:
            x, chosen, tokens = self.flatten(x, tokens), self.flatten(chosen, tokens), "T"
        y, adds = self.splat(tokens + out, "0.0"), self.chance(0.5)
        like = self.operations(self.few(), False)
        for e in range(self.experts):
            rows = self.listed(self.chosen_by(chosen, e))
            mine = self.gathered(x, tokens, rows, self.chance(0.5))
            h, f = self.body(mine, feature, self.sizes[out], like if self.chance(0.5) else self.operations(self.few(), False), False)
            y = self.scattered(y, rows, self.permute(self.renamed(h, f, out), rows.labels + out), adds)
        return {"y": y}, self.counted(chosen)

    def draw_numbered(self, x, chosen, tokens, feature, out):
        labels = self.order_of(tokens, out)
        if self.chance(0.5):
            h, f = self.body(x, feature, self.sizes[out], self.operations(self.few(), False), True)
            h = self.renamed(h, f, out)
            self.found.add("numbered, stacked")
        else:
            leaves = self.bodies(x, feature, out, self.experts, False)
            h = self.side_by_side([self.permute(leaf, leaves[0].labels) for leaf in leaves])
        return {"y": self.numbered(h, chosen, labels)}, self.counted(chosen)

    def draw_stacked(self, x, chosen, tokens, feature, out):
        code = ["%i = linalg.index 0 : index", "%j = arith.index_cast %i : index to i32", "%q = arith.cmpi eq, %a, %j : i32",
                "%r = arith.uitofp %q : i1 to f32"]

        def hot(choice):
            array = (choice.array[None] == np.arange(self.experts).reshape([-1] + [1] * len(tokens))).astype(float)
            return self.generic("e" + tokens, [choice], code, array)

        labels, second, allowed = self.order_of(tokens, out), self.second_choice(tokens), self.allowed(tokens)
        mask = hot(chosen)
        if second:
            mask = self.binary("addf", mask, hot(second))
        h, f = self.body(x, feature, self.sizes[out], self.operations(self.few(), False), True)
        h = self.renamed(h, f, out)
        held = mask.array
        if allowed:
            h = self.binary("mulf", h, allowed)
            held = held * allowed.array[None]
        if self.chance(0.5):
            y = self.contract(h, mask, labels)
            self.found.add("contracted over experts")
        else:
            y = self.total(self.binary("mulf", h, mask), "e")
        return {"y": y}, [int((held[e] != 0).sum()) for e in range(self.experts)]

    def draw_product(self, x, chosen, tokens, feature, out, inside=False):
        """The sum of experts times their masks, or, `inside`, of experts of masked rows."""
        labels, second, allowed = self.order_of(tokens, out), self.second_choice(tokens), None if inside else self.allowed(tokens)
        y, rows = None, []
        leaves = None if inside else self.bodies(x, feature, out, self.experts, False)
        masks = []
        for e in range(self.experts):
            mask = self.number(self.chosen_by(chosen, e))
            masks.append(self.binary("addf", mask, self.number(self.chosen_by(second, e))) if second else mask)
        for e, mask in enumerate(masks):
            held = mask.array
            if inside:
                h, f = self.body(self.binary("mulf", x, mask), feature, self.sizes[out], self.operations(self.few(), True), False)
                term = self.renamed(h, f, out)
            else:
                term = self.binary("mulf", leaves[e], mask)
            if allowed:
                term = self.binary("mulf", term, allowed)
                held = held * allowed.array
            y = term if y is None else self.binary("addf", y, term, labels)
            rows.append(int((held != 0).sum()))
        return {"y": y}, rows

    def draw_masked_input(self, *arguments):
        return self.draw_product(*arguments, inside=True)

    def draw_inside_of_a_branch(self, x, chosen, tokens, feature, out):
        return self.inside_branch(x, chosen, tokens, feature, out, self.experts), None

    def draw_two_dimensions(self, x, chosen, tokens, feature, out):
        return self.two_dimensions(tokens, feature), None

    def draw_segments(self, x, chosen, tokens, feature, out):
        return self.segments(x, tokens, feature, out), None

    def draw_nested(self, x, chosen, tokens, feature, out):
        return self.nested(x, tokens, feature, out)

    def draw_two_results(self, x, chosen, tokens, feature, out):
        return self.two_results(x, tokens, feature, out)

    def draw_one_column(self, x, chosen, tokens, feature, out):
        return self.one_column(x, tokens, feature)

    def draw_padded(self, x, chosen, tokens, feature, out):
        return self.padded(x, tokens, feature, out, chosen, self.experts)

    def draw_shape_used(self, x, chosen, tokens, feature, out):
        return self.shape_used(x, tokens, feature, out)

    def draw_summed_stack(self, x, chosen, tokens, feature, out):
        return self.summed_stack(x, tokens, feature, out, self.experts)
