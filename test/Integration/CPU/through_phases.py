# RUN: %python %s %moe_build
"""Stopping after any phase and going on from the text loses nothing: each example gives the
same bits, and as many functions of experts are compiled.

    through_phases.py BUILD [--device=NAME]
"""

import glob
import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
EXAMPLES = os.path.join(SOURCE, "docs", "examples")
sys.path.insert(0, os.path.join(SOURCE, "test", "Inputs"))
import moe_run

CHECKS = moe_run.Checks(__doc__)
SCRATCH = tempfile.mkdtemp(prefix="moe-through-phases-")
PHASES = ["import", "masked", "routed", "grouped", "regions", "tiled", "buffers", "machine"]
DEVICE = f"--device={CHECKS.options.device}"


def golden(folder, file):
    return os.path.join(HERE, "Inputs", folder, file)


def examples():
    """Model, input, weights and number of results."""
    yield "two_experts", golden("two_experts", "x_3.npy"), os.path.join(EXAMPLES, "two_experts.safetensors"), 4
    yield "mlp_top2", golden("mlp_top2", "x_32.npy"), golden("mlp_top2", "weights_f32.safetensors"), 1
    yield "mlp_top2_bf16", golden("mlp_top2", "x_3.npy"), golden("mlp_top2", "weights_bf16.safetensors"), 1
    for name in ("unlike_experts", "adaptive_depth"):
        weights, = glob.glob(golden(name, "*.safetensors"))
        yield name, golden(name, "x_3.npy"), weights, RESULTS[name]
    yield "digits", os.path.join(EXAMPLES, "digits.npy"), os.path.join(EXAMPLES, "digits.safetensors"), 2


RESULTS = {"unlike_experts": 1, "adaptive_depth": 2}

for name, x, weights, results in examples():
    def run(model, *flags):
        got, stats = moe_run.run(CHECKS.options.build, model, [x], results, SCRATCH, weights, [DEVICE, *flags])
        return got, (stats["functions_compiled"], stats["functions_total"])

    model = os.path.join(EXAMPLES, name + ".mlir")
    want, functions = run(model)
    for phase in PHASES:
        text = os.path.join(SCRATCH, f"{phase}.mlir")
        moe_run.execute([os.path.join(CHECKS.options.build, "bin", "moe-run"), model, DEVICE, f"--compile-to={phase}", "-o", text])
        try:
            got, compiled = run(text, f"--compile-from={phase}", "--trust-model")
        except moe_run.Failed as error:
            CHECKS.check(f"{name} from {phase}", str(error))
            continue
        same = all(a.tobytes() == b.tobytes() and a.shape == b.shape for a, b in zip(want, got, strict=True))
        CHECKS.check(f"{name} from {phase}", "" if same else "other bits")
        CHECKS.check(f"{name} from {phase}, functions", "" if compiled == functions else f"{compiled}, not {functions}")
CHECKS.end()
