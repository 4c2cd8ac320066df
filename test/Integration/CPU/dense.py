# RUN: %python %s %moe_build
"""Dense-masked graphs as frameworks export them, against the frameworks' values.

    dense.py BUILD [--device=NAME] [--cases=NAME,...]

Each case says which experts are raised, with how many rows each, and whether that needs
--assume-finite. NaN in the weights of experts that are not chosen changes nothing, where
each expert has weights of its own.
"""

import argparse
import glob
import json
import os
import re
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("build")
parser.add_argument("--device", default="cpu")
parser.add_argument("--cases", default="")
OPTIONS = parser.parse_args()
SCRATCH = tempfile.mkdtemp(prefix="moe-dense-")
checks, failures = 0, []


def report(what, why):
    global checks
    checks += 1
    if why:
        failures.append(f"{what}: {why}")


def numbered(folder, name):
    files = [f for f in glob.glob(os.path.join(folder, f"{name}*.npy")) if re.fullmatch(rf"{name}\d+\.npy", os.path.basename(f))]
    return sorted(files, key=lambda f: int(re.findall(r"\d+", os.path.basename(f))[0]))


def evaluate(model, arguments, results, rows, flags):
    """Nothing if results and rows are as they should be."""
    try:
        got, stats = moe_run.run(OPTIONS.build, model, arguments, len(results), SCRATCH,
                                 flags=[f"--device={OPTIONS.device}", *flags])
    except moe_run.Failed as failed:
        return str(failed)
    for value, file in zip(got, results):
        want = np.load(file)
        if value.dtype != want.dtype or not np.allclose(value, want, rtol=1e-5, atol=1e-5):
            return f"differs from {os.path.basename(file)}"
    did = sorted(n for d in stats["dispatches"] for n in d["tokens_per_expert"])
    return "" if did == sorted(rows) else f"rows per expert {did}, not {sorted(rows)}"


def spoil(arguments, expect, active):
    """The arguments with NaN in the weights of experts without rows."""
    spoiled, changed = list(arguments), False
    for expert, own in enumerate(expect.get("expert_arguments", [])):
        if expert in active or expert not in expect["raised_experts"]:
            continue
        for number in own:
            values = np.load(arguments[number])
            path = os.path.join(SCRATCH, f"nan{number}.npy")
            np.save(path, np.full_like(values, np.nan))
            spoiled[number], changed = path, True
    for number, axis in expect.get("stacked_arguments", {}).items():
        values = np.load(arguments[int(number)])
        idle = [e for e in range(expect["experts"]) if e not in active]
        if idle:
            np.moveaxis(values, axis, 0)[idle] = np.nan
            path = os.path.join(SCRATCH, f"nan{number}.npy")
            np.save(path, values)
            spoiled[int(number)], changed = path, True
    return spoiled if changed else None


def check_case(folder):
    name = os.path.basename(folder)
    with open(os.path.join(folder, "expect.json")) as f:
        expect = json.load(f)
    arguments, results = numbered(folder, "arg"), numbered(folder, "result")
    raised = expect["raised_experts"]
    finite = ["--assume-finite"] if expect["mask"] in ("multiply", "input") else []
    for form in sorted(glob.glob(os.path.join(folder, "model*.mlir"))):
        what = f"{name}/{os.path.basename(form)}"
        constants = "constants" in form
        given = arguments[:1] if constants else arguments
        rows = [expect["expert_rows"][e] for e in raised]
        report(what, evaluate(form, given, results, rows, finite))
        if finite:
            report(f"{what} without --assume-finite", evaluate(form, given, results, [], []))
        spoiled = None if constants or not raised else spoil(arguments, expect, expect["active_experts"])
        if spoiled:
            report(f"{what} with NaN", evaluate(form, spoiled, results, rows, finite))
        for other in expect["also"]:
            if other["dynamic_only"] and "dynamic" not in form:
                continue
            others = list(arguments)
            for number, file in other["arguments"].items():
                others[int(number)] = os.path.join(folder, file)
            rows = [other["expert_rows"][e] for e in raised]
            report(f"{what} {other['label']}",
                   evaluate(form, others[:1] if constants else others,
                            [os.path.join(folder, r) for r in other["results"]], rows, finite))


folders = sorted(glob.glob(os.path.join(HERE, "Inputs", "dense", "*")))
if OPTIONS.cases:
    folders = [f for f in folders if os.path.basename(f) in OPTIONS.cases.split(",")]
for folder in folders:
    check_case(folder)
for failure in failures:
    print(failure)
print(f"{checks - len(failures)} passed, {len(failures)} failed")
sys.exit(bool(failures) or checks < 3)
