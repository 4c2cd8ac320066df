# RUN: %python %s %moe_build
"""Neither the number of threads nor the dense form changes a bit of a result, although both
change how rows are divided; nor does the number of threads change what is counted.
"""

import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
sys.path.insert(0, os.path.join(SOURCE, "test", "Inputs"))
import moe_run

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-threads-")

for model, weights, folder, results in (("mlp_top2", "weights_f32", "mlp_top2", 1),
                                        ("mlp_top2_bf16", "weights_bf16", "mlp_top2", 1),
                                        ("unlike_experts", "weights", "unlike_experts", 1),
                                        ("adaptive_depth", "weights", "adaptive_depth", 2)):
    inputs = os.path.join(HERE, "Inputs", folder)
    seen = []
    for form, threads in (("active", 1), ("active", 7), ("all", 2)):
        got, stats = moe_run.run(
            BUILD, os.path.join(SOURCE, "docs", "examples", f"{model}.mlir"),
            [os.path.join(inputs, "x_1000.npy")], results, SCRATCH,
            parameters=os.path.join(inputs, f"{weights}.safetensors"), flags=[f"--experts={form}"],
            env=dict(os.environ, OMP_NUM_THREADS=str(threads)))
        flops = [entry["flops"]["done"] for entry in stats["dispatches"]]
        seen.append(([array.tobytes() for array in got], flops, form, threads))
    for bits, _, form, threads in seen[1:]:
        assert bits == seen[0][0], f"{model}: other bits with {threads} threads, --experts={form}"
    assert seen[0][1] == seen[1][1], f"{model}: {seen[0][1]} FLOPs with one thread, {seen[1][1]} with seven"
