"""A layer of SwiGLU experts on a device: the experts that are chosen on the CPU, its
results, and nothing read of experts without tokens.

    experts.py BUILD [--device=NAME] [--tiny]
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
GOLDEN = os.path.join(SOURCE, "test", "Integration", "CPU", "Inputs", "mlp_top2")
sys.path[:0] = [os.path.join(SOURCE, "test", folder) for folder in ("Inputs", "Benchmarks")]
import moe_run
from gpu_layer import Layer

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("build")
parser.add_argument("--device", default="cuda")
parser.add_argument("--tiny", action="store_true")
OPTIONS = parser.parse_args()
SCRATCH = tempfile.mkdtemp(prefix="moe-cuda-experts-")
FORMS = ("active", "all")
STEMS = {"f32": "mlp_top2", "bf16": "mlp_top2_bf16"}
# A bf16 that rounds the other way in the middle moves the result by this much.
TOLERANCE = {"f32": 1e-4, "bf16": 3e-2}
checks, failures = 0, []


def expect(what, condition, detail=""):
    global checks
    checks += 1
    if not condition:
        failures.append(what)
        print(f"FAIL {what} {detail}", flush=True)


def run(model, x, weights, form, device=OPTIONS.device):
    """The result, and the statistics of the one dispatch."""
    got, stats = moe_run.run(OPTIONS.build, model, [x], 1, SCRATCH, weights, [f"--experts={form}", f"--device={device}"])
    return got[0], stats["dispatches"][0]


def scratch(file):
    return os.path.join(SCRATCH, file)


def layer(kind, hidden, inner):
    """Model and weights of a layer of eight experts of other sizes."""
    with open(os.path.join(SOURCE, "docs", "examples", STEMS[kind] + ".mlir")) as f:
        text = re.sub(r"(?<=[<x])(64|96)(?=x)", lambda m: str({"64": hidden, "96": inner}[m[0]]), f.read())
    path = scratch(f"layer_{kind}_{hidden}_{inner}")
    with open(path + ".mlir", "w") as f:
        f.write(text)
    rng = np.random.default_rng(hidden + inner)
    draw = lambda *shape: rng.standard_normal(shape, np.float32) * np.float32(shape[-1] ** -0.5)
    weights = {"router.weight": draw(8, hidden)}
    for e in range(8):
        for name, shape in (("gate", (inner, hidden)), ("up", (inner, hidden)), ("down", (hidden, inner))):
            weights[f"experts.{e}.{name}_proj.weight"] = draw(*shape)
    moe_run.save_safetensors(path + ".safetensors", {n: moe_run.BF16(w) if kind == "bf16" else w for n, w in weights.items()}, 64)
    return path + ".mlir", path + ".safetensors"


def as_on_the_cpu(kind, hidden, inner, batches):
    model, weights = layer(kind, hidden, inner)
    for rows in batches:
        x = np.random.default_rng(rows).standard_normal((rows, hidden), np.float32)
        np.save(scratch("x.npy"), x)
        want, there = run(model, scratch("x.npy"), weights, "active", "cpu")
        for form in FORMS:
            what = f"{kind} {hidden} x {inner}, {rows} rows, --experts={form}"
            got, here = run(model, scratch("x.npy"), weights, form)
            expect(f"{what}: experts", here["tokens_per_expert"] == there["tokens_per_expert"],
                   f"{here['tokens_per_expert']}, on the CPU {there['tokens_per_expert']}")
            active = 8 if form == "all" else sum(n > 0 for n in there["tokens_per_expert"])
            expect(f"{what}: evaluated", here["evaluated"] == active, f"{here['evaluated']}, expected {active}")
            away = np.abs(got - want).max(initial=0) if got.shape == want.shape else np.inf
            expect(f"{what}: results", away <= TOLERANCE[kind] * max(1, np.abs(want).max(initial=0)), f"differ by {away:.3g}")


def rows_that_are_gathered(hidden, inner, batches):
    """Rows of bf16 are read where they lie, and not packed before: all rows of the layer
    that benchmarks time."""
    layer = Layer(OPTIONS.build, SCRATCH, OPTIONS.device, (8, 2, hidden, inner), max(batches))
    for rows in batches:
        layer.copied(rows, 1)
        got = moe_run.load_safetensors(layer.path("y.safetensors"))["y"].values
        away = layer.away(got, list(range(rows)))
        expect(f"bf16 rows, {hidden} x {inner}, {rows} rows", away <= TOLERANCE["bf16"], f"differ by {away:.3g} of the largest value")


def spoilt(kind, which):
    """The golden weights with NaN in those of some experts."""
    def spoil(name, tensor):
        if not re.match(rf"experts\.({'|'.join(map(str, which))})\.", name):
            return tensor
        nan = np.full(tensor.shape, np.nan, np.float32)
        return moe_run.BF16(nan) if isinstance(tensor, moe_run.BF16) else nan
    tensors = moe_run.load_safetensors(os.path.join(GOLDEN, f"weights_{kind}.safetensors"))
    path = scratch("spoilt.safetensors")
    moe_run.save_safetensors(path, {name: spoil(name, tensor) for name, tensor in tensors.items()})
    return path


def weights_of_idle_experts_do_not_matter(kind):
    model = os.path.join(SOURCE, "docs", "examples", STEMS[kind] + ".mlir")
    clean = os.path.join(GOLDEN, f"weights_{kind}.safetensors")
    for batch in ("3",) if OPTIONS.tiny else ("1", "3", "skewed"):
        x = os.path.join(GOLDEN, f"x_{batch}.npy")
        chosen = np.load(os.path.join(GOLDEN, f"experts_{batch}.npy"))
        idle = sorted(set(range(8)) - set(chosen.ravel().tolist()))
        for form in FORMS:
            what = f"{kind}, batch {batch}, --experts={form}"
            want, _ = run(model, x, clean, form)
            got, _ = run(model, x, spoilt(kind, idle), form)
            expect(f"{what}: NaN in idle experts", np.isfinite(got).all() and got.tobytes() == want.tobytes())
            # Those of an expert with tokens reach its rows, and no others.
            busy = int(chosen[0, 0])
            got, _ = run(model, x, spoilt(kind, [busy]), form)
            mine = (chosen == busy).any(1)
            expect(f"{what}: NaN in expert {busy}", np.isnan(got[mine]).all() and np.isfinite(got[~mine]).all())


def main():
    for kind in ("f32", "bf16"):
        weights_of_idle_experts_do_not_matter(kind)
        # 16 rows for each expert and more: what multiplies tiles.
        many = (70,) if kind == "bf16" else ()
        as_on_the_cpu(kind, 64, 96, (5, *many) if OPTIONS.tiny else (0, 1, 5, *many))
        if not OPTIONS.tiny:
            # Depths of many blocks, columns that no tile divides, rows of one tile and of several.
            as_on_the_cpu(kind, 256, 512, (1, 7, 40, 300, 2000))
            as_on_the_cpu(kind, 320, 200, (1, 64, 513))
    # A depth with a tail, columns that no tile divides.
    rows_that_are_gathered(72, 200, (5, 80) if OPTIONS.tiny else (1, 80, 300))
    if not OPTIONS.tiny:
        rows_that_are_gathered(256, 512, (1, 70, 300, 2000))
    shutil.rmtree(SCRATCH)
    print(f"{checks - len(failures)} passed, {len(failures)} failed")
    return bool(failures) or not checks


if __name__ == "__main__":
    sys.exit(main())
