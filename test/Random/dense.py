#!/usr/bin/env python3
"""Random programs that compute experts for all tokens and mask them, through
moe-run, against their meaning in NumPy.

    dense.py BUILD [--seed N] [--programs N] [--jobs N] [--keep DIR]

Program i has the seed N + i, and depends on nothing else. For each: the results
with and without --assume-finite, how many experts were moved into a dispatch, and
how many rows each of them was given.
"""

import argparse
import collections
import concurrent.futures
import functools
import json
import os
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dense_masks import Masked
from many import Runner, opt_level
from moe_run import load_safetensors, plain, save_safetensors

# Relative to the largest element of the result; each operation rounds.
TOLERANCE = {"f64": 1e-7, "f32": 1e-4, "f16": 2e-2, "bf16": 1e-1}
FORMS = ["select", "select with zero", "product", "stacked", "masked input", "gathered", "numbered",
         "inside of a branch", "two dimensions", "segments"]


def draw(seed):
    """The program, its results, and the rows of each expert."""
    p = Masked(seed)
    form = p.pick(*FORMS)
    tokens = "t" if form in ("two dimensions", "segments") else "tuv"[:p.pick(1, 1, 1, 2, 3)]
    for label in tokens:
        p.sizes[label] = int(p.rng.integers(1, 7 if len(tokens) > 1 else 24))
        if p.chance(0.5):
            p.dynamic.add(label)
    experts = p.pick(2, 2, 3, 3, 4, 5)
    p.sizes["e"] = experts
    feature, out = p.feature(p.rng.integers(3, 9)), p.feature(p.rng.integers(2, 7))
    order = tokens + feature if form == "segments" or p.chance(0.7) else "".join(p.rng.permutation(list(tokens + feature)))
    shape = [p.sizes[d] for d in order]
    x = p.argument("x", order, p.rng.standard_normal(shape).astype(np.float32))
    counts = [p.sizes[d] for d in tokens]
    used = int(p.rng.integers(1, experts + 1))  # the others are idle
    chosen = p.argument("chosen", tokens, p.rng.integers(0, used, counts).astype(np.int32), "i32")
    flat = len(tokens) > 1 and not p.dynamic and order == tokens + feature
    if form in ("gathered", "numbered") and np.prod(counts) == 1 or form == "gathered" and len(tokens) > 1 and not flat:
        form = "select"
    several = form in ("product", "stacked") and p.chance(0.3)
    top = form in ("product", "stacked", "masked input") and p.chance(0.3)
    second = None
    if top:
        second = p.argument("second", tokens, p.rng.integers(0, experts, counts).astype(np.int32), "i32")
        p.found.add("overlapping masks")
    p.found |= {form, f"{len(tokens)} dimensions of tokens", "dynamic" if p.dynamic else "static"}
    if order[-1] != feature:
        p.found.add("features before tokens")

    if form == "inside of a branch":
        return p, p.inside_branch(x, chosen, tokens, feature, out, experts), None
    if form == "two dimensions":
        return p, p.two_dimensions(tokens, feature), None
    if form == "segments":
        return p, p.segments(x, tokens, feature, out), None

    def factor(e):
        m = p.number(p.chosen_by(chosen, e))
        if top:
            m = p.binary("addf", m, p.number(p.chosen_by(second, e)))
        return m

    allowed = None
    if several:
        keep = p.argument("keep", tokens, p.rng.integers(0, 2, counts).astype(np.int32), "i32")
        allowed = p.number(p.chosen_by(keep, 1))
        p.found.add("several masks")
    labels = tokens + out if p.chance(0.6) else "".join(p.rng.permutation(list(tokens + out)))
    if form.startswith("select"):
        leaves = p.bodies(x, feature, out, experts, False)
        masks = [p.chosen_by(chosen, e) for e in range(experts)]
        zero = form.endswith("zero")
        y = p.splat(labels, "0.0") if zero else leaves[-1]
        rest = leaves if zero else leaves[:-1]
        for e in reversed(range(len(rest))):
            y = p.select(masks[e], rest[e], y, labels)
        rows = [int((chosen.array == e).sum()) for e in range(experts)]
        return p, {"y": y}, rows
    if form == "gathered":
        if len(tokens) > 1:
            x, chosen, tokens = p.flatten(x, tokens), p.flatten(chosen, tokens), "T"
        y, adds = p.splat(tokens + out, "0.0"), p.chance(0.5)
        like = p.operations(p.few(), False)
        for e in range(experts):
            rows = p.listed(p.chosen_by(chosen, e))
            mine = p.gathered(x, tokens, rows, p.chance(0.5))
            h, f = p.body(mine, feature, p.sizes[out], like if p.chance(0.5) else p.operations(p.few(), False), False)
            y = p.scattered(y, rows, p.permute(p.renamed(h, f, out), rows.labels + out), adds)
        return p, {"y": y}, [int((chosen.array == e).sum()) for e in range(experts)]
    if form == "numbered":
        if p.chance(0.5):
            h, f = p.body(x, feature, p.sizes[out], p.operations(p.few(), False), True)
            h = p.renamed(h, f, out)
            p.found.add("numbered, stacked")
        else:
            leaves = p.bodies(x, feature, out, experts, False)
            h = p.side_by_side([p.permute(leaf, leaves[0].labels) for leaf in leaves])
        y = p.numbered(h, chosen, labels)
        return p, {"y": y}, [int((chosen.array == e).sum()) for e in range(experts)]
    if form == "stacked":
        ids = "et" if len(tokens) == 1 else "e" + tokens
        code = ["%i = linalg.index 0 : index", "%j = arith.index_cast %i : index to i32", "%q = arith.cmpi eq, %a, %j : i32",
                "%r = arith.uitofp %q : i1 to f32"]
        def hot(choice):
            array = (choice.array[None] == np.arange(experts).reshape([-1] + [1] * len(tokens))).astype(float)
            return p.generic(ids, [choice], code, array)
        mask = hot(chosen)
        if top:
            mask = p.binary("addf", mask, hot(second))
        h, f = p.body(x, feature, p.sizes[out], p.operations(p.few(), False), True)
        h = p.renamed(h, f, out)
        held = mask.array
        if several:
            h = p.binary("mulf", h, allowed)
            held = held * allowed.array[None]
        if p.chance(0.5):
            y = p.contract(h, mask, labels)
            p.found.add("contracted over experts")
        else:
            y = p.total(p.binary("mulf", h, mask), "e")
        return p, {"y": y}, [int((held[e] != 0).sum()) for e in range(experts)]
    masks = [factor(e) for e in range(experts)]
    terms, rows = [], []
    inside = form == "masked input"
    leaves = None if inside else p.bodies(x, feature, out, experts, False)
    for e, mask in enumerate(masks):
        held = mask.array
        if inside:
            y, f = p.body(p.binary("mulf", x, mask), feature, p.sizes[out], p.operations(p.few(), True), False)
            term = p.renamed(y, f, out)
        else:
            term = p.binary("mulf", leaves[e], mask)
            if several:
                term = p.binary("mulf", term, allowed)
                held = held * allowed.array
        terms.append(term)
        rows.append(int((held != 0).sum()))
    y = terms[0]
    for term in terms[1:]:
        y = p.binary("addf", y, term, labels)
    return p, {"y": y}, rows


def text(p, results):
    arguments = ", ".join(f"%{name}: {kind}" for name, kind in p.arguments)
    kinds = ", ".join(p.type_of(v) for v in results.values())
    names = ", ".join(v.name for v in results.values())
    body = "\n".join("  " + line for line in p.lines)
    return p.typed(f"func.func @main({arguments}) -> ({kinds}) {{\n{body}\n  return {names} : {kinds}\n}}\n")


def difference(got, want, tolerance):
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    if not want.size:
        return ""
    away = np.abs(got - want).max()
    limit = tolerance * max(1.0, np.abs(want).max())
    return "" if away <= limit else f"differs by {away:.3g}, allowed are {limit:.3g}"


RUNNERS = {}


def work(build, keep, top, seed):
    p, results, rows = draw(seed)
    threads = 1 + 2 * (seed % 2)
    if threads not in RUNNERS:
        RUNNERS[threads] = Runner(build, threads, limit=120)
    with tempfile.TemporaryDirectory(prefix="moe-dense-", dir=top) as folder:
        if keep:
            folder = os.path.join(keep, str(seed))
            os.makedirs(folder, exist_ok=True)
        why = check(p, results, rows, RUNNERS[threads], opt_level(seed), folder)
    if rows and not all(rows):
        p.found.add("with an idle expert")
    return seed, why, p.found | {"programs", f"in {p.types['f32']}"}


def check(p, results, rows, runner, level, folder):
    """What is wrong with a program, or nothing."""
    with open(os.path.join(folder, "model.mlir"), "w") as f:
        f.write(text(p, results))
    save_safetensors(os.path.join(folder, "inputs.safetensors"), p.tensors)
    command = ["model.mlir", "--trust-model", level, "--benchmark-out=/dev/null", "--repetitions=1",
               *[f"--input=@inputs.safetensors[{name}]" for name, _ in p.arguments]]
    for flags in ([], ["--assume-finite"]):
        how = " ".join(flags) or "plain"
        outputs = [f"--output=@{how}.safetensors[{name}]" for name in results]
        end = runner.run(folder, [*command, *flags, *outputs, "--stats-out=stats.json"])
        if end.fault() or end.code:
            return f"{how}: {end.fault() or end.message}"
        got = load_safetensors(os.path.join(folder, f"{how}.safetensors"))
        for name, want in results.items():
            why = difference(plain(got[name]).astype(np.float64), want.array, TOLERANCE[p.types["f32"]])
            if why:
                return f"{how}: {name} {why}"
    if rows is None:
        return ""
    with open(os.path.join(folder, "stats.json")) as f:
        counted = [count // max(1, dispatch["runs"]) for dispatch in json.load(f)["dispatches"] for count in dispatch["tokens_per_expert"]]
    if sorted(counted) != sorted(rows):
        return f"rows of experts {counted}, expected {rows}"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--programs", type=int, default=250)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", help="directory for the files of every program")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    counts, failed = collections.Counter(), 0
    seeds = range(options.seed, options.seed + options.programs)
    with tempfile.TemporaryDirectory(prefix="moe-dense-") as top, concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        for seed, why, found in pool.map(functools.partial(work, build, options.keep, top), seeds, chunksize=8):
            counts.update(found)
            if why:
                failed += 1
                print(f"FAILED seed {seed}: {why}", flush=True)
                print(f"Again: {sys.executable} {os.path.abspath(__file__)} {build} --seed={seed} --programs=1 --keep=DIR", flush=True)
    print("\n".join(f"{count:5} {name}" for name, count in sorted(counts.items())))
    print(f"{counts['programs'] - failed} dense programs agree with their meaning, {failed} do not")
    return 1 if failed or not counts["programs"] else 0


if __name__ == "__main__":
    sys.exit(main())
