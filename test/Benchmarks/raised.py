"""Times dense programs that are raised to dispatches against the same not raised.

    python3 test/Benchmarks/raised.py BUILD [time|compile]

time:    the program with --assume-finite over that without, E = 8 and 64, k = 2
compile: seconds until the first result, E = 8 to 512, as separate products and
         with stacked weights, raised

Each expert is a perceptron of two layers, computed for all tokens and multiplied by
its column of a mask. Weights are random.
"""

import os
import statistics
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Inputs"))
import moe_run
import strict_json

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-benchmark-")
CHOSEN = 2


def generic(name, maps, iterators, inputs, output, body, arguments):
    """One linalg.generic on f32; `inputs` and `output` are pairs of name and type."""
    dims = ", ".join(f"d{i}" for i in range(len(iterators)))
    maps = ", ".join(f"affine_map<({dims}) -> ({m})>" for m in maps)
    kinds = ", ".join('"parallel"' if i == "p" else '"reduction"' for i in iterators)
    names, types = ", ".join(n for n, _ in inputs), ", ".join(t for _, t in inputs)
    block = ", ".join(f"%{a}: f32" for a in arguments)
    return f"""  {name} = linalg.generic {{indexing_maps = [{maps}], iterator_types = [{kinds}]}} ins({names} : {types}) outs({output[0]} : {output[1]}) {{
  ^bb0({block}):
{body}
  }} -> {output[1]}
"""


MULTIPLY_ADD = "    %m = arith.mulf %a, %b : f32\n    %s = arith.addf %o, %m : f32\n    linalg.yield %s : f32"
RELU = "    %m = arith.maximumf %a, %zero : f32\n    linalg.yield %m : f32"
MASK = "    %p = arith.cmpf ogt, %a, %zero : f32\n    %m = arith.select %p, %a, %zero : f32\n    linalg.yield %m : f32"
TIMES = "    %m = arith.mulf %a, %b : f32\n    linalg.yield %m : f32"
PLUS = "    %m = arith.addf %a, %b : f32\n    linalg.yield %m : f32"


def zeros(name, shape):
    return (f"  {name}.e = tensor.empty(%n) : {shape}\n"
            f"  {name}.z = linalg.fill ins(%zero : f32) outs({name}.e : {shape}) -> {shape}\n")


def separate(experts, hidden, inner):
    text, weights = "", {}
    x, y, h = f"tensor<?x{hidden}xf32>", f"tensor<?x{hidden}xf32>", f"tensor<?x{inner}xf32>"
    up, down, w = f"tensor<{hidden}x{inner}xf32>", f"tensor<{inner}x{hidden}xf32>", f"tensor<?x{experts}xf32>"
    text += zeros("%y", y) + zeros("%h", h)
    product = ["d0, d2", "d2, d1", "d0, d1"]
    total = "%y.z"
    for e in range(experts):
        text += f"  %u{e} = ml_program.global_load_const @u{e} : {up}\n  %d{e} = ml_program.global_load_const @d{e} : {down}\n"
        text += generic(f"%h{e}", product, "ppr", [("%x", x), (f"%u{e}", up)], ("%h.z", h), MULTIPLY_ADD, "abo")
        text += generic(f"%r{e}", ["d0, d1"] * 2, "pp", [(f"%h{e}", h)], ("%h.e", h), RELU, "ao")
        text += generic(f"%y{e}", product, "ppr", [(f"%r{e}", h), (f"%d{e}", down)], ("%y.z", y), MULTIPLY_ADD, "abo")
        text += f"  %c{e} = tensor.extract_slice %w[0, {e}] [%n, 1] [1, 1] : {w} to tensor<?xf32>\n"
        text += generic(f"%m{e}", ["d0, d1", "d0", "d0, d1"], "pp", [(f"%y{e}", y), (f"%c{e}", "tensor<?xf32>")], ("%y.e", y), TIMES, "abo")
        text += generic(f"%t{e}", ["d0, d1"] * 3, "pp", [(total, y), (f"%m{e}", y)], ("%y.e", y), PLUS, "abo")
        total = f"%t{e}"
        weights[f"u{e}"], weights[f"d{e}"] = (hidden, inner), (inner, hidden)
    return text, total, weights


def stacked(experts, hidden, inner):
    x, y, h = f"tensor<?x{hidden}xf32>", f"tensor<?x{hidden}xf32>", f"tensor<{experts}x?x{inner}xf32>"
    up, down = f"tensor<{experts}x{hidden}x{inner}xf32>", f"tensor<{experts}x{inner}x{hidden}xf32>"
    each, w = f"tensor<{experts}x?x{hidden}xf32>", f"tensor<?x{experts}xf32>"
    text = zeros("%y", y) + zeros("%h", h) + zeros("%e", each)
    text += f"  %u = ml_program.global_load_const @u : {up}\n  %d = ml_program.global_load_const @d : {down}\n"
    product = ["d0, d1, d3", "d0, d3, d2", "d0, d1, d2"]
    text += generic("%up", ["d1, d3", "d0, d3, d2", "d0, d1, d2"], "pppr", [("%x", x), ("%u", up)], ("%h.z", h), MULTIPLY_ADD, "abo")
    text += generic("%relu", ["d0, d1, d2"] * 2, "ppp", [("%up", h)], ("%h.e", h), RELU, "ao")
    text += generic("%down", product, "pppr", [("%relu", h), ("%d", down)], ("%e.z", each), MULTIPLY_ADD, "abo")
    text += generic("%total", ["d1, d0", "d0, d1, d2", "d1, d2"], "rpp", [("%w", w), ("%down", each)], ("%y.z", y), MULTIPLY_ADD, "abo")
    return text, "%total", {"u": (experts, hidden, inner), "d": (experts, inner, hidden)}


def model(form, experts, hidden, inner):
    body, result, weights = form(experts, hidden, inner)
    path = os.path.join(SCRATCH, f"{form.__name__}_{experts}_{hidden}")
    x, w = f"tensor<?x{hidden}xf32>", f"tensor<?x{experts}xf32>"
    with open(path + ".mlir", "w") as f:
        for name, shape in weights.items():
            type = "tensor<" + "x".join(map(str, shape)) + "xf32>"
            f.write(f"ml_program.global private @{name}(#ml_program.extern<{type}>) : {type}\n")
        f.write(f"func.func public @main(%x: {x}, %scores: {w}) -> {x} {{\n  %zero = arith.constant 0.0 : f32\n"
                f"  %i0 = arith.constant 0 : index\n  %n = tensor.dim %x, %i0 : {x}\n"
                f"  %w.e = tensor.empty(%n) : {w}\n")
        f.write(generic("%w", ["d0, d1"] * 2, "pp", [("%scores", w)], ("%w.e", w), MASK, "ao"))
        f.write(body + f"  return {result} : {x}\n}}\n")
    rng = np.random.default_rng(1)
    moe_run.save_safetensors(
        path + ".safetensors",
        {name: rng.standard_normal(shape, np.float32) * np.float32(shape[-2] ** -0.5) for name, shape in weights.items()},
        align=64)
    return path + ".mlir"


def run(path, tokens, hidden, experts, raised, repetitions):
    """Seconds: until the first result, and the median of further runs."""
    rng = np.random.default_rng(2)
    scores = np.full((tokens, experts), -1, np.float32)
    for row in scores:
        row[rng.choice(experts, CHOSEN, replace=False)] = 0.5
    file = os.path.join(SCRATCH, "scores.npy")
    np.save(file, scores)
    flags = ["--assume-finite"] if raised else []
    out = moe_run.execute(
        [os.path.join(BUILD, "bin", "moe-run"), path, f"--input={tokens}x{hidden}xf32=random(seed=1)", f"--input=@{file}",
         "--output=", "--benchmark", "--benchmark-format=json", f"--repetitions={repetitions}", "--warmup=1", *flags], timeout=1200)
    unit = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
    steady, first = [], 0
    for each in strict_json.loads(out)["benchmarks"]:
        seconds = each["real_time"] * unit[each["time_unit"]]
        if each["name"].endswith(("/compile", "/first")):
            first += seconds
        elif each["name"].endswith("/steady"):
            steady.append(seconds)
    return first, statistics.median(steady), int((scores > 0).any(0).sum())


def times(form, hidden=256, inner=512):
    print("| E | tokens | raised, ms | dense, ms | ratio | k / E | experts with a token |\n|---|---|---|---|---|---|---|")
    for experts in (8, 64):
        path = model(form, experts, hidden, inner)
        for tokens in (1, 16, 256, 1024, 4096):
            repetitions = 3 if experts * tokens > 100000 else 7
            _, raised, active = run(path, tokens, hidden, experts, True, repetitions)
            _, dense, _ = run(path, tokens, hidden, experts, False, repetitions)
            print(f"| {experts} | {tokens} | {raised * 1e3:.2f} | {dense * 1e3:.2f} | {raised / dense:.3f} |"
                  f" {CHOSEN / experts:.3f} | {active / experts:.2f} |", flush=True)


def compilation():
    print("| form | 8 | 32 | 128 | 512 |\n|---|---|---|---|---|")
    for form in (separate, stacked):
        seconds = [run(model(form, experts, 8, 16), 4, 8, experts, True, 1)[0] for experts in (8, 32, 128, 512)]
        print(f"| {form.__name__} | " + " | ".join(f"{s:.2f}" for s in seconds) + " |", flush=True)


if __name__ == "__main__":
    which = sys.argv[2:] or ["time", "compile"]
    if "time" in which:
        times(stacked)
    if "compile" in which:
        compilation()
