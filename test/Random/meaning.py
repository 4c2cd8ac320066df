"""What a random program computes: the NumPy of docs/Dialect.md for the operations
of the dialect, and float64 for the bodies of the experts.

Where the program rounds to bf16, so does this.
"""

import math
import os
import re
import sys
import types

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(SOURCE, "test", "Inputs"))
from moe_run import plain, to_bf16


def specification():
    """The Python blocks of the page, as one module; its line numbers are the page's."""
    path = os.path.join(SOURCE, "docs", "Dialect.md")
    with open(path) as f:
        page = f.read()
    code, end = "", 0
    for block in re.finditer(r"^```python\n(.*?)^```$", page, re.M | re.S):
        code += "\n" * page.count("\n", end, block.start(1)) + block.group(1)
        end = block.end(1)
    module = types.ModuleType("dialect")
    sys.modules["dialect"] = module  # dataclasses look for the module of a class
    exec(compile(code, path, "exec"), module.__dict__)
    return module


dialect = specification()
# How values of a type are rounded, where it is narrower than what is computed in.
ROUND = {"bf16": to_bf16, "f16": lambda v: np.asarray(v).astype(np.float16)}


def rounded(values, element):
    return ROUND[element](values).astype(np.float64) if element in ROUND else values


erf = np.vectorize(math.erf, otypes=[float])

ACTIVATIONS = {
    "relu": lambda v: np.maximum(v, 0),
    "silu": lambda v: v / (1 + np.exp(-v)),
    "gelu": lambda v: v * 0.5 * (1 + erf(v / 2**0.5)),
    "tanh": np.tanh,
}


class Body:
    """The body of one expert: its operations, one after the other, on its rows."""

    def __init__(self, program, body, tensors):
        self.program, self.ops, self.tensors = program, body["ops"], tensors
        self.element = program["element"]

    def weight(self, name, experts):
        """A tensor of the expert; of a family, the part with its number."""
        tensor = self.program["tensors"][name]
        if tensor["source"] == "stack":
            return plain(self.tensors[name]).astype(np.float64)[experts[-1]]
        if tensor["source"] == "pick":
            return dialect.pick(experts[-1], [plain(self.tensors[f"{name}.{e}"]) for e in range(tensor["of"][0])]).astype(np.float64)
        if tensor["source"] == "parameters":
            numbers = experts[-len(tensor["of"]):]
            return plain(dialect.parameter(self.tensors, pattern(name, tensor), tensor["of"], numbers)).astype(np.float64)
        return plain(self.tensors[name]).astype(np.float64)

    def linear(self, x, op, experts):
        w = self.weight(op["weight"], experts)
        x = rounded(x, self.element)
        y = x @ (w.T if op["transposed"] else w)
        return y + self.weight(op["bias"], experts) if op.get("bias") else y

    def __call__(self, experts, rows, second=None, inner_scores=None, weights=None):
        x = rows.astype(np.float64)
        for op in self.ops:
            x = getattr(self, "do_" + op["op"])(x, op, experts, rows, second, inner_scores, weights)
        results = [rounded(x, self.element)]
        if self.program["second"] == "integers":
            results.append(second + second.dtype.type(1))
        elif self.program["second"]:
            second = second.astype(np.float64)
            results.append(rounded(second * 2 + 1 if self.program["second"] == "vector" else second - 1, self.program["second_element"]))
        return results

    def do_linear(self, x, op, experts, *rest):
        return self.linear(x, op, experts)

    def do_activation(self, x, op, *rest):
        return ACTIVATIONS[op["name"]](x)

    def do_residual(self, x, op, experts, rows, *rest):
        return x + rows.astype(np.float64)

    def do_uniform(self, x, op, experts, *rest):
        v = self.weight(op["vector"], experts)
        return x * v if op["how"] == "mul" else x + v

    def do_weigh(self, x, op, experts, rows, second, inner_scores, weights):
        return x * weights.astype(np.float64)[:, None]

    def do_norm(self, x, op, *rest):
        return x / (1 + (x * x).sum(1, keepdims=True))

    def do_centre(self, x, op, *rest):
        return x - x.sum(0, keepdims=True) / len(x)

    def do_second(self, x, op, experts, rows, second, *rest):
        return x + second.astype(np.float64)[:, None]

    def do_loop(self, x, op, experts, *rest):
        for _ in range(int(self.tensors[op["rounds"]][0])):
            x = np.tanh(self.linear(x, op, experts))
        return x

    def do_branch(self, x, op, *rest):
        return x * 2 if self.tensors[op["flag"]][0] > 0 else np.tanh(x)

    def do_switch(self, x, op, *rest):
        return {0: x * x, 1: -x}.get(int(self.tensors[op["number"]][0]), x)

    def do_settle(self, x, op, *rest):
        """As long as its own rows are large together, but not for ever."""
        for _ in range(4):
            if not np.abs(x).sum() > 3:
                break
            x = x * 0.5
        return x

    def do_number(self, x, op, experts, *rest):
        return x + experts[0] * 0.125

    def do_nested(self, x, op, experts, rows, second, inner_scores, weights):
        x = rounded(x, self.element)
        r = dialect.gate(inner_scores, "softmax", top_k=op["k"], normalize=True)
        bodies = [Body({**self.program, "second": None}, body, self.tensors) for body in op["bodies"]]
        unlike = self.program["inner"]["unlike"]

        def call(e, mine, scores):
            numbers = experts if unlike else [*experts, e]
            return bodies[e if unlike else 0](numbers, mine, inner_scores=scores)

        one_for_each = [lambda *rows, e=e: call(e, *rows) for e in range(op["experts"])]
        packed, = dialect.dispatch([x, inner_scores], r, one_for_each if unlike else call, [(x.shape[1:], np.float64)])
        return x * 0.5 + combine(packed, r, self.element)


def pattern(name, tensor):
    return name + "".join(".{%d}" % i for i in range(len(tensor["of"])))


def combine(packed, r, element, init=None, unweighted=False):
    return rounded(dialect.combine(packed.astype(np.float64), r, init, unweighted), element)


def route(program, tensors, scores=None):
    router = program["router"]
    if router["kind"] == "gate":
        knobs = {k: v for k, v in router.items() if k not in ("kind", "function", "bias", "scores")}
        bias = plain(tensors["bias"]) if router.get("bias") else None
        scores = plain(tensors["scores"]) if scores is None else scores
        return dialect.gate(scores, router["function"], bias=bias, **knobs)
    weights = plain(tensors["weights"]) if router.get("weights") else None
    return dialect.route(tensors["choice"], weights, experts=program["experts"])


def evaluate(program, tensors):
    """The values that the program returns, by name, and its routing."""
    with np.errstate(all="ignore"):
        return _evaluate(program, tensors)


def _evaluate(program, tensors):
    r = route(program, tensors)
    x = plain(tensors["x"]).astype(np.float64)
    operands, shapes = [], [(x.shape[1:], np.float64)]
    if program["second"]:
        second = plain(tensors["second"])
        operands.append(second)
        dtype = second.dtype if program["second"] == "integers" else np.float64
        shapes.append((second.shape[1:], dtype))
    if program["inner"]:
        operands.append(tensors["inner_scores"])
    alike = program["alike"]
    bodies = [Body(program, body, tensors) for body in program["bodies"]]

    def call(e, rows, *others):
        others = list(others)
        second = others.pop(0) if program["second"] else None
        inner = others.pop(0) if program["inner"] else None
        weights = others.pop(0) if program["takes_weights"] else None
        return bodies[0 if alike else e]([e], rows, second, inner, weights)

    def layer(h, r):
        packed = dialect.dispatch([h, *operands], r, call, shapes, program["takes_weights"])
        init = h if program["into"] else None
        return packed, combine(packed[0], r, program["element"], init, program["unweighted"])

    results = {}
    h, packed = x, None
    if program["around"] == "grow":
        return {"y": grow(program, tensors, x, layer), **readings(program, r)}, r
    rounds = {"for": program["rounds"], "while": program["rounds"], None: 1, "switch": min(program["rounds"], 2),
              "if": 1 if program["around"] == "if" and tensors["flag"][0] > 0 else 0}[program["around"]]
    for _ in range(rounds):
        packed, h = layer(h, r)
    results["y"] = h
    if program["around"] is None:
        if program["second"]:
            results["y_second"] = rounded(dialect.combine(packed[1], r, unweighted=True), program["second_element"])
        if program["packed"]:
            results["packed"] = packed[0]
        if program["rows"] is not None:
            results["rows"] = dialect.rows(packed[0], r, program["rows"])
    return {**results, **readings(program, r)}, r


def grow(program, tensors, h, layer):
    """Rounds after each of which there is another number of tokens."""
    scores = plain(tensors["scores"])
    for _ in range(program["rounds"]):
        _, h = layer(h, route(program, tensors, scores))
        if program["growth"] == "double":
            h, scores = np.concatenate([h, h]), np.concatenate([scores, scores])
        elif program["growth"] == "append":
            h = np.concatenate([h, plain(tensors["extra"]).astype(np.float64)])
            scores = np.concatenate([scores, plain(tensors["extra_scores"])])
        else:
            h, scores = h[:len(h) // 2], scores[:len(scores) // 2]
    return h


def readings(program, r):
    """What the readers of a routing say."""
    return {reader: dialect.indices(r, program["columns"]) if reader == "indices" else getattr(dialect, reader)(r)
            for reader in program["readers"]}
