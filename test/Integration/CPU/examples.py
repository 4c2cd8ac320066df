# RUN: %python %s %moe_build
"""The example models against their golden files, and with other widths and random
weights against NumPy: with --experts=active and --experts=all.

    examples.py BUILD [--device=NAME] [--tiny] [--under=COMMAND]

--tiny leaves out all but two small batches, and other widths, --under puts a command in
front of moe-run. The golden files come from TensorFlow (two_experts), PyTorch
(digits) and NumPy in float64 (the others).
"""

import argparse
import os
import re
import shutil
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
EXAMPLES = os.path.join(SOURCE, "docs", "examples")
sys.path[:0] = [os.path.join(SOURCE, "test", "Inputs"), os.path.join(HERE, "Inputs")]
import moe_run
import reference

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("build")
parser.add_argument("--device", default="cpu")
parser.add_argument("--tiny", action="store_true")
parser.add_argument("--under", default="")
OPTIONS = parser.parse_args()
BUILD = OPTIONS.build
SCRATCH = tempfile.mkdtemp(prefix="moe-examples-")
checks, failures = 0, []


def report(what, why):
    global checks
    checks += 1
    if why:
        failures.append(what)
        print(f"FAIL {what}: {why}", flush=True)


def compare(got, want, atol, rtol):
    for number, (value, expected) in enumerate(zip(got, want, strict=True)):
        if value.shape != expected.shape or value.dtype.kind != expected.dtype.kind:
            return f"result {number} is {value.dtype}{list(value.shape)}, expected {expected.dtype}{list(expected.shape)}"
        if not np.allclose(value, expected, rtol=rtol, atol=atol):
            away = np.abs(value.astype(float) - expected.astype(float)).max()
            return f"result {number} differs by up to {away:.3g}"
    return ""


def execute(what, model, x, parameters, want, atol, rtol, rows=None, assignments=None):
    """rows: how many tokens each expert gets; want: the results."""
    for form in ("active", "all"):
        name = f"{what} --experts={form}"
        try:
            got, stats = moe_run.run(BUILD, model, [x], len(want), SCRATCH, parameters, [f"--experts={form}", f"--device={OPTIONS.device}"],
                                     prefix=OPTIONS.under.split())
        except moe_run.Failed as error:
            report(name, str(error))
            continue
        dispatch = stats["dispatches"][0]
        why = compare(got, want, atol, rtol)
        if not why and rows is not None and dispatch["tokens_per_expert"] != rows:
            why = f"tokens_per_expert {dispatch['tokens_per_expert']}, expected {rows}"
        if not why and form == "active" and rows is not None and dispatch["evaluated"] != sum(r > 0 for r in rows):
            why = f"evaluated {dispatch['evaluated']}, but {rows} have tokens"
        if not why and assignments is not None and dispatch["assignments"] != assignments:
            why = f"assignments {dispatch['assignments']}, expected {assignments}"
        report(name, why)


def batches(*names, tiny=("0", "3")):
    """If little is wanted, those without rows and with three."""
    return [n for n in names if not OPTIONS.tiny or str(n) in tiny]


def golden(name):
    """A reader of the golden files of an example."""
    return lambda file: os.path.join(HERE, "Inputs", name, file)


def example(stem):
    return os.path.join(EXAMPLES, f"{stem}.mlir")


def two_experts():
    g = golden("two_experts")
    for n in batches("0", "1", "3", "32", "1000", "all_a", "all_b", "ties"):
        want = [np.load(g(f"{result}_{n}.npy")) for result in ("output_a", "output_b", "mask_a", "mask_b")]
        execute(f"two_experts {n}", example("two_experts"), g(f"x_{n}.npy"), os.path.join(EXAMPLES, "two_experts.safetensors"),
                want, 1e-6, 1e-6, [int(mask.sum()) for mask in want[2:]])


def mlp_top2():
    g = golden("mlp_top2")
    for stem, kind, tolerance in (("mlp_top2", "f32", 1e-5), ("mlp_top2_bf16", "bf16", 3e-2)):
        # So many rows that tensor cores multiply tiles, and not a stream of weights.
        for n in batches("0", "1", "3", "32", "1000", "skewed", tiny=("0", "3", "1000") if kind == "bf16" else ("0", "3")):
            rows = np.bincount(np.load(g(f"experts_{n}.npy")).ravel(), minlength=8).tolist()
            execute(f"{stem} {n}", example(stem), g(f"x_{n}.npy"), g(f"weights_{kind}.safetensors"),
                    [np.load(g(f"y_{n}_{kind}.npy"))], tolerance, tolerance, rows if kind == "f32" else None)


def unlike_experts():
    g = golden("unlike_experts")
    for n in batches(0, 1, 3, 32, 1000):
        execute(f"unlike_experts {n}", example("unlike_experts"), g(f"x_{n}.npy"), g("weights.safetensors"),
                [np.load(g(f"y_{n}.npy"))], 1e-5, 1e-5, np.load(g(f"mask_{n}.npy")).sum(0).tolist())


def adaptive_depth():
    g = golden("adaptive_depth")
    for n in batches(0, 1, 3, 32, 1000):
        steps = np.load(g(f"steps_{n}.npy"))
        execute(f"adaptive_depth {n}", example("adaptive_depth"), g(f"x_{n}.npy"), g("weights.safetensors"),
                [np.load(g(f"y_{n}.npy")), steps], 1e-4, 1e-4, assignments=int(steps.sum()))


def digits():
    g = golden("digits")
    logits, labels = np.load(g("logits.npy")), np.load(g("labels.npy"))
    predictions = logits.argmax(1)
    report("digits: the golden accuracy", "" if (predictions == labels).sum() == 355 else "is not 355 of 360")
    execute("digits", example("digits"), g("images.npy"), os.path.join(EXAMPLES, "digits.safetensors"), [predictions, logits], 1e-4, 1e-4,
            np.bincount(np.load(g("experts.npy")).ravel(), minlength=6).tolist())


def other_widths():
    """Sizes occur only as numbers in types: with others in their place a model still runs."""
    widths = {"two_experts": {8: 5}, "mlp_top2": {64: 45, 96: 77}, "unlike_experts": {16: 11, 24: 7, 160: 33},
              "adaptive_depth": {32: 19, 64: 23}, "digits": {64: 50, 32: 21, 48: 13}}
    for stem, other in widths.items():
        rng = np.random.default_rng(len(stem))
        with open(example(stem)) as f:
            text = re.sub(r"(?<=[<x])\d+(?=x)", lambda m: str(other.get(int(m[0]), m[0])), f.read())
        model, weights, rows = (os.path.join(SCRATCH, f"{stem}.{kind}") for kind in ("mlir", "safetensors", "npy"))
        with open(model, "w") as f:
            f.write(text)
        tensors = getattr(reference, stem + "_weights")(rng, *other.values())
        moe_run.save_safetensors(weights, tensors)
        for n in (1, 2, 70):
            x = rng.normal(0, 1, (3 * n + 20, next(iter(other.values())))).astype(np.float32)
            x = x[getattr(reference, stem)(x, tensors)[1]][:n]
            assert len(x) == n
            np.save(rows, x)
            want, _ = getattr(reference, stem)(x, tensors)
            execute(f"{stem} {list(other.values())} with {n} rows", model, rows, weights, want, 2e-5, 2e-5)


cases = [two_experts, mlp_top2, unlike_experts, adaptive_depth]
for case in cases if OPTIONS.tiny else [*cases, digits, other_widths]:
    case()
shutil.rmtree(SCRATCH)
print(f"{checks - len(failures)} passed, {len(failures)} failed")
sys.exit(bool(failures) or not checks)
