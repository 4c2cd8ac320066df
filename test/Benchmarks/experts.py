"""Times a layer of SwiGLU experts, active and dense, against the machine's peaks.

    python3 test/Benchmarks/experts.py BUILD [peak|ratio]

peak:  share of the multiply-add peak of one core, 256 rows for each expert
ratio: time of --experts=active over --experts=all, E = 8, 32, 128, k = 2

Weights are random; the model is docs/examples/mlp_top2.mlir with other sizes.
"""

import os
import statistics
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(HERE, "..", "Inputs"))
import moe_run
import strict_json

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-benchmark-")


def layer(experts, hidden, inner):
    """Model and weights of a layer; the path of the model."""
    with open(os.path.join(SOURCE, "docs", "examples", "mlp_top2.mlir")) as f:
        text = f.read()
    for old, mark in (("64", "@H"), ("96", "@I"), ("tensor<8x", "tensor<@Ex"), ("?x8x", "?x@Ex"), ("[8]", "[@E]"),
                      ("<8>", "<@E>")):
        text = text.replace(old, mark)
    for mark, size in (("@H", hidden), ("@I", inner), ("@E", experts)):
        text = text.replace(mark, str(size))
    path = os.path.join(SCRATCH, f"layer_{experts}_{hidden}_{inner}")
    with open(path + ".mlir", "w") as f:
        f.write(text)
    rng = np.random.default_rng(1)
    draw = lambda *shape: rng.standard_normal(shape, np.float32) * np.float32(shape[-1] ** -0.5)
    weights = {"router.weight": draw(experts, hidden)}
    for e in range(experts):
        weights[f"experts.{e}.gate_proj.weight"] = draw(inner, hidden)
        weights[f"experts.{e}.up_proj.weight"] = draw(inner, hidden)
        weights[f"experts.{e}.down_proj.weight"] = draw(hidden, inner)
    moe_run.save_safetensors(path + ".safetensors", weights, align=64)
    return path + ".mlir"


def seconds(model, tokens, hidden, form, repetitions=7, threads=None):
    """Median time of a run."""
    environment = dict(os.environ, **({"OMP_NUM_THREADS": str(threads)} if threads else {}))
    out = moe_run.execute(
        [os.path.join(BUILD, "bin", "moe-run"), model, f"--input={tokens}x{hidden}xf32=random(seed=1)", "--output=",
         f"--experts={form}", "--benchmark", "--benchmark-format=json", f"--repetitions={repetitions}", "--warmup=2"],
        timeout=1200, env=environment)
    unit = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
    steady = [b["real_time"] * unit[b["time_unit"]] for b in strict_json.loads(out)["benchmarks"]
              if b["name"].endswith("/steady") and b.get("run_type", "iteration") == "iteration"]
    return statistics.median(steady)


def peaks():
    program = os.path.join(SCRATCH, "peak")
    if not os.path.exists(program):
        subprocess.run(["clang-22", "-O3", "-march=native", os.path.join(HERE, "peak.c"), "-o", program], check=True)
    gflops, gbytes = map(float, moe_run.execute([program]).split())
    return gflops * 1e9, gbytes * 1e9


def share_of_peak():
    print("| experts | hidden | inner | rows per expert | form | GFLOP/s | share of FMA peak |")
    print("|---|---|---|---|---|---|---|")
    for experts, hidden, inner in ((8, 1024, 2048), (8, 2048, 768)):
        model = layer(experts, hidden, inner)
        for form, tokens, rows in (("active", 128 * experts, 256), ("all", 256, 256)):
            before = peaks()[0]
            time = seconds(model, tokens, hidden, form, repetitions=5, threads=1)
            peak = (before + peaks()[0]) / 2
            done = rows * experts * 3 * 2 * hidden * inner
            print(f"| {experts} | {hidden} | {inner} | {rows} | {form} | {done / time * 1e-9:.0f} | {done / time / peak:.2f} |",
                  flush=True)


def active_over_all():
    hidden, inner = 512, 1024
    tokens = (1, 4, 16, 64, 256, 512)
    print("| E | form | " + " | ".join(map(str, tokens)) + " |")
    print("|---|---|" + "---|" * len(tokens))
    for experts in (8, 32, 128):
        model = layer(experts, hidden, inner)
        times = {form: [seconds(model, n, hidden, form, repetitions=3) for n in tokens] for form in ("active", "all")}
        for form, row in times.items():
            print(f"| {experts} | {form}, ms | " + " | ".join(f"{t * 1e3:.2f}" for t in row) + " |")
        print(f"| {experts} | active / all | " +
              " | ".join(f"{a / b:.2f}" for a, b in zip(times["active"], times["all"])) + " |", flush=True)


what = sys.argv[2] if len(sys.argv) > 2 else ""
if what != "ratio":
    share_of_peak()
if what != "peak":
    active_over_all()
