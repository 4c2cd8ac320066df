"""Runs moe-run and reads and writes its files, for tests written in Python.

NumPy has no bf16: such a tensor is a float32 array whose values bf16 can hold,
wrapped as `BF16`.
"""

import argparse
import json
import os
import struct
import subprocess
import tempfile

import numpy as np
import strict_json
from internal_words import WORDS

DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32,
          "I16": np.int16, "I8": np.int8, "U8": np.uint8, "U16": np.uint16, "U32": np.uint32, "U64": np.uint64, "BOOL": np.bool_}
NAMES = {np.dtype(d): n for n, d in DTYPES.items()}


class BF16:
    """A bf16 tensor, as float32 values."""

    def __init__(self, values):
        self.values = to_bf16(values)
        self.shape = self.values.shape


def to_bf16(values):
    """Rounded to the nearest bf16, ties to even; float32."""
    with np.errstate(all="ignore"):
        values = np.asarray(values, np.float32)
    bits = np.atleast_1d(values).view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16).astype(np.uint32).view(np.float32)
    return np.where(np.isnan(values), np.float32(np.nan), rounded.reshape(values.shape)).astype(np.float32)


def plain(tensor):
    """The values of a tensor as an ordinary array."""
    return tensor.values if isinstance(tensor, BF16) else tensor


def _encoded(tensor):
    if isinstance(tensor, BF16):
        return "BF16", (np.ascontiguousarray(tensor.values).view(np.uint32) >> 16).astype("<u2").tobytes()
    return NAMES[tensor.dtype], np.ascontiguousarray(tensor).tobytes()


def save_safetensors(path, tensors, align=8):
    """Writes tensors; the header is padded so that the data begin at a multiple of align."""
    header, data = {}, []
    offset = 0
    for name, tensor in tensors.items():
        dtype, raw = _encoded(tensor)
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [offset, offset + len(raw)]}
        offset += len(raw)
        data.append(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % align)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def load_safetensors(path):
    with open(path, "rb") as f:
        raw = f.read()
    size, = struct.unpack_from("<Q", raw)
    tensors = {}
    for name, entry in strict_json.loads(raw[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        part = raw[8 + size + begin:8 + size + end]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(part, "<u2").astype(np.uint32) << 16).view(np.float32)
            tensors[name] = BF16(values.reshape(entry["shape"]))
        else:
            # NumPy has no f8: its bits.
            tensors[name] = np.frombuffer(part, DTYPES.get(entry["dtype"], np.uint8)).reshape(entry["shape"])
    return tensors


class Failed(Exception):
    """moe-run ended with another status than 0."""


# Where a machine is lent for minutes, a program that hangs costs this much, and once.
LONGEST = os.environ.get("MOE_TEST_TIMEOUT")


def execute(command, timeout=300, **options):
    """Runs a command; its standard output, or Failed with what it said. With
    MOE_TEST_TIMEOUT, seconds, a command that takes longer ends the test."""
    command = [str(c) for c in command]
    timeout = float(LONGEST) if LONGEST else timeout
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, **options)
    except subprocess.TimeoutExpired:
        if LONGEST:
            raise SystemExit(f"HANG: no end after {timeout:g} s: {' '.join(command)}") from None
        raise Failed(f"more than {timeout} s: {' '.join(command)}") from None
    inside = [word for word in [*WORDS, "<unknown>"] if word in done.stderr]
    assert not inside, f"{inside} in {done.stderr}"
    if done.returncode:
        raise Failed(f"exit {done.returncode}: {done.stderr.strip()[-1000:]}\n  {' '.join(command)}")
    return done.stdout


# Of moe-run, for all that a test runs, such as --gpu-kernels=mma.
MORE_FLAGS = os.environ.get("MOE_TEST_FLAGS", "").split()


def run(build, model, inputs, results, scratch, parameters=None, flags=(), prefix=(), **options):
    """Results as arrays, and the statistics."""
    outputs = [os.path.join(scratch, f"result{i}.npy") for i in range(results)]
    stats = os.path.join(scratch, "stats.json")
    for path in (*outputs, stats):
        if os.path.exists(path):
            os.remove(path)
    command = [*prefix, os.path.join(build, "bin", "moe-run"), model, *[f"--input=@{i}" for i in inputs],
               *[f"--output=@{o}" for o in outputs], "--stats=json", f"--stats-out={stats}", *MORE_FLAGS, *flags]
    if parameters:
        command.append(f"--parameters={parameters}")
    execute(command, **options)
    return [np.load(o) for o in outputs], strict_json.load(stats)


class Checks:
    """Checks of small programs, counted and reported. The command line of such a test is
    BUILD [--device=NAME]."""

    def __init__(self, usage):
        parser = argparse.ArgumentParser(usage=usage)
        parser.add_argument("build")
        parser.add_argument("--device", default="cpu")
        self.options = parser.parse_args()
        self.passed = self.failed = 0

    def evaluate(self, text, inputs, results=1, flags=()):
        """Results of the program of that text for these arrays; Failed as run() says."""
        with tempfile.TemporaryDirectory(prefix="moe-checks-") as folder:
            model = os.path.join(folder, "model.mlir")
            with open(model, "w") as f:
                f.write(text)
            paths = [os.path.join(folder, f"input{i}.npy") for i in range(len(inputs))]
            for path, value in zip(paths, inputs):
                np.save(path, np.array(value, order="C"))
            # Most of the time would be LLVM's, which is not what these checks are about.
            flags = [f"--device={self.options.device}", "--opt-level=0", *flags]
            return run(self.options.build, model, paths, results, folder, flags=flags)[0]

    def check(self, name, why):
        """Counts a check that failed if there is a reason, which is printed."""
        self.passed += not why
        self.failed += bool(why)
        if why:
            print(f"FAIL {name}: {why}")

    def compare(self, name, wanted, text, inputs, flags=(), **tolerances):
        """Whether the results are those, within numpy.allclose's tolerances."""
        try:
            got = self.evaluate(text, inputs, len(wanted), flags)
        except Failed as failed:
            return self.check(name, str(failed))
        away = next((f"{a.tolist()}, not {b.tolist()}" for a, b in zip(got, wanted)
                     if a.shape != b.shape or not np.allclose(a, b, equal_nan=True, **tolerances)), "")
        self.check(name, away[:2000])

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        raise SystemExit(bool(self.failed) or not self.passed)
