"""Runs an exported model."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

from .errors import RunError
from .structure import build, paths_of, select
from .weights import load_safetensors, save_safetensors


def run(folder, *inputs, assume_finite=False, stats=False, options=()):
    """Runs a model on arrays: its result, or a tuple of its results if there are several.

    Where inputs have names, they may be given as the structure that the model was exported with: a dictionary.
    Results with names come as such a structure.

    moe-run is the program that the environment variable MOE_RUN names, else the one on PATH. What it remarks,
    such as what of the model is computed for all rows and why, goes to sys.stderr.

    assume_finite: experts may stay uncomputed where a mask multiplies by zero; exact if their values are finite.
    stats: return (result, statistics) instead, the statistics as `moe-run --stats=json` gives them.
    options: more options for moe-run.
    """
    program = _find()
    described = _call([program, "--describe", folder])
    arrays = _in_order(_names(described, "input"), inputs)
    names = _names(described, "result")
    with tempfile.TemporaryDirectory() as scratch:
        given = os.path.join(scratch, "inputs.safetensors")
        save_safetensors(given, {str(n): np.asarray(array) for n, (_, array) in enumerate(arrays)})
        made = os.path.join(scratch, "results.safetensors")
        counted = os.path.join(scratch, "stats.json")
        command = [program, folder]
        command += [f"--input={name}@{given}[{n}]" for n, (name, _) in enumerate(arrays)]
        command += [f"--output={_prefix(name)}@{made}[{n}]" for n, name in enumerate(names)]
        if assume_finite:
            command.append("--assume-finite")
        if stats:
            command += ["--stats=json", f"--stats-out={counted}"]
        _call([*command, *options])
        tensors = load_safetensors(made) if names else {}
        value = _structured(names, [tensors[str(n)] for n in range(len(names))])
        if not stats:
            return value
        with open(counted) as file:
            return value, json.load(file)


def _names(described, kind):
    """The names of the inputs or results of `main`, empty where one has none, as --describe prints them."""
    functions = re.split(r"^function ", described, flags=re.M)[1:]
    main = next((text for text in functions if text.startswith("main\n")), "")
    return re.findall(rf"^  {kind} \d+(?: '(.*)')?: [\w?]+$", main, re.M)


def _prefix(name):
    return f"{name}=" if name else ""


def _in_order(names, inputs):
    """(prefix, array) of what is given: by name if it has the structure of the names, else by position."""
    if any(names):
        paths = paths_of(names)
        for structure in (*inputs[: len(inputs) == 1], inputs):
            found = select(structure, paths)
            if found is not None:
                return [(_prefix(name), array) for name, array in zip(names, found)]
        for structure in inputs:
            if isinstance(structure, dict):
                raise RunError(f"the model takes {', '.join(names)}; got {', '.join(map(str, structure))}")
    return [("", array) for array in inputs]


def _structured(names, values):
    if any(names):
        made = build(paths_of(names), values)
        return tuple(made) if isinstance(made, list) else made
    return values[0] if len(values) == 1 else tuple(values)


def _find():
    program = os.environ.get("MOE_RUN") or shutil.which("moe-run")
    if not program:
        raise RunError("moe-run is not on PATH; set MOE_RUN to the program")
    return program


def _call(command):
    try:
        done = subprocess.run([os.fspath(part) for part in command], capture_output=True, text=True)
    except OSError as problem:
        raise RunError(f"{command[0]}: {problem.strerror}") from None
    if done.returncode:
        raise RunError(done.stderr.strip() or f"{command[0]} ended with status {done.returncode}")
    sys.stderr.write(done.stderr)
    return done.stdout
