"""Times masked dense programs as they are and raised to experts, in one session.

    python3 test/Benchmarks/dense.py BUILD [separate|stacked|compile]

separate: E perceptrons (H -> F -> H, ReLU), each one's output times a mask, summed
stacked:  the same as batched products, weights [E, H, F], summed over E
compile:  time of the raising pass, and from the raised text to the machine

The mask of a token is zero but for the k experts that it chose. Both programs run
alternately; the time is the least of all runs. `share` is the part of the dense
work that anybody asked for, the floor of the ratio while arithmetic binds.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Inputs"))
import moe_run

BIN = os.path.join(sys.argv[1], "bin")
SCRATCH = tempfile.mkdtemp(prefix="moe-benchmark-")
HIDDEN = 512
RAISE = ("--moe-decompose-aggregates --convert-elementwise-to-linalg --inline --symbol-dce --canonicalize --cse "
         "--moe-raise-dense=assume-finite --canonicalize --cse").split()

MAPS = """
#tk = affine_map<(t, k) -> (t, k)>
#t = affine_map<(t, k) -> (t)>
#te = affine_map<(t, e) -> (t, e)>
#te_of_tek = affine_map<(t, e, k) -> (t, e)>
#tk_of_tek = affine_map<(t, e, k) -> (t, k)>
#mask_of_rows = affine_map<(e, t, h) -> (t, e)>
#rows = affine_map<(e, t, h) -> (e, t, h)>
#sum = affine_map<(e, t, h) -> (t, h)>
"""

HEAD = """
func.func @main(%x: tensor<?x@Hxf32>, %chosen: tensor<?x@Kxi32>, %score: tensor<?x@Kxf32>) -> tensor<?x@Hxf32> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?x@Hxf32>
"""

SEPARATE = """
  %m0_@E = tensor.empty(%n) : tensor<?xf32>
  %m1_@E = linalg.fill ins(%zero : f32) outs(%m0_@E : tensor<?xf32>) -> tensor<?xf32>
  %m_@E = linalg.generic {indexing_maps = [#tk, #tk, #t], iterator_types = ["parallel", "reduction"]}
    ins(%chosen, %score : tensor<?x@Kxi32>, tensor<?x@Kxf32>) outs(%m1_@E : tensor<?xf32>) {
  ^bb0(%c: i32, %s: f32, %old: f32):
    %me = arith.constant @E : i32
    %mine = arith.cmpi eq, %c, %me : i32
    %w = arith.select %mine, %s, %zero : f32
    %new = arith.addf %old, %w : f32
    linalg.yield %new : f32
  } -> tensor<?xf32>
  %u_@E = ml_program.global_load_const @u@E : tensor<@Hx@Fxf32>
  %d_@E = ml_program.global_load_const @d@E : tensor<@Fx@Hxf32>
  %h0_@E = tensor.empty(%n) : tensor<?x@Fxf32>
  %h1_@E = linalg.fill ins(%zero : f32) outs(%h0_@E : tensor<?x@Fxf32>) -> tensor<?x@Fxf32>
  %h2_@E = linalg.matmul ins(%x, %u_@E : tensor<?x@Hxf32>, tensor<@Hx@Fxf32>) outs(%h1_@E : tensor<?x@Fxf32>) -> tensor<?x@Fxf32>
  %h_@E = linalg.max ins(%h2_@E, %h1_@E : tensor<?x@Fxf32>, tensor<?x@Fxf32>) outs(%h0_@E : tensor<?x@Fxf32>) -> tensor<?x@Fxf32>
  %y0_@E = tensor.empty(%n) : tensor<?x@Hxf32>
  %y1_@E = linalg.fill ins(%zero : f32) outs(%y0_@E : tensor<?x@Hxf32>) -> tensor<?x@Hxf32>
  %y2_@E = linalg.matmul ins(%h_@E, %d_@E : tensor<?x@Fxf32>, tensor<@Fx@Hxf32>) outs(%y1_@E : tensor<?x@Hxf32>) -> tensor<?x@Hxf32>
  %wide_@E = linalg.broadcast ins(%m_@E : tensor<?xf32>) outs(%y0_@E : tensor<?x@Hxf32>) dimensions = [1]
  %y_@E = linalg.mul ins(%y2_@E, %wide_@E : tensor<?x@Hxf32>, tensor<?x@Hxf32>) outs(%y0_@E : tensor<?x@Hxf32>) -> tensor<?x@Hxf32>
  %a_@E = linalg.add ins(%a_@P, %y_@E : tensor<?x@Hxf32>, tensor<?x@Hxf32>) outs(%y0_@E : tensor<?x@Hxf32>) -> tensor<?x@Hxf32>
"""

STACKED = """
  %m0 = tensor.empty(%n) : tensor<?x@Exf32>
  %m1 = linalg.fill ins(%zero : f32) outs(%m0 : tensor<?x@Exf32>) -> tensor<?x@Exf32>
  %m = linalg.generic {indexing_maps = [#tk_of_tek, #tk_of_tek, #te_of_tek],
      iterator_types = ["parallel", "parallel", "reduction"]}
    ins(%chosen, %score : tensor<?x@Kxi32>, tensor<?x@Kxf32>) outs(%m1 : tensor<?x@Exf32>) {
  ^bb0(%c: i32, %s: f32, %old: f32):
    %number = linalg.index 1 : index
    %me = arith.index_cast %number : index to i32
    %mine = arith.cmpi eq, %c, %me : i32
    %w = arith.select %mine, %s, %zero : f32
    %new = arith.addf %old, %w : f32
    linalg.yield %new : f32
  } -> tensor<?x@Exf32>
  %u = ml_program.global_load_const @u : tensor<@Ex@Hx@Fxf32>
  %d = ml_program.global_load_const @d : tensor<@Ex@Fx@Hxf32>
  %x0 = tensor.empty(%n) : tensor<@Ex?x@Hxf32>
  %x1 = linalg.broadcast ins(%x : tensor<?x@Hxf32>) outs(%x0 : tensor<@Ex?x@Hxf32>) dimensions = [0]
  %h0 = tensor.empty(%n) : tensor<@Ex?x@Fxf32>
  %h1 = linalg.fill ins(%zero : f32) outs(%h0 : tensor<@Ex?x@Fxf32>) -> tensor<@Ex?x@Fxf32>
  %h2 = linalg.batch_matmul ins(%x1, %u : tensor<@Ex?x@Hxf32>, tensor<@Ex@Hx@Fxf32>) outs(%h1 : tensor<@Ex?x@Fxf32>) -> tensor<@Ex?x@Fxf32>
  %h = linalg.max ins(%h2, %h1 : tensor<@Ex?x@Fxf32>, tensor<@Ex?x@Fxf32>) outs(%h0 : tensor<@Ex?x@Fxf32>) -> tensor<@Ex?x@Fxf32>
  %y1 = linalg.fill ins(%zero : f32) outs(%x0 : tensor<@Ex?x@Hxf32>) -> tensor<@Ex?x@Hxf32>
  %y2 = linalg.batch_matmul ins(%h, %d : tensor<@Ex?x@Fxf32>, tensor<@Ex@Fx@Hxf32>) outs(%y1 : tensor<@Ex?x@Hxf32>) -> tensor<@Ex?x@Hxf32>
  %y = linalg.generic {indexing_maps = [#rows, #mask_of_rows, #rows], iterator_types = ["parallel", "parallel", "parallel"]}
    ins(%y2, %m : tensor<@Ex?x@Hxf32>, tensor<?x@Exf32>) outs(%x0 : tensor<@Ex?x@Hxf32>) {
  ^bb0(%v: f32, %w: f32, %old: f32):
    %p = arith.mulf %v, %w : f32
    linalg.yield %p : f32
  } -> tensor<@Ex?x@Hxf32>
  %s0 = tensor.empty(%n) : tensor<?x@Hxf32>
  %s1 = linalg.fill ins(%zero : f32) outs(%s0 : tensor<?x@Hxf32>) -> tensor<?x@Hxf32>
  %sum = linalg.generic {indexing_maps = [#rows, #sum], iterator_types = ["reduction", "parallel", "parallel"]}
    ins(%y : tensor<@Ex?x@Hxf32>) outs(%s1 : tensor<?x@Hxf32>) {
  ^bb0(%v: f32, %old: f32):
    %new = arith.addf %old, %v : f32
    linalg.yield %new : f32
  } -> tensor<?x@Hxf32>
  return %sum : tensor<?x@Hxf32>
}
"""


def program(form, experts, inner, k):
    """The text, and the shapes of its weights."""
    def spelled(text, **more):
        for mark, size in dict(H=HIDDEN, F=inner, K=k, **more).items():
            text = text.replace("@" + mark, str(size))
        return text

    if form == "stacked":
        weights = {"u": (experts, HIDDEN, inner), "d": (experts, inner, HIDDEN)}
        body = spelled(HEAD + STACKED, E=experts)
    else:
        weights = {}
        start = f"""  %z = tensor.empty(%n) : tensor<?x{HIDDEN}xf32>
  %a_start = linalg.fill ins(%zero : f32) outs(%z : tensor<?x{HIDDEN}xf32>) -> tensor<?x{HIDDEN}xf32>
"""
        body = spelled(HEAD) + start
        for e in range(experts):
            weights[f"u{e}"], weights[f"d{e}"] = (HIDDEN, inner), (inner, HIDDEN)
            body += spelled(SEPARATE.replace("@u@E", f"@u{e}").replace("@d@E", f"@d{e}"), E=e, P=e - 1 if e else "start")
        body += f"  return %a_{experts - 1} : tensor<?x{HIDDEN}xf32>\n}}\n"
    text = MAPS
    for name, shape in weights.items():
        type = f"tensor<{'x'.join(map(str, shape))}xf32>"
        text += f"ml_program.global private @{name}(#ml_program.extern<{type}>) : {type}\n"
    return text + body, weights


def raised(dense, *options):
    """Raises a file; the path of the result and what moe-opt said."""
    path = dense.replace("dense.mlir", "raised.mlir")
    done = subprocess.run([os.path.join(BIN, "moe-opt"), dense, *RAISE, *options, "-o", path], capture_output=True,
                          text=True, check=True)
    with open(path) as f:
        if "moe.dispatch" not in f.read():
            sys.exit(f"{dense}: not raised\n{done.stderr}")
    return path, done.stderr


def written(form, experts, inner, k):
    text, weights = program(form, experts, inner, k)
    path = os.path.join(SCRATCH, f"{form}_{experts}_{k}.dense.mlir")
    with open(path, "w") as f:
        f.write(text)
    return path, weights


def seconds(model, parameters, inputs, repetitions):
    """Least time of a run."""
    out = moe_run.execute(
        [os.path.join(BIN, "moe-run"), model, f"--parameters={parameters}", *(f"--input={i}" for i in inputs), "--output=",
         "--benchmark", "--benchmark-format=json", f"--repetitions={repetitions}", "--warmup=1"],
        timeout=1200)
    unit = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
    return min(b["real_time"] * unit[b["time_unit"]] for b in json.loads(out)["benchmarks"]
               if b["name"].endswith("/steady") and b.get("run_type", "iteration") == "iteration")


def run(form):
    print("| E | k | tokens | ms dense | ms raised | ratio | share | ratio / share |")
    print("|---|---|---|---|---|---|---|---|")
    rng = np.random.default_rng(1)
    for experts, inner in ((8, 1024), (64, 256)):
        parameters = os.path.join(SCRATCH, f"{form}_{experts}.safetensors")
        for k in (1, 2):
            dense, weights = written(form, experts, inner, k)
            if not os.path.exists(parameters):
                moe_run.save_safetensors(
                    parameters, {name: rng.standard_normal(shape, np.float32) * np.float32(shape[-2] ** -0.5)
                                 for name, shape in weights.items()}, align=64)
            models = dense, raised(dense)[0]
            for tokens in (1, 16, 128, 512, 4096):
                chosen = np.argsort(rng.random((tokens, experts)), axis=1)[:, :k].astype(np.int32)
                inputs = [f"{tokens}x{HIDDEN}xf32=random(seed=1)"]
                for name, array in (("chosen", chosen), ("score", np.full((tokens, k), 1 / k, np.float32))):
                    path = os.path.join(SCRATCH, name + ".npy")
                    np.save(path, array)
                    inputs.append("@" + path)
                rounds = 3 if tokens < 4096 else 2
                times = [[seconds(m, parameters, inputs, 10 if tokens <= 128 else 2) for m in models]
                         for _ in range(rounds)]
                before, after = np.min(times, axis=0)
                share = k / experts
                print(f"| {experts} | {k} | {tokens} | {before * 1e3:.2f} | {after * 1e3:.2f} | {after / before:.3f} | "
                      f"{share:.3f} | {after / before / share:.2f} |", flush=True)


def compile_times():
    print("| form | E | raising, s | raised text to machine, s |")
    print("|---|---|---|---|")
    for form, sizes in (("separate", (8, 64, 128, 256, 512)), ("stacked", (512,))):
        for experts in sizes:
            model, report = raised(written(form, experts, 256, 2)[0], "--mlir-timing", "--mlir-timing-display=list")
            own = re.search(r"([\d.]+) *\([^)]*\) +RaiseDensePass", report)
            start = time.monotonic()
            moe_run.execute([os.path.join(BIN, "moe-run"), model, "--compile-to=machine", "-o", os.devnull], timeout=1200)
            print(f"| {form} | {experts} | {own[1]} | {time.monotonic() - start:.2f} |", flush=True)


what = sys.argv[2:] or ["separate", "stacked", "compile"]
for name in what:
    compile_times() if name == "compile" else run(name)
