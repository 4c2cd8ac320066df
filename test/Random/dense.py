#!/usr/bin/env python3
"""Random programs that compute experts for all tokens and mask them, against their
meaning in NumPy.

    dense.py BUILD [--seed N] [--programs N] [--every N] [--device NAME] [--jobs N] [--keep DIR]

Program i has the seed N + i, and depends on nothing else. Each is interpreted in all the
forms that raising gives it (variants.py), with and without assume-finite. All have to give
the same numbers: to the bit but for the sign of zeros, unless a token has several experts,
whose sum may be made in another order; then, and against NumPy, up to the rounding of each
operation. One of --every also runs through moe-run; with --device, that is all that is
done, there. What can be moved into experts has to be: each is given the rows that it is
chosen for.
"""

import argparse
import collections
import concurrent.futures
import functools
import json
import os
import re
import sys
import tempfile

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from dense_draw import Drawn
from many import Runner, opt_level
from moe_run import load_safetensors, plain, save_safetensors
from variants import read, request, same

# Relative to the largest number on the way; each operation rounds.
TOLERANCE = {"f64": 1e-7, "f32": 1e-4, "f16": 2e-2, "bf16": 1e-1}


def text(p):
    arguments = ", ".join(f"%{name}: {kind}" for name, kind in p.arguments)
    kinds = ", ".join(p.type_of(v) for v in p.results.values())
    names = ", ".join(v.name for v in p.results.values())
    body = "\n".join("  " + line for line in p.lines)
    return p.typed(f"func.func @main({arguments}) -> ({kinds}) {{\n{body}\n  return {names} : {kinds}\n}}\n")


def difference(got, want, limit):
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    if not want.size:
        return ""
    away = np.abs(got - want).max()
    return "" if away <= limit else f"differs by {away:.3g}, allowed are {limit:.3g}"


def difference_of(p, results):
    """Of results, in the order of the program's, from its meaning."""
    for (name, want), got in zip(p.results.items(), results, strict=True):
        why = difference(got, want.array, p.largest * TOLERANCE[p.types["f32"]])
        if why:
            return f"{name} {why}"
    return ""


def difference_of_rows(p, rows):
    if p.rows is None:
        return ""
    counted = collections.Counter(count for dispatch in rows for count in dispatch)
    if not counted and not any(p.rows):
        return ""  # The only token chose a side of a branch.
    wanted = collections.Counter(p.rows)
    if not wanted - counted and (p.has_more or not counted - wanted):
        return ""
    return f"rows of experts {sorted(counted.elements())}, expected {sorted(p.rows)}"


def check_variants(p, runner):
    """What is wrong with the forms of a program, or nothing."""
    answer, end = runner.ask(request(text(p), [p.tensors[name] for name, _ in p.arguments]))
    if answer is None:
        return end.fault()
    forms = read(answer)
    written = forms["written"]
    for name, form in forms.items():
        why = form.error or difference_of(p, form.results)
        if not why and not p.reorders and not same(form.results, written.results):
            why = "not the same bits as written"
        if why:
            return f"{name}: {why}"
    for name in ("raised assume-finite",) if p.needs_promise else ("raised", "raised assume-finite"):
        why = difference_of_rows(p, forms[name].rows)
        if why:
            return f"{name}: {why}"
    return ""


class NoCode(Exception):
    """A device has no code for an operation, and says so by its name."""


def check_run(p, runner, level, folder, device):
    """What is wrong with a program in moe-run, or nothing."""
    save_safetensors(os.path.join(folder, "inputs.safetensors"), p.tensors)
    command = ["model.mlir", "--trust-model", level, f"--device={device}", "--benchmark-out=/dev/null", "--repetitions=1",
               *[f"--input=@inputs.safetensors[{name}]" for name, _ in p.arguments]]
    for flags in ([], ["--assume-finite"]):
        how = " ".join(flags) or "plain"
        outputs = [f"--output=@{how}.safetensors[{name}]" for name in p.results]
        end = runner.run(folder, [*command, *flags, *outputs, "--stats-out=stats.json"])
        if device != "cpu" and re.search(r"'math\.\w+' of 'f64' has no code for a GPU$", end.message):
            raise NoCode
        if end.fault() or end.code:
            return f"{how}: {end.fault() or end.message}"
        got = load_safetensors(os.path.join(folder, f"{how}.safetensors"))
        why = difference_of(p, [plain(got[name]).astype(np.float64) for name in p.results])
        if why:
            return f"{how}: {why}"
    with open(os.path.join(folder, "stats.json")) as f:
        rows = [[count // max(1, dispatch["runs"]) for count in dispatch["tokens_per_expert"]] for dispatch in json.load(f)["dispatches"]]
    return difference_of_rows(p, rows)


RUNNERS = {}


def work(build, keep, top, every, device, seed):
    p = Drawn(seed)
    threads = 1 + 2 * (seed // every % 2)
    if threads not in RUNNERS:
        RUNNERS[threads] = Runner(build, threads, limit=120)
    with tempfile.TemporaryDirectory(prefix="moe-dense-", dir=top) as folder:
        if keep:
            folder = os.path.join(keep, str(seed))
            os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, "model.mlir"), "w") as f:
            f.write(text(p))
        why = check_variants(p, RUNNERS[threads]) if device == "cpu" else ""
        if not why and seed % every == 0:
            try:
                why = check_run(p, RUNNERS[threads], opt_level(seed // every), folder, device)
            except NoCode:
                return seed, "", {"programs", "without code for the device"}
            p.found.add("through moe-run")
    if p.rows and not all(p.rows):
        p.found.add("with an idle expert")
    if not p.reorders:
        p.found.add("the same to the bit")
    why = why and f"({p.form}, {p.types['f32']}) {why}"
    return seed, why, p.found | {"programs", f"in {p.types['f32']}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--every", type=int, default=25, help="run one of so many through moe-run")
    parser.add_argument("--device", default="cpu", help="run one of so many there, and nothing else")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", help="directory for the files of every program")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    counts, failed = collections.Counter(), 0
    seeds = range(options.seed, options.seed + options.programs)
    if options.device != "cpu":
        seeds = [seed for seed in seeds if seed % options.every == 0]
    with tempfile.TemporaryDirectory(prefix="moe-dense-") as top, concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        for seed, why, found in pool.map(functools.partial(work, build, options.keep, top, options.every, options.device), seeds, chunksize=8):
            counts.update(found)
            if why:
                failed += 1
                print(f"FAILED seed {seed}: {why}", flush=True)
                print(f"Again: {sys.executable} {os.path.abspath(__file__)} {build} --device={options.device} --seed={seed} --programs=1 --every={options.every} --keep=DIR", flush=True)
    print("\n".join(f"{count:5} {name}" for name, count in sorted(counts.items())))
    print(f"{counts['programs'] - failed} dense programs agree with their meaning, {failed} do not")
    return 1 if failed or not counts["programs"] else 0


if __name__ == "__main__":
    sys.exit(main())
