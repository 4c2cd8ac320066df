#!/usr/bin/env python3
"""Times the models of a folder raised and not raised, in turns.

    test/Benchmarks/cases.py BUILD [--tokens=256,2048] [--rounds=5] [--threads=1] [--finite] FOLDER ...
    test/Benchmarks/cases.py BUILD [--tokens=256,2048] [--rounds=5] [--threads=1] --ragged

A model is a folder with model.mlir, weights.safetensors and the inputs in.safetensors (keys 0, 1, ...) or in0.npy,
in1.npy, ..., whose rows are repeated up to each number of tokens; FOLDER is one, or holds some. With --finite it is
raised with --assume-finite. Both forms are compiled from the same text, but for the pass moe-raise-dense. A line says
the milliseconds of the shortest run, the ratio, and which share of the work of experts was done. --ragged times ragged products of
3, 8 and 64 groups instead, of which half are empty.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Inputs"))
import moe_run
import ragged
import strict_json

UNITS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}


class Model:
    """Two texts of phase `masked`, one of them without what masks need."""

    def __init__(self, build, path, finite, threads, scratch):
        self.threads = threads
        self.moe_run = os.path.join(build, "bin", "moe-run")
        self.parameters, self.texts = [], []
        weights = path.with_name("weights.safetensors")
        if weights.exists():
            self.parameters = [f"--parameters={weights}"]
        opt = os.path.join(build, "bin", "moe-opt")
        flag = " assume-finite" if finite else ""
        whole = [opt, str(path), f"--moe-lower-to-cpu=to=masked{flag}", "--dump-pass-pipeline"]
        pipeline = subprocess.run(whole, capture_output=True, text=True, check=True).stderr
        pipeline = pipeline[pipeline.index("builtin.module("):pipeline.rindex(")") + 1]
        without = re.sub(r"moe-raise-dense\{[^}]*\},", "", pipeline)
        assert without != pipeline
        for name, passes in (("raised", pipeline), ("dense", without)):
            self.texts.append(os.path.join(scratch, f"{name}.mlir"))
            moe_run.execute([opt, path, f"--pass-pipeline={' '.join(passes.split())}", "-o", self.texts[-1]])
        self.finite = ["--assume-finite"] if finite else []

    def run(self, text, inputs, *flags):
        return moe_run.execute([self.moe_run, text, "--trust-model", "--compile-from=masked", *self.parameters,
                                *self.finite, *[f"--input=@{i}" for i in inputs], "--output=", *flags], timeout=600)

    def milliseconds(self, text, inputs, results):
        out = self.run(text, inputs, *["--output="] * (results - 1), "--benchmark", "--benchmark-format=json",
                       "--warmup=3", "--repetitions=15", f"--threads={self.threads}")
        return min(b["real_time"] * UNITS[b["time_unit"]] for b in strict_json.loads(out)["benchmarks"]
                                 if b["name"].endswith("/steady"))

    def share(self, inputs, results, scratch):
        """Of the work of experts on all tokens; None if there are no experts."""
        stats = os.path.join(scratch, "stats.json")
        self.run(self.texts[0], inputs, *["--output="] * (results - 1), "--stats=json", f"--stats-out={stats}")
        flops = [d["flops"] for d in strict_json.load(stats)["dispatches"]]
        dense = sum(f["dense"] or 0 for f in flops)
        return sum(f["done"] for f in flops) / dense if dense else None


def inputs_of(folder):
    stored = folder / "in.safetensors"
    if stored.exists():
        arrays = moe_run.load_safetensors(stored)
        return [moe_run.plain(arrays[key]) for key in sorted(arrays, key=int)]
    return [np.load(path) for path in sorted(folder.glob("in*.npy"), key=lambda path: int(path.stem[2:]))]


def repeated(arrays, tokens, scratch):
    """Files of inputs with as many rows, those that have the rows of the first one."""
    files, rows = [], len(arrays[0])
    for number, array in enumerate(arrays):
        if array.ndim and len(array) == rows:
            array = np.resize(array, (tokens, *array.shape[1:]))
        files.append(os.path.join(scratch, f"{number}.npy"))
        np.save(files[-1], array)
    return files


def line(name, tokens, model, inputs, results, rounds, scratch):
    times = [[], []]
    for _ in range(rounds):
        for form, text in zip(times, model.texts):
            form.append(model.milliseconds(text, inputs, results))
    # Others that run on the machine make a run longer, never shorter.
    raised, dense = map(min, times)
    share = model.share(inputs, results, scratch)
    print(f"| {name} | {tokens} | {'none' if share is None else f'{share:.2f}'} | {raised:.3f} | {dense:.3f} |"
          f" {raised / dense:.2f} |", flush=True)


def ragged_models(scratch):
    hidden, inner = 128, 256
    for form in ragged.FORMS:
        for groups in (3, 8, 64):
            folder = pathlib.Path(scratch) / f"{form}_{groups}"
            folder.mkdir()
            (folder / "model.mlir").write_text(ragged.model(form, groups, hidden, inner))
            moe_run.save_safetensors(folder / "weights.safetensors", ragged.weights(groups, hidden, inner), align=64)
            yield f"{form}, {groups} groups", folder, groups


def bounds(groups, tokens):
    """Every second group is empty."""
    ends = np.linspace(0, tokens, (groups + 1) // 2 + 1).astype(np.int32)
    end = np.repeat(ends[1:], 2)[:groups]
    return np.concatenate([[0], end[:-1]]).astype(np.int32), end


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    parser.add_argument("--tokens", default="256,2048")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--finite", action="store_true")
    parser.add_argument("--ragged", action="store_true")
    options = parser.parse_intermixed_args()
    print("| model | tokens | share | raised, ms | dense, ms | ratio |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        counts = [int(count) for count in options.tokens.split(",")]
        if options.ragged:
            for name, folder, groups in ragged_models(scratch):
                model = Model(options.build, folder / "model.mlir", True, options.threads, scratch)
                for tokens in counts:
                    x = np.random.default_rng(1).standard_normal((tokens, 128), np.float32)
                    files = []
                    for number, array in enumerate((x, *bounds(groups, tokens))):
                        files.append(os.path.join(scratch, f"{number}.npy"))
                        np.save(files[-1], array)
                    line(name, tokens, model, files, 1, options.rounds, scratch)
        for folder in options.folders:
            for path in sorted(folder.rglob("model.mlir")):
                model = Model(options.build, path, options.finite, options.threads, scratch)
                signature = re.search(r"func\.func(?: public)? @main\(.*?\) -> (.*) \{", path.read_text())[1]
                results = len(re.findall(r"tensor<", signature))
                for tokens in counts:
                    files = repeated(inputs_of(path.parent), tokens, scratch)
                    line(path.parent.name, tokens, model, files, results, options.rounds, scratch)


if __name__ == "__main__":
    main()
