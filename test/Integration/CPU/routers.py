# RUN: %python %s %moe_build
"""The examples of routers against their golden files or NumPy; gates of every kind against
the NumPy of docs/Dialect.md, for scores that are random, equal, infinite or not a
number; and every bit pattern of a half-precision number as a score.
"""

import math
import os
import shutil
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
EXAMPLES = os.path.join(SOURCE, "docs", "examples", "routers")
GOLDEN = os.path.join(HERE, "Inputs", "routers")
sys.path[:0] = [os.path.join(SOURCE, "test", "Inputs"), os.path.join(SOURCE, "test", "Random")]
import moe_run
from meaning import dialect

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-routers-")

RULES = [
    dict(experts=1, function="softmax", top_k=1),
    dict(experts=5, function="softmax", top_k=0, normalize=True, capacity_factor=1.0),
    dict(experts=7, function="softmax", top_k=7, normalize=True, bias=True),
    dict(experts=257, function="softmax", top_k=9, normalize=True, scale=2.5),
    dict(experts=12, function="sigmoid", top_k=4, bias=True, groups=(4, 2, "top2_sum"), normalize=True, epsilon=1e-20),
    dict(experts=12, function="identity", top_k=4, groups=(3, 1, "max"), weights="softmax"),
    dict(experts=16, function="identity", top_k=3, weights="softmax", normalize=True, epsilon=0.5),
    dict(experts=9, function="sigmoid", argmax=True, bias=True, weights="sigmoid", capacity=3),
    dict(experts=8, function="softmax", top_k=2, normalize=True, capacity_factor=1.25),
    dict(experts=6, function="sigmoid", threshold=0.5, weights="one", normalize=True),
    dict(experts=6, function="identity", threshold=-1.0, weights="softmax", capacity=4, scale=-1.0),
    dict(experts=3, function="identity", argmax=True, weights="one", capacity=0),
    dict(experts=16, function="softmax", top_k=2, normalize=True, type="f64", bias=True),
    dict(experts=16, function="sigmoid", top_k=2, groups=(8, 5, "top2_sum"), type="f64"),
    dict(experts=16, function="softmax", top_k=5, weights="sigmoid", type="f16"),
]
TYPES = {"f16": np.float16, "f32": np.float32, "f64": np.float64}

failures = []


def text(rule):
    """A module whose main is the gate: scores [, bias] -> mask, weights."""
    experts, element = rule["experts"], rule.get("type", "f32")
    scores = f"tensor<?x{experts}x{element}>"
    types, arguments = scores, f"%scores: {scores}"
    words = ["moe.gate %scores", rule["function"]]
    if rule.get("bias"):
        types += f", tensor<{experts}x{element}>"
        arguments += f", %bias: tensor<{experts}x{element}>"
        words.append("bias(%bias)")
    if "groups" in rule:
        words.append("groups({} keep {} by {})".format(*rule["groups"]))
    for word in ("top_k", "threshold", "argmax", "weights", "normalize", "epsilon", "scale", "capacity", "capacity_factor"):
        value = rule.get(word)
        if value is True:
            words.append(word)
        elif value is not None:
            words.append(f"{word}({value:e})" if isinstance(value, float) else f"{word}({value})")
    routing = f"!moe.routing<{experts}>"
    mask, weights = f"tensor<?x{experts}xi1>", f"tensor<?x{experts}xf32>"
    return f"""
func.func @main({arguments}) -> ({mask}, {weights}) {{
  %routing = {" ".join(words)} : ({types}) -> {routing}
  %mask = moe.mask %routing : ({routing}) -> {mask}
  %weights = moe.weights %routing : ({routing}) -> {weights}
  return %mask, %weights : {mask}, {weights}
}}
"""


def path(name):
    return os.path.join(SCRATCH, name)


def run(model, *inputs):
    """Mask and weights of a model."""
    return moe_run.run(BUILD, model, inputs, 2, SCRATCH)[0]


def run_gate(rule, *inputs):
    with open(path("gate.mlir"), "w") as file:
        file.write(text(rule))
    return run(path("gate.mlir"), *inputs)


def meaning(rule, scores, bias=None):
    knobs = {k: v for k, v in rule.items() if k not in ("experts", "function", "bias", "type")}
    routing = dialect.gate(scores, rule["function"], bias=bias, **knobs)
    return dialect.mask(routing), dialect.weights(routing)


def compare(what, got, expected):
    """A difference is noted with its first row."""
    wrong = ~(got[0] == expected[0]).all(1)
    wrong |= ~np.isclose(got[1], expected[1], rtol=1e-5, atol=1e-6, equal_nan=True).all(1)
    if got[0].shape != expected[0].shape or got[1].dtype != np.float32 or wrong.any():
        row = int(np.argmax(wrong))
        failures.append(f"{what}: row {row} of {wrong.sum()} rows: {[a[row].tolist() for a in (*got, *expected)]}")


def difficult_scores(rng, tokens, experts):
    """Multiples of 1/4, which are equal or far apart in every precision."""
    scores = rng.integers(-16, 17, (tokens, experts)) / 4.0
    for t, row in enumerate(scores):
        some = rng.random(experts)
        kinds = {0: 0.5, 1: np.nan, 2: -np.inf, 3: np.inf}
        if t % 12 in kinds:
            row[:] = kinds[t % 12]
        elif t % 12 == 4:
            row[some < 0.3] = np.nan
        elif t % 12 == 5:
            row[some < 0.8] = np.nan
        elif t % 12 == 6:
            row[some < 0.5] = -np.inf
        elif t % 12 == 7:
            row[:] = rng.choice([np.nan, -np.inf, np.inf, 0.0, -0.0, 6e4], experts)
        elif t % 12 == 8:
            row[:] = rng.choice([0.0, -0.0], experts)
        elif t % 12 == 9:
            row *= 5
    return scores


def check_examples():
    for name in sorted(f[7:-4] for f in os.listdir(GOLDEN) if f.startswith("scores_")):
        files = {kind: os.path.join(GOLDEN, f"{kind}_{name}.npy") for kind in ("scores", "bias", "mask", "weights")}
        inputs = [files[kind] for kind in ("scores", "bias") if os.path.exists(files[kind])]
        got = run(os.path.join(EXAMPLES, f"{name}.mlir"), *inputs)
        compare(name, got, [np.load(files["mask"]), np.load(files["weights"])])


def expert_choice(scores):
    """Each expert takes a quarter of the tokens."""
    values = dialect.softmax(scores)
    return values, np.stack([dialect.best(column, -(-len(scores) // 4)) for column in values.T], 1)


def sparsemixer(scores):
    weights, mask = np.zeros(scores.shape), np.zeros(scores.shape, bool)
    for t, row in enumerate(scores.astype(np.float64)):
        for e in np.argsort(-row, kind="stable")[:2]:
            far = (row[e] - row) / np.maximum(abs(row), row[e]) > 0.02
            powers = np.where(far | mask[t], 0, np.exp(row - row[e]))
            weights[t, e] = powers[e] / powers.sum()
            mask[t, e] = True
    return weights, mask


def check_examples_without_golden_files():
    rng = np.random.default_rng(5)
    for rule, scores in (
        (expert_choice, rng.normal(0, 1, (37, 8))),
        (sparsemixer, rng.normal(3, 0.1, (37, 16))),
    ):
        scores[3] = scores[5]
        scores[7] = 0.5
        for tokens in (0, 37):
            part = scores[:tokens].astype(np.float32)
            np.save(path("scores.npy"), part)
            weights, mask = rule(part)
            got = run(os.path.join(EXAMPLES, f"{rule.__name__}.mlir"), path("scores.npy"))
            compare(f"{rule.__name__}, {tokens} tokens", got, (mask, np.where(mask, weights, 0)))


def check_rules():
    for number, rule in enumerate(RULES):
        rng = np.random.default_rng(number)
        real = TYPES[rule.get("type", "f32")]
        for tokens in (0, 36):
            inputs = [difficult_scores(rng, tokens, rule["experts"]).astype(real)]
            if rule.get("bias"):
                inputs.append((rng.integers(-16, 17, rule["experts"]) / 64).astype(real))
            files = [path(f"{index}.npy") for index in range(len(inputs))]
            for file, value in zip(files, inputs):
                np.save(file, value)
            compare(f"{rule}, {tokens} tokens", run_gate(rule, *files), meaning(rule, *inputs))


def best_three(scores):
    """NaN as minus infinity; of equal values the first."""
    clean = [-math.inf if math.isnan(v) else float(v) for v in scores]
    return sorted(range(len(clean)), key=lambda e: (-clean[e], e))[:3]


def check_bit_patterns():
    bits = np.random.default_rng(1).permutation(1 << 16).astype(np.uint16).reshape(-1, 16)
    wide = moe_run.BF16(np.zeros(bits.shape))
    wide.values = (bits.astype(np.uint32) << 16).view(np.float32)
    moe_run.save_safetensors(path("bits.safetensors"), {"x": wide})
    np.save(path("bits.npy"), bits.view(np.float16))
    for element, source, values in (
        ("bf16", path("bits.safetensors") + "[x]", wide.values),
        ("f16", path("bits.npy"), bits.view(np.float16)),
    ):
        rule = dict(experts=16, function="identity", top_k=3, weights="one", type=element)
        expected = np.zeros(bits.shape, bool)
        for row, scores in zip(expected, values):
            row[best_three(scores)] = True
        compare(f"bit patterns of {element}", run_gate(rule, source), (expected, expected.astype(np.float32)))


check_examples()
check_examples_without_golden_files()
check_rules()
check_bit_patterns()
shutil.rmtree(SCRATCH)
print("\n".join(failures))
sys.exit(1 if failures else 0)
