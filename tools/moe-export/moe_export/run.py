"""Runs an exported model."""

import json
import os
import re
import shutil
import subprocess
import tempfile

import numpy as np

from .errors import RunError
from .weights import load_safetensors, save_safetensors


def run(folder, *inputs, assume_finite=False, stats=False, options=()):
    """Runs a model on arrays: its result, or a tuple of its results if there are several.

    moe-run is the program that the environment variable MOE_RUN names, else the one on PATH.

    assume_finite: experts may stay uncomputed where a mask multiplies by zero; exact if their values are finite.
    stats: return (result, statistics) instead, the statistics as `moe-run --stats=json` gives them.
    options: more options for moe-run.
    """
    program = _find()
    results = re.findall(r"^  result (\d+): ", _call([program, "--describe", folder]), re.M)
    with tempfile.TemporaryDirectory() as scratch:
        given = os.path.join(scratch, "inputs.safetensors")
        save_safetensors(given, {str(n): np.asarray(array) for n, array in enumerate(inputs)})
        made = os.path.join(scratch, "results.safetensors")
        counted = os.path.join(scratch, "stats.json")
        command = [program, folder]
        command += [f"--input=@{given}[{n}]" for n in range(len(inputs))]
        command += [f"--output=@{made}[{n}]" for n in results]
        if assume_finite:
            command.append("--assume-finite")
        if stats:
            command += ["--stats=json", f"--stats-out={counted}"]
        _call([*command, *options])
        tensors = load_safetensors(made) if results else {}
        values = tuple(tensors[n] for n in results)
        value = values[0] if len(values) == 1 else values
        if not stats:
            return value
        with open(counted) as file:
            return value, json.load(file)


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
    return done.stdout
