#!/usr/bin/env python3
"""Models of the examples and tests, changed at random, through moe-run.

    mutants.py BUILD [--seed N] [--mutants N] [--jobs N] [--keep DIR] [--reduce SECONDS]
               [--timeout SECONDS]

Mutant i has the seed N + i, and depends on nothing but that and the models. Each is
run on small inputs, active and all, twice in the same process. Right ends are: both
forms give the same results; both are refused with the same exit code and one line; a
limit is reached while the model runs. --keep writes those that end otherwise, by
--reduce smaller.
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
import time

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mutate
from many import Runner, opt_level
from meaning import dialect  # noqa: F401: finds moe_run
from moe_run import BF16, DTYPES, load_safetensors, plain, save_safetensors

FLOATS = {"f32": np.float32, "f64": np.float64, "f16": np.float16}
LIMITS = ["--max-memory=268435456"]
LONGEST = 15  # seconds of the processor for a model that does not run for so long
LARGEST = 1 << 16  # elements of an input with values of their own


def shape_of(described, size):
    """The shape and element of "?x8xf32"."""
    *sizes, element = described.split("x") if re.match(r"(\?|\d+)x", described) else [described]
    return [size() if s == "?" else int(s) for s in sizes], element


def input_spec(described, rng, size):
    shape, element = shape_of(described, size)
    kind = "x".join([*map(str, shape), element])
    count = int(np.prod([min(s, 1 << 20) for s in shape]))
    if element[0] in "fb":
        return f"{kind}=random(seed={int(rng.integers(99))})"
    if count == 0 or count > LARGEST:
        return f"{kind}=" + ("" if count == 0 else "1")
    return f"{kind}=" + " ".join(map(str, rng.integers(0, 2 if element == "i1" else 4, count)))


def weights(described, rng):
    """Tensors for the lines about parameters, as far as they are of ordinary types."""
    found = {}
    for line in described.splitlines():
        one = re.match(r"parameter (\S+): (\S+)$", line)
        many = re.match(r"parameters (\S+) \[([\d, ]*)\]: (\S+)$", line)
        if one:
            names, kind = [one[1]], one[2]
        elif many:
            counts = [int(n) for n in many[2].split(",")]
            if np.prod(counts) > 2000:
                continue
            names = [re.sub(r"\{(\d+)\}", lambda m: str(at[int(m[1])]), many[1]) for at in np.ndindex(*counts)]
            kind = many[3]
        else:
            continue
        shape, element = shape_of(kind, lambda: 0)
        if np.prod(shape, dtype=float) * len(names) > LARGEST:
            continue
        for name in names:
            values = rng.normal(0, 0.5, shape)
            if element == "bf16":
                found[name] = BF16(values)
            elif element in FLOATS:
                found[name] = np.asarray(values, FLOATS[element])
            elif element.upper() in DTYPES:
                found[name] = np.asarray(rng.integers(0, 4, shape), DTYPES[element.upper()])
    return found


def tolerance(text):
    return 6e-2 if re.search(r"bf16|f8E", text) else 2e-2 if re.search(r"\bf16|xf16", text) else 1e-3


def difference(one, other, allowed):
    """How the results of both forms differ, or nothing."""
    for name in one:
        a, b = plain(one[name]), plain(other[name])
        if a.shape != b.shape:
            return f"{name} has shapes {a.shape} and {b.shape}"
        if a.dtype == np.uint8 and allowed > 1e-2:  # f8, to the next
            if (np.abs(a.astype(int) - b) > 1).any():
                return f"{name} differs by more than a bit"
            continue
        if a.dtype.kind in "biu":
            if not np.array_equal(a, b):
                return f"{name} differs in {int((a != b).sum())} of {a.size} numbers"
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        with np.errstate(all="ignore"):
            if not np.array_equal(np.isnan(a), np.isnan(b)):
                return f"{name} is NaN in {int(np.isnan(a).sum())} and {int(np.isnan(b).sum())} places"
            finite = np.isfinite(a) & np.isfinite(b)
            if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
                return f"{name} is infinite in other places"
            if finite.any():
                away, limit = np.abs(a - b)[finite].max(), allowed * max(1e-3, np.abs(a[finite]).max())
                if away > limit:
                    return f"{name} differs by {away:.3g}, allowed are {limit:.3g}"
    return ""


class Trial:
    """Runs one model in both forms; what is wrong with it, and how it ended."""

    def __init__(self, runner, folder, timeout):
        self.runner, self.folder = runner, folder
        self.limits = [*LIMITS, f"--timeout={timeout}"]

    def __call__(self, text, seed):
        rng = np.random.default_rng([seed, 1])
        with open(os.path.join(self.folder, "model.mlir"), "w") as f:
            f.write(text)
        described = self.runner.run(self.folder, ["model.mlir", "--describe", *self.limits])
        fault = self.fault(described, text)
        if fault or described.code:
            return fault and f"--describe: {fault}", "refused on import"
        functions = re.split(r"^function (.*)$", described.printed, flags=re.M)
        names, bodies = functions[1::2], functions[2::2]
        if not names:
            return "", "without functions"
        parameters = weights(described.printed, rng)
        if parameters:
            save_safetensors(os.path.join(self.folder, "weights.safetensors"), parameters)
        at = int(rng.integers(min(3, len(names))))
        sizes = [0, 1, 2, 3, 3, 5, 9]
        common, uneven = int(rng.choice(sizes)), rng.random() < 0.2
        inputs = [input_spec(kind, rng, lambda: int(rng.choice(sizes)) if uneven else common)
                  for kind in re.findall(r"^  input \d+: (\S+)$", bodies[at], re.M)]
        results = re.findall(r"^  result \d+: (\S+)$", bodies[at], re.M)
        common = ["model.mlir", f"--function={names[at]}", opt_level(seed), *self.limits, "--benchmark-out=/dev/null", "--repetitions=1",
                  *[f"--input={spec}" for spec in inputs], *(["--parameters=weights.safetensors"] if parameters else [])]
        self.command = common
        return self.both(common, len(results), text)

    def both(self, command, results, text):
        ends = []
        for form in ("active", "all"):
            outputs = [f"--output=@{form}.safetensors[{i}]" for i in range(results)]
            ends.append(self.runner.run(self.folder, [*command, f"--experts={form}", *outputs]))
            fault = self.fault(ends[-1], text)
            if fault:
                return f"--experts={form}: {fault}", "faults"
        active, dense = ends
        if 4 in (active.code, dense.code):
            return "", "limits"
        if active.code != dense.code:
            return (f"forms end with different codes: active with {active.code} {active.message!r}, all with {dense.code} "
                    f"{dense.message!r}"), "faults"
        if active.code:
            return "", "refused later"
        if not results:
            return "", "equal"
        files = [load_safetensors(os.path.join(self.folder, f"{form}.safetensors")) for form in ("active", "all")]
        why = difference(*files, tolerance(text))
        return why and f"forms differ: {why}", "equal"

    def fault(self, end, text):
        # What a state is for.
        if "of a further run" in end.message and re.search(r"^ml_program.global.* mutable ", text, re.M):
            return ""
        if end.seconds > LONGEST and not (end.code == 4 and "still running" in end.message + end.printed):
            return f"takes {end.seconds:.0f} s: {end.message}"
        return end.fault(text)


def signature(why):
    """What faults of one kind have in common."""
    why = re.sub(r"'[^']*'|\"[^\"]*\"|model\.mlir:\d+:\d+|0x[0-9a-f]+|[\d.]+(e[+-]\d+)?|\?|<[^<>]*>", "#", why)
    return why[:160]


def reduce(trial, text, seed, why, seconds):
    """The smallest text found in that time with a fault of the same kind."""
    end, lines = time.monotonic() + seconds, text.splitlines()
    kind, size = signature(why), max(1, len(lines) // 2)
    while size and time.monotonic() < end:
        at, smaller = 0, False
        while at < len(lines) and time.monotonic() < end:
            candidate = lines[:at] + lines[at + size:]
            new, _ = trial("\n".join(candidate) + "\n", seed)
            if new and signature(new) == kind:
                lines, smaller = candidate, True
            else:
                at += size
        if not smaller or size > 1:
            size //= 2
    return "\n".join(lines) + "\n"


BASES, TRIALS = [], {}


def trial_of(build, threads, timeout, top):
    """One process for each number of threads, as long as this one lives."""
    if threads not in TRIALS:
        TRIALS[threads] = Trial(Runner(build, threads, limit=2 * timeout + 10), tempfile.mkdtemp(dir=top), timeout)
    return TRIALS[threads]


def work(build, timeout, keep, seconds, top, seed):
    if not BASES:
        BASES.extend(mutate.sources())
    name, text, done = mutate.mutant(seed, BASES)
    trial = trial_of(build, 1 + 2 * (seed % 2), timeout, top)
    trial.command = []
    why, how = trial(text, seed)
    if why and keep:
        if seconds:
            text = reduce(trial, text, seed, why, seconds)
            why = trial(text, seed)[0] or why
        with open(os.path.join(keep, f"{seed}.mlir"), "w") as f:
            f.write(f"// {why}\n// {name} {' '.join(done)}\n// moe-run {json.dumps(trial.command)}\n{text}")
    return seed, name, done, why, how


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("MOE_SEED", 1)))
    parser.add_argument("--mutants", type=int, default=int(os.environ.get("MOE_PROGRAMS", 500)))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--keep", help="directory for the mutants that fail")
    parser.add_argument("--reduce", type=float, default=0, metavar="SECONDS", help="time to make one that fails smaller")
    parser.add_argument("--timeout", type=float, default=60, help="seconds of a run")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
    ends, faults = collections.Counter(), {}
    with tempfile.TemporaryDirectory(prefix="moe-mutants-") as top, concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        run = functools.partial(work, build, options.timeout, options.keep, options.reduce, top)
        for seed, name, done, why, how in pool.map(run, range(options.seed, options.seed + options.mutants), chunksize=8):
            ends["mutants"] += 1
            ends["with a fault" if why else how] += 1
            if why:
                faults.setdefault(signature(why), []).append(seed)
                if len(faults[signature(why)]) <= 2:
                    print(f"FAILED seed {seed} of {name} ({', '.join(done)}): {why[:500]}", flush=True)
    print("\n".join(f"{count:6} {how}" for how, count in sorted(ends.items())))
    for kind, seeds in sorted(faults.items(), key=lambda item: -len(item[1])):
        print(f"{len(seeds):6} times, such as seed {seeds[0]}: {kind}")
    print(f"{ends['mutants'] - ends['with a fault']} mutants end well, {ends['with a fault']} do not")
    return 1 if faults or not ends["mutants"] else 0


if __name__ == "__main__":
    sys.exit(main())
