"""Draws random programs: what they consist of, as a dictionary that run.py can
simplify, and the tensors that they work on.

The same program gives the same tensors, whatever else was simplified.
"""

import zlib

import numpy as np
from many import opt_level
from meaning import dialect
from moe_run import BF16, plain

TYPES = {"f32": np.float32, "f64": np.float64, "f16": np.float16, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64}
WIDTHS = [1, 2, 3, 5, 7, 8, 13, 16, 17, 24, 31, 32, 33, 40, 48]


def draw(seed):
    return Drawing(seed).program


class Drawing:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.matrices = 0
        one = self.one
        experts = self.count([1, 2, 3, 4, 5, 8], 64, 300)
        alike = experts > 8 or self.maybe(0.5)
        self.program = p = {
            "seed": seed, "tokens": self.count([0, 1, 2, 3, 7], 33, 70), "experts": experts,
            "width": one(WIDTHS), "element": one(["f32", "f32", "f32", "bf16", "f16", "f64"]), "static": self.maybe(0.25),
            "alike": alike, "takes_weights": self.maybe(0.3), "unweighted": self.maybe(0.3), "into": self.maybe(0.25),
            "around": one([None, None, None, None, None, "for", "if", "while", "switch", "grow"]), "rounds": self.below(4), "gate_inside": self.maybe(0.3),
            "second": one([None, None, None, "vector", "integers", "cube"]),
            "growth": one(["double", "append", "halve"]),
            "inner": {"experts": one([1, 2, 3, 5])} if self.maybe(0.3) else None,
            "packed": self.maybe(0.3), "rows": self.below(experts) if self.maybe(0.3) else None,
            "values": one(["plain", "plain", "plain", "nan", "inf"]), "trusted": seed % 2 == 0, "threads": 1 + 2 * (seed // 2 % 2), "opt_level": opt_level(seed),
            "tensors": {}}
        if p["inner"]:
            p["inner"].update(k=self.below(p["inner"]["experts"] + 1), deep=self.maybe(0.4), unlike=p["inner"]["experts"] <= 3 and self.maybe(0.3))
        if p["around"]:
            p["second"] = None
        if p["around"] == "grow":
            p["inner"] = None
        p["second_element"] = one(["i8", "i16", "i32", "i64"] if p["second"] == "integers" else ["f32", "f32", "f64", "f16", "bf16"])
        p["router"] = self.gate() if self.maybe(0.7) or p["around"] == "grow" else self.plain_route()
        # What moe.indices needs; a repeated expert number counts twice.
        router = p["router"]
        p["columns"] = 1 if router.get("argmax") else router.get("top_k") or router.get("columns") or experts
        p["readers"] = ["mask"] + [r for r in ("weights", "indices", "counts") if self.maybe(0.25)]
        p["bodies"] = [self.body(p["width"], f"e{e}" if not alike else "e") for e in range(1 if alike else experts)]

    def one(self, options):
        return options[int(self.rng.integers(len(options)))]

    def maybe(self, chance):
        return bool(self.rng.random() < chance)

    def below(self, n):
        return int(self.rng.integers(n))

    def count(self, small, middle, large):
        which = self.rng.random()
        return self.one(small) if which < 0.6 else self.below(middle) + 1 if which < 0.93 else self.below(large) + 1

    # How experts are chosen.

    def gate(self):
        experts = self.program["experts"]
        router = {"kind": "gate", "function": self.one(["softmax", "sigmoid", "identity"]), "scores": self.scores()}
        if self.maybe(0.25):
            router["bias"] = True
        how = self.one(["top_k", "top_k", "top_k", "argmax", "threshold", "groups"])
        divisors = [d for d in range(2, experts) if experts % d == 0]
        if how == "groups" and divisors:
            count = self.one(divisors)
            keep = self.below(count) + 1
            router["groups"] = [count, keep, self.one(["max", "top2_sum"])]
            router["top_k"] = min(self.few(), keep * (experts // count))
        elif how == "argmax":
            router["argmax"] = True
        elif how == "threshold":
            router["threshold"] = self.one([0.0, 0.5, 0.25, 1.0] if router["function"] == "identity" else [0.0, 0.05, 0.3, 0.5, 0.9])
        else:
            router["top_k"] = self.few()
        if self.maybe(0.3):
            router["weights"] = self.one(["softmax", "sigmoid", "one"])
        if self.maybe(0.4):
            router["normalize"] = True
            if self.maybe(0.5):
                # Identity scores can sum to 0: weights stay within f32.
                router["epsilon"] = 0.125 if router["function"] == "identity" else self.one([1e-20, 1e-6, 0.125])
        if self.maybe(0.2):
            router["scale"] = self.one([2.5, 16.0, -1.0, 0.0])
        if self.maybe(0.15):
            router["capacity"] = self.below(9)
        elif self.maybe(0.1) and how != "threshold":
            router["capacity_factor"] = self.one([0.0, 0.5, 1.0, 1.25, 2.0])
        return router

    def few(self):
        """k, from 0 to E, mostly small."""
        experts = self.program["experts"]
        return min(self.one([0, 1, 1, 2, 2, 2, 3, 4, 8, experts]), experts)

    def scores(self):
        return {"spread": self.one(["even", "even", "few", "one", "ties"]), "element": self.one(["f32", "f32", "f32", "f64", "bf16", "f16"]),
                "special": self.one([None, None, None, "equal", "nan", "inf", "minus_inf", "huge", "all_minus_inf"])}

    def plain_route(self):
        router = {"kind": self.one(["mask", "numbers"]), "weights": self.one([None, "f32", "f32", "bf16", "f16", "f64"]),
                  "dense": self.one([0.0, 0.1, 0.5, 1.0])}
        if router["kind"] == "numbers":
            router.update(columns=self.one([0, 1, 1, 2, 3, 5]), type=self.one(["i64", "i32", "i16", "i8"]))
        return router

    # What an expert computes.

    def tensor(self, name, shape, family, element=None):
        """Declares a weight; of a family one for each expert. Returns its name."""
        p = self.program
        element = element or ("f64" if p["element"] == "f64" else "f32")
        sources = ["input", "global"]
        if family:
            sources = ["stack", "parameters"] + (["pick"] if family[-1] <= 6 else [])
        source = self.one(sources)
        of = list(family)
        if source in ("stack", "pick"):
            of = of[-1:]
        elif source == "parameters" and (np.prod(family) > 300 or self.maybe(0.3)):
            of = of[-1:]
        p["tensors"][name] = {"shape": list(shape), "of": of, "source": source, "element": element}
        return name

    def linear(self, name, width, out, family):
        self.matrices += 1
        transposed = self.maybe(0.6)
        op = {"op": "linear", "in": width, "out": out, "transposed": transposed,
              "style": self.one(["named", "named", "generic"]),
              "weight": self.tensor(f"{name}.weight", (out, width) if transposed else (width, out), family, self.program["element"])}
        if self.maybe(0.5):
            op["bias"] = self.tensor(f"{name}.bias", (out,), family)
            op["bias_first"] = self.maybe(0.5)
        return op

    def body(self, width, name, family=None, depth=0):
        p = self.program
        if family is None:
            family = (p["experts"],) if p["alike"] else ()
        ops, now = [], width
        kinds = ["linear"] * 5 + ["activation"] * 4 + ["residual", "uniform", "uniform", "norm", "loop", "branch", "switch"]
        nested = depth > 0
        kinds += ["nested"] * 12 if p["inner"] and (depth == 0 or depth == 1 and p["inner"]["deep"]) else []
        if not nested:
            kinds += ["centre", *(["settle"] if p["element"] == "f32" else [])] if self.maybe(0.2) else []
            kinds += ["second"] * 2 if p["second"] == "vector" else []
            kinds += ["weigh"] * 3 if p["takes_weights"] else []
            kinds += ["number"] if p["alike"] else []
        for i in range(self.below(3 if nested or p["experts"] > 64 or not p["alike"] and p["experts"] > 2 else 5)):
            kind, at = self.one(kinds), f"{name}.{i}"
            # Matrices take most of the time to compile.
            if kind in ("linear", "loop") and self.matrices >= 2:
                continue
            if kind == "linear":
                op = self.linear(at, now, self.one(WIDTHS), family)
                now = op["out"]
            elif kind == "activation":
                op = {"op": kind, "name": self.one(["relu", "silu", "gelu", "tanh"]), "style": self.one(["map", "generic"])}
            elif kind == "residual":
                if now != width:
                    continue
                op = {"op": kind}
            elif kind == "uniform":
                uniform = family if self.maybe(0.3) else ()
                op = {"op": kind, "how": self.one(["mul", "add"]), "width": now, "vector": self.tensor(f"{at}.vector", (now,), uniform)}
            elif kind == "loop":
                op = {**self.linear(at, now, now, family), "op": kind, "rounds": "rounds"}
            elif kind == "branch":
                op = {"op": kind, "flag": "choice_flag"}
            elif kind == "switch":
                op = {"op": kind, "number": "rounds"}
            elif kind == "nested":
                if now != width:
                    continue
                count, unlike = p["inner"]["experts"], p["inner"]["unlike"]
                inner = family if unlike else (*family, count)
                op = {"op": kind, "k": p["inner"]["k"], "experts": count,
                      "bodies": [self.body(width, f"{at}.inner{e}", inner, depth + 1) for e in range(count if unlike else 1)]}
            else:
                op = {"op": kind}
            ops.append({**op, "width": now})
        if now != width:
            ops.append({**self.linear(f"{name}.last", now, width, family), "width": width})
        return {"ops": ops}


# The tensors of a program.

def operations(bodies):
    for body in bodies:
        for op in body["ops"]:
            yield op
            if "bodies" in op:
                yield from operations(op["bodies"])


def used_tensors(program):
    """Names of the weights that some operation uses."""
    return {op[key] for op in operations(program["bodies"]) for key in ("weight", "bias", "vector") if op.get(key)}


def instances(name, tensor):
    """Names of the single tensors of a family."""
    if tensor["source"] not in ("pick", "parameters"):
        return [name]
    return [".".join([name, *map(str, numbers)]) for numbers in np.ndindex(*tensor["of"])]


def tensors_of(program):
    """Every tensor by name: inputs and weights."""
    result = Values(program)
    p, n = program, program["tokens"]
    x = result.normal("x", (n, p["width"]))
    rng = result.generator("specials")
    if p["values"] != "plain" and x.size:
        for _ in range(1 + n // 8):
            x[rng.integers(n), rng.integers(p["width"])] = np.nan if p["values"] == "nan" else rng.choice([np.inf, -np.inf])
    result.put("x", x, p["element"])
    router = p["router"]
    if router["kind"] == "gate":
        result.scores()
    else:
        result.choice()
    if p["second"]:
        shape = {"vector": (n,), "integers": (n,), "cube": (n, 3, 2)}[p["second"]]
        second = result.normal("second", shape)
        result.put("second", second * 10 if p["second"] == "integers" else second, p["second_element"])
    if p["inner"]:
        result["inner_scores"] = result.grid("inner_scores", n, p["inner"]["experts"])
    result["flag"] = result.generator("flag").integers(0, 2, 1).astype(np.int64)
    result["choice_flag"] = result.generator("choice_flag").integers(0, 2, 1).astype(np.int64)
    result["rounds"] = result.generator("rounds").integers(0, 4, 1).astype(np.int64)
    result["limit"] = np.array([p["rounds"]], np.int64)
    if p["around"] == "grow":
        result.put("extra", result.normal("extra", (2, p["width"])), p["element"])
        result.put("extra_scores", result.grid("extra_scores", 2, p["experts"]), router["scores"]["element"])
    used = used_tensors(p)
    for name, tensor in p["tensors"].items():
        if name not in used:
            continue
        shape = tensor["shape"]
        fan = shape[0] * shape[1] / 4 if len(shape) == 2 else 4
        whole = [*tensor["of"], *shape] if tensor["source"] == "stack" else shape
        for single in instances(name, tensor):
            values = result.normal(single, whole) / np.float32(fan**0.5 if len(shape) == 1 else max(1, (fan * 4) ** 0.25))
            result.put(single, values, tensor["element"])
    return dict(result)


class Values(dict):
    def __init__(self, program):
        super().__init__()
        self.program = program

    def generator(self, name):
        return np.random.default_rng([self.program["seed"], zlib.crc32(name.encode())])

    def normal(self, name, shape):
        return self.generator(name).normal(0, 1, shape).astype(np.float32)

    def put(self, name, values, element):
        self[name] = BF16(values) if element == "bf16" else values.astype(TYPES[element])

    def grid(self, name, n, experts):
        """Scores that differ clearly, so that rounding changes no choice."""
        rng = self.generator(name)
        order = np.argsort(rng.random((n, experts)), 1)
        return (np.round((order + 0.5) / experts * 6 * 64 - 192) / 64).astype(np.float32)

    def choice(self):
        p, router = self.program, self.program["router"]
        n, experts = p["tokens"], p["experts"]
        rng = self.generator("choice")
        if router["kind"] == "mask":
            self["choice"] = rng.random((n, experts)) < router["dense"]
        else:
            self["choice"] = rng.integers(-1, experts + 1, (n, router["columns"])).astype(TYPES[router["type"]])
        if router["weights"]:
            self.put("weights", self.normal("weights", self["choice"].shape), router["weights"])

    def scores(self):
        p, router = self.program, self.program["router"]
        n, experts = p["tokens"], p["experts"]
        z = self.grid("scores", n, experts)
        rng = self.generator("spread")
        spread, special = router["scores"]["spread"], router["scores"]["special"]
        if spread in ("few", "one"):
            z[:, rng.integers(experts, size=1 if spread == "one" else 3)] += 6
        elif spread == "ties":
            z = np.round(z)
        if router.get("bias"):
            self.put("bias", (rng.integers(-16, 17, experts) / 64).astype(np.float32), router["scores"]["element"])
        for t in range(n):
            if special is None or rng.random() < 0.6:
                continue
            e = rng.integers(experts)
            if special == "equal":
                z[t] = z[t, e]
            elif special == "all_minus_inf":
                z[t] = -np.inf
            else:
                z[t, e] = {"nan": np.nan, "inf": np.inf, "minus_inf": -np.inf, "huge": 100 if router["function"] == "identity" else 1e4 if router["scores"]["element"] == "f16" else 1e30}[special]
        if router.get("groups") and router["groups"][2] == "top2_sum" and special in ("inf", "huge"):
            z = np.where(z > 50, np.float32(7), z)
        self.put("scores", z, router["scores"]["element"])
        self.put("scores", self.decided(plain(self["scores"]).copy()), router["scores"]["element"])

    def decided(self, z):
        """Rows whose choice hangs on the last bits become rows of equal scores."""
        router = self.program["router"]
        if router["function"] == "identity":
            return z  # sums on the grid are exact
        knobs = {k: v for k, v in router.items() if k not in ("kind", "function", "bias", "scores", "capacity", "capacity_factor")}

        def chosen(scores):
            bias = plain(self["bias"]) if router.get("bias") else None
            return dialect.mask(dialect.gate(scores, router["function"], bias=bias, **knobs))

        with np.errstate(all="ignore"):
            as_is = chosen(z)
            for phase in (0.0, 1.0, 2.0):
                moved = z.astype(np.float64)
                moved = np.where((moved == 0) | (np.abs(moved) > 1e6), moved, moved + 1e-5 * np.cos(997 * moved + phase))
                unsure = (chosen(moved) != as_is).any(1)
                z[unsure] = 0
        return z
