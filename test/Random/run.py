#!/usr/bin/env python3
"""Random programs through moe-run, active and all, against their meaning in NumPy.

    run.py BUILD [--seed N] [--programs N] [--every N] [--device NAME] [--jobs N]
           [--keep DIR] [--reduce SECONDS]

MOE_SEED, MOE_PROGRAMS and MOE_DEVICE are the defaults of --seed, --programs and
--device. Program i has the seed N + i, and depends on nothing else; --every runs
one in so many of them. For one that fails, a command that
runs it again and the smallest program found that still fails are printed.
"""

import argparse
import collections
import concurrent.futures
import copy
import functools
import json
import os
import re
import sys
import tempfile
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import generate
import meaning
import strict_json
import text
from many import Runner
from moe_run import load_safetensors, plain, save_safetensors

# Relative to the largest finite value of the result. The weights of a routing are f32.
TOLERANCE = {"f64": 2e-5, "f32": 2e-5, "f16": 5e-3, "bf16": 4e-2}


def difference(got, want, tolerance):
    """How two results differ, or nothing."""
    got = plain(got)
    if got.shape != want.shape:
        return f"shape {got.shape}, expected {want.shape}"
    if got.dtype.kind in "ib":
        return "" if np.array_equal(got, want) else f"{int((got != want).sum())} of {want.size} differ"
    with np.errstate(all="ignore"):
        for what in (np.isnan, np.isposinf, np.isneginf):
            if not np.array_equal(what(got), what(want)):
                return f"{what.__name__} in {int(what(got).sum())} places, expected {int(what(want).sum())}"
        finite = np.isfinite(want)
        if not finite.any():
            return ""
        away = np.abs(got[finite].astype(np.float64) - want[finite]).max()
        limit = tolerance * max(1.0, np.abs(want[finite]).max())
    return f"differs by {away:.3g}, allowed are {limit:.3g}" if away > limit else ""


def prepare(program, folder):
    """Writes the files of a program; its expected results, routing and command."""
    tensors = generate.tensors_of(program)
    results, routing = meaning.evaluate(program, tensors)
    model, inputs = text.model(program, list(results))
    with open(os.path.join(folder, "model.mlir"), "w") as f:
        f.write(model)
    with open(os.path.join(folder, "program.json"), "w") as f:
        json.dump(program, f, indent=1)
    save_safetensors(os.path.join(folder, "inputs.safetensors"), {name: tensors[name] for name in inputs})
    used = generate.used_tensors(program)
    weights = {single: tensors[single] for name, tensor in program["tensors"].items()
               if name in used and tensor["source"] in ("global", "parameters")
               for single in generate.instances(name, tensor)}
    command = ["model.mlir", *[f"--input=@inputs.safetensors[{name}]" for name in inputs]]
    if weights:
        save_safetensors(os.path.join(folder, "weights.safetensors"), weights)
        command.append("--parameters=weights.safetensors")
    if program["trusted"]:
        command.append("--trust-model")  # no checks of accesses
    return results, routing, command


class Unsupported(ValueError):
    """A device has no code for an operation, and says so by its name."""


RUNNERS = {}


def runner_of(build, threads):
    """One process for each number of threads, as long as this one lives."""
    if threads not in RUNNERS:
        RUNNERS[threads] = Runner(build, threads, limit=120)
    return RUNNERS[threads]


def check(program, build, device, folder):
    """What is wrong with a program, or nothing; and its routing."""
    results, routing, command = prepare(program, folder)
    runner = runner_of(build, program["threads"])
    command += [f"--device={device}", program["opt_level"], "--benchmark-out=/dev/null", "--repetitions=1"]
    stats = os.path.join(folder, "stats.json")
    for form in ("active", "all"):
        output = os.path.join(folder, f"{form}.safetensors")
        flags = [f"--experts={form}", *[f"--output=@{output}[{name}]" for name in results]]
        if form == "active":
            flags.append(f"--stats-out={stats}")
        end = runner.run(folder, [*command, *flags])
        if device != "cpu" and re.search(r"'math\.\w+' of 'f64' has no code for a GPU$", end.message):
            raise Unsupported(end.message)
        if end.fault() or end.code:
            return f"--experts={form}: {end.fault() or end.message}", routing
        got = load_safetensors(output)
        for name, want in results.items():
            narrow = program["second_element"] if name == "y_second" else program["element"]
            why = difference(got[name], want, TOLERANCE.get(narrow, 0))
            if why:
                return f"--experts={form}: result {name} {why}", routing
    return counted(program, routing, stats), routing


def counted(program, routing, stats):
    """Whether the statistics say what was routed."""
    dispatches = strict_json.load(stats)["dispatches"]
    outer = dispatches[0] if dispatches else {"runs": 0}
    if not outer["runs"] or program["around"] == "grow":  # then each round has its own routing
        return ""
    want = (meaning.dialect.counts(routing) * outer["runs"]).tolist()
    if outer["tokens_per_expert"] != want:
        return f"tokens_per_expert {outer['tokens_per_expert']}, expected {want}"
    evaluated = sum(c > 0 for c in want)
    if outer["evaluated"] != evaluated:
        return f"evaluated {outer['evaluated']}, expected {evaluated}"
    return ""


# A program that fails is made smaller as long as it fails.

def smaller(program):
    """Simpler programs, the boldest first."""
    def changed(**values):
        return {**copy.deepcopy(program), **values}

    for key, plain_value in (("around", None), ("gate_inside", False), ("into", False), ("unweighted", True), ("packed", False),
                             ("rows", None), ("values", "plain"), ("element", "f32"), ("readers", ["mask"]), ("static", False), ("threads", 1)):
        if program[key] != plain_value:
            yield narrowed(changed(**{key: plain_value}))
    for key, unwanted in (("takes_weights", "weigh"), ("second", "second"), ("inner", "nested")):
        if program[key]:
            simpler = changed(**{key: False if key == "takes_weights" else None})
            for body in simpler["bodies"]:
                body["ops"] = [op for op in body["ops"] if op["op"] != unwanted]
            yield simpler
    for key in ("bias", "weights", "normalize", "epsilon", "scale", "capacity", "capacity_factor", "groups"):
        if program["router"].get(key):
            simpler = changed()
            if program["router"]["kind"] == "gate":
                del simpler["router"][key]
            else:
                simpler["router"][key] = None
            if key == "normalize":
                simpler["router"].pop("epsilon", None)
            yield simpler
    for fewer in {0, 1, program["tokens"] // 2, program["tokens"] - 1}:
        if 0 <= fewer < program["tokens"]:
            yield changed(tokens=fewer)
    yield from with_fewer_operations(program)


def narrowed(program):
    """The element type of the program is that of its matrices."""
    if program["element"] == "f32" and program["around"] != "grow":
        for tensor in program["tensors"].values():
            tensor["element"] = "f32"
    return program


def with_fewer_operations(program):
    for number, body in enumerate(program["bodies"]):
        if len(program["bodies"]) > 1 and body["ops"]:
            simpler = copy.deepcopy(program)
            simpler["bodies"][number]["ops"] = []
            yield simpler
        width = program["width"]
        for at, op in enumerate(body["ops"]):
            if op["width"] == width:
                simpler = copy.deepcopy(program)
                del simpler["bodies"][number]["ops"][at]
                yield simpler
            if op.get("bias"):
                simpler = copy.deepcopy(program)
                simpler["bodies"][number]["ops"][at].pop("bias")
                yield simpler
            width = op["width"]


def reduce(program, build, device, why, seconds):
    """The smallest program found in that time for which the same is wrong."""
    def kind(message):
        return message.split(":")[0] + message.split(":")[1][:12] if ":" in message else message[:12]

    end = time.monotonic() + seconds
    reduced = True
    while reduced and time.monotonic() < end:
        reduced = False
        for candidate in smaller(program):
            if time.monotonic() > end:
                break
            with tempfile.TemporaryDirectory(prefix="moe-random-") as folder:
                try:
                    new, _ = check(candidate, build, device, folder)
                except (KeyError, IndexError, ValueError):
                    continue  # what was dropped is needed
            if new and kind(new) == kind(why):
                program, why, reduced = candidate, new, True
                break
    return program, why


def features(program, routing):
    """What to count of a program."""
    found = {"programs"}
    idle = routing.experts - len(set(routing.expert.tolist()))
    if idle:
        found.add("with an idle expert")
    if program["router"].get("top_k") == 0 or program["router"].get("columns") == 0:
        found.add("with k = 0")
    scores = program["router"].get("scores", {}).get("special")
    if program["values"] == "nan" or scores == "nan" or np.isnan(routing.weight).any():
        found.add("with NaN")
    if program["values"] == "inf" or scores in ("inf", "minus_inf", "all_minus_inf"):
        found.add("with infinity")
    if not program["tokens"]:
        found.add("without tokens")
    found.add("with like experts" if program["alike"] else "with unlike experts")
    operations = {op["op"] for op in generate.operations(program["bodies"])}
    inner = [op for body in program["bodies"] for op in body["ops"] if op["op"] == "nested"]
    if inner:
        found.add("nested")
    if any(op["op"] == "nested" for op in generate.operations([body for outer in inner for body in outer["bodies"]])):
        found.add("nested twice")
    if operations & {"loop", "branch", "switch", "settle"}:
        found.add("with control flow in experts")
    if operations & {"centre", "settle"}:
        found.add("with experts that are not row-wise")
    if program["around"]:
        found.add(f"in scf.{program['around']}")
    if program["threads"] > 1:
        found.add("with threads")
    found.add(f"in {program['element']}")
    return found


def work(build, device, keep, top, seed):
    program = generate.draw(seed)
    with tempfile.TemporaryDirectory(prefix="moe-random-", dir=top) as folder:
        if keep:
            folder = os.path.join(keep, str(seed))
            os.makedirs(folder, exist_ok=True)
        try:
            why, routing = check(program, build, device, folder)
        except Unsupported:
            return seed, "", {"programs", "without code for the device"}
    return seed, why, features(program, routing)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("MOE_SEED", 1)))
    parser.add_argument("--programs", type=int, default=int(os.environ.get("MOE_PROGRAMS", 250)))
    parser.add_argument("--every", type=int, default=1, help="run one of so many programs")
    parser.add_argument("--device", default=os.environ.get("MOE_DEVICE", "cpu"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", help="directory for the files of every program")
    parser.add_argument("--reduce", type=float, default=60, metavar="SECONDS", help="time to make a program that fails smaller; 0 to leave it")
    options = parser.parse_args()
    build = os.path.abspath(options.build)

    counts, failed = collections.Counter(), []
    seeds = range(options.seed, options.seed + options.programs, options.every)
    with tempfile.TemporaryDirectory(prefix="moe-random-") as top, concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        run = functools.partial(work, build, options.device, options.keep, top)
        for seed, why, found in pool.map(run, seeds, chunksize=4):
            counts.update(found)
            if why:
                failed.append((seed, why))
                print(f"FAILED seed {seed}: {why[:400]}", flush=True)
    for seed, why in failed[:3]:
        print(f"\nAgain: {sys.executable} {os.path.abspath(__file__)} {build} --device={options.device} --seed={seed} --programs=1 --keep=DIR")
        if not options.reduce:
            continue
        program, why = reduce(generate.draw(seed), build, options.device, why, options.reduce)
        with tempfile.TemporaryDirectory(prefix="moe-random-") as folder:
            _, _, command = prepare(program, folder)
            with open(os.path.join(folder, "model.mlir")) as f:
                print(f"The smallest program found that fails ({why}):\n{f.read()}\n  OMP_NUM_THREADS={program['threads']} moe-run {' '.join(command)} {program['opt_level']} --device={options.device}")
    print("\n".join(f"{count:5} {name}" for name, count in sorted(counts.items())))
    print(f"{counts['programs'] - len(failed)} programs agree with their meaning, {len(failed)} do not")
    return 1 if failed or not counts["programs"] else 0


if __name__ == "__main__":
    sys.exit(main())
