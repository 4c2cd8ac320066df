# UNSUPPORTED: sanitized
# RUN: %python %s %moe_build %cxx
"""Proof that an expert without tokens costs nothing: its weights are not read, its
code is neither run nor, where experts are unlike, generated.

    short_circuit.py BUILD COMPILER [--device=NAME]

On a device the cases that ask the memory of the process or its time are left out.
"""

import argparse
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
sys.path.insert(0, os.path.join(SOURCE, "test", "Inputs"))
import moe_run

parser = argparse.ArgumentParser(usage=__doc__)
parser.add_argument("build")
parser.add_argument("compiler")
parser.add_argument("--device", default="cpu")
OPTIONS = parser.parse_args()
BUILD, COMPILER = OPTIONS.build, OPTIONS.compiler
MOE_RUN = os.path.join(BUILD, "bin", "moe-run")
SCRATCH = tempfile.mkdtemp(prefix="moe-short-circuit-")
PAGE = 4096
failures = []


def expect(what, condition, detail=""):
    print(f"{'ok  ' if condition else 'FAIL'} {what} {detail}", flush=True)
    if not condition:
        failures.append(what)


def example(stem):
    return os.path.join(SOURCE, "docs", "examples", f"{stem}.mlir")


def golden(name, file):
    return os.path.join(HERE, "Inputs", name, file)


def scratch(file):
    return os.path.join(SCRATCH, file)


def write(file, text):
    with open(scratch(file), "w") as f:
        f.write(text)
    return scratch(file)


def result(model, x, parameters, *flags, **options):
    got, stats = moe_run.run(BUILD, model, [x], 1, SCRATCH, parameters, [*flags, f"--device={OPTIONS.device}"], **options)
    return got[0], stats


# In the skewed batch every token goes to experts 2 and 5 of 8.
SKEWED = golden("mlp_top2", "x_skewed.npy")
CHOSEN = (2, 5)


def is_idle(name):
    return name.startswith("experts.") and int(name.split(".")[1]) not in CHOSEN


def weights_of_idle_experts_do_not_matter():
    """With NaN in their place the results stay the same, bit by bit."""
    weights = golden("mlp_top2", "weights_f32.safetensors")
    spoilt = {name: np.full_like(w, np.nan) if is_idle(name) else w for name, w in moe_run.load_safetensors(weights).items()}
    moe_run.save_safetensors(scratch("nan.safetensors"), spoilt)
    for form in ("active", "all"):
        want, _ = result(example("mlp_top2"), SKEWED, weights, f"--experts={form}")
        got, _ = result(example("mlp_top2"), SKEWED, scratch("nan.safetensors"), f"--experts={form}")
        expect(f"a family with NaN in idle experts, --experts={form}", got.tobytes() == want.tobytes() and np.isfinite(got).all())

    # Unlike experts: the rows that expert 3 does not get.
    x, mask = (np.load(golden("unlike_experts", f"{kind}_1000.npy")) for kind in ("x", "mask"))
    np.save(scratch("x.npy"), x[~mask[:, 3]])
    weights = golden("unlike_experts", "weights.safetensors")
    spoilt = {name: np.full_like(w, np.nan) if name.startswith("experts.3.") else w for name, w in moe_run.load_safetensors(weights).items()}
    moe_run.save_safetensors(scratch("nan.safetensors"), spoilt)
    for form in ("active", "all"):
        want, _ = result(example("unlike_experts"), scratch("x.npy"), weights, f"--experts={form}")
        got, _ = result(example("unlike_experts"), scratch("x.npy"), scratch("nan.safetensors"), f"--experts={form}")
        expect(f"unlike experts with NaN in an idle one, --experts={form}", got.tobytes() == want.tobytes() and np.isfinite(got).all())


def weights_of_idle_experts_are_not_read():
    """Their pages may be unreadable; those of the others may not."""
    library = scratch("unreadable.so")
    subprocess.run([COMPILER, "-x", "c", "-shared", "-fPIC", "-O1", os.path.join(HERE, "Inputs", "unreadable.c"), "-o", library], check=True)
    weights = golden("mlp_top2", "weights_f32.safetensors")
    tensors = moe_run.load_safetensors(weights)
    # The router comes last, so that each expert's tensors fill whole pages.
    tensors = {name: tensors[name] for name in sorted(tensors, key=lambda n: n == "router.weight")}
    paged = scratch("paged.safetensors")
    moe_run.save_safetensors(paged, tensors, align=PAGE)
    with open(paged, "rb") as f:
        size, = struct.unpack("<Q", f.read(8))
        header = json.loads(f.read(size))
    data = 8 + size

    def without(unreadable):
        ranges = [(data + begin, data + end) for name, entry in header.items() if unreadable(name)
                  for begin, end in [entry["data_offsets"]]]
        assert ranges and all(begin % PAGE == 0 and end % PAGE == 0 for begin, end in ranges)
        return {**os.environ, "LD_PRELOAD": library, "UNREADABLE_FILE": paged,
                "UNREADABLE": " ".join(f"{begin}-{end}" for begin, end in ranges)}

    want, _ = result(example("mlp_top2"), SKEWED, weights)
    got, _ = result(example("mlp_top2"), SKEWED, paged, env=without(is_idle))
    expect("idle experts whose pages are unreadable", got.tobytes() == want.tobytes())
    try:
        result(example("mlp_top2"), SKEWED, paged, env=without(lambda name: name == "experts.5.up_proj.weight"))
        died = False
    except moe_run.Failed:
        died = True
    expect("an active expert whose pages are unreadable is noticed", died)


LARGE = """
moe.parameters @w "experts.{0}.weight" [16] : tensor<4096x4096xf32>
#row = affine_map<(t, o, i) -> (t, i)>
#weight = affine_map<(t, o, i) -> (o, i)>
#result = affine_map<(t, o, i) -> (t, o)>
func.func @main(%x: tensor<?x4096xf32>, %choice: tensor<?x1xi64>) -> tensor<?x4096xf32> {
  %routing = moe.route %choice : (tensor<?x1xi64>) -> !moe.routing<16>
  %rows = moe.dispatch %x by %routing : (tensor<?x4096xf32>, !moe.routing<16>) -> tensor<?x4096xf32> {
  ^each(%expert: index, %mine: tensor<?x4096xf32>):
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %m = tensor.dim %mine, %c0 : tensor<?x4096xf32>
    %w = moe.parameter @w[%expert] : tensor<4096x4096xf32>
    %y0 = tensor.empty(%m) : tensor<?x4096xf32>
    %y1 = linalg.fill ins(%zero : f32) outs(%y0 : tensor<?x4096xf32>) -> tensor<?x4096xf32>
    %y = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%mine, %w : tensor<?x4096xf32>, tensor<4096x4096xf32>)
      outs(%y1 : tensor<?x4096xf32>) -> tensor<?x4096xf32>
    moe.yield %y : tensor<?x4096xf32>
  }
  %y = moe.combine %rows by %routing : (tensor<?x4096xf32>, !moe.routing<16>) -> tensor<?x4096xf32>
  return %y : tensor<?x4096xf32>
}
"""
MEGABYTE = 1 << 20


def memory_follows_the_active_experts():
    """16 experts of 64 MB each, all tokens to one of them: under 250 MB resident."""
    tensor = 64 * MEGABYTE
    header = {f"experts.{e}.weight": {"dtype": "F32", "shape": [4096, 4096], "data_offsets": [e * tensor, (e + 1) * tensor]}
              for e in range(16)}
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % PAGE)
    with open(scratch("large.safetensors"), "wb") as f:  # of zeros that take no room, and one 2
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(f.tell() + 16 * tensor)
        f.seek(8 + len(text) + 3 * tensor)
        f.write(struct.pack("<f", 2))
    x = np.random.default_rng(1).normal(0, 1, (8, 4096)).astype(np.float32)
    np.save(scratch("x.npy"), x)
    command = [MOE_RUN, write("large.mlir", LARGE), f"--parameters={scratch('large.safetensors')}", f"--input=@{scratch('x.npy')}",
               "--input=8x1xi64=3", f"--output=@{scratch('y.npy')}"]
    child = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    resident = usage.ru_maxrss / 1024
    want = np.zeros_like(x)
    want[:, 0] = 2 * x[:, 0]
    expect("16 experts of 64 MB, one of them active", status == 0 and np.array_equal(np.load(scratch("y.npy")), want))
    expect("stay under 250 MB resident", resident < 250, f"({resident:.0f} MB)")


def statistics_show_it():
    weights = golden("mlp_top2", "weights_f32.safetensors")
    active = result(example("mlp_top2"), SKEWED, weights)[1]["dispatches"][0]
    expect("2 of 8 experts evaluated", active["evaluated"] == 2 and active["experts"] == 8, str(active["tokens_per_expert"]))
    expect("a quarter of the operations", 4 * active["flops"]["done"] == active["flops"]["dense"], str(active["flops"]))
    expect("a quarter of the weights", 4 * active["weight_bytes"]["touched"] == active["weight_bytes"]["total"] == 8 * 3 * 64 * 96 * 4,
           str(active["weight_bytes"]))
    dense = result(example("mlp_top2"), SKEWED, weights, "--experts=all")[1]["dispatches"][0]
    expect("all of it with --experts=all", dense["evaluated"] == 8 and dense["flops"]["done"] == dense["flops"]["dense"], str(dense["flops"]))

    # No token has an expert: nothing at all is done.
    x, mask = (np.load(golden("unlike_experts", f"{kind}_1000.npy")) for kind in ("x", "mask"))
    np.save(scratch("x.npy"), x[~mask.any(1)])
    y, stats = result(example("unlike_experts"), scratch("x.npy"), golden("unlike_experts", "weights.safetensors"))
    nothing = stats["dispatches"][0]
    expect("no assignments: 0 evaluations, 0 operations, 0 bytes",
           len(y) > 100 and not y.any() and nothing["evaluated"] == nothing["assignments"] == 0
           and nothing["flops"]["done"] == 0 and nothing["weight_bytes"]["touched"] == 0, str(nothing["flops"]))
    expect("no assignments: no code for experts", stats["functions_compiled"] == 0 and stats["functions_total"] == 5)


def code_is_made_for_active_experts_only():
    x, mask = (np.load(golden("unlike_experts", f"{kind}_1000.npy")) for kind in ("x", "mask"))
    for unused in range(5):
        rows = x[~mask[:, unused]]
        np.save(scratch("x.npy"), rows)
        objects = scratch(f"objects{unused}")
        _, stats = result(example("unlike_experts"), scratch("x.npy"), golden("unlike_experts", "weights.safetensors"), f"--dump-objects-to={objects}")
        made = sorted({int(name.split("moe_expert_0_")[1].split(".")[0].split("_")[0]) for name in os.listdir(objects) if "moe_expert_0_" in name})
        expect(f"no object for expert {unused}", made == [e for e in range(5) if e != unused] and stats["functions_compiled"] == 4, str(made))


def long_model(operations):
    """Two experts; the second has so many operations, with many values alive at once."""
    half = operations // 2
    body = ["%a0 = arith.addf %v, %v : f32"]
    body += [f"%a{i} = arith.{'mulf' if i % 2 else 'addf'} %a{i - 1}, %v : f32" for i in range(1, half)]
    body += ["%b0 = arith.mulf %v, %v : f32"]
    body += [f"%b{i} = arith.{'subf' if i % 2 else 'mulf'} %b{i - 1}, %a{half - i} : f32" for i in range(1, half)]
    text = "\n".join("      " + line for line in body)
    return f"""
func.func @main(%x: tensor<?x8xf32>, %choice: tensor<?x1xi64>) -> tensor<?x8xf32> {{
  %routing = moe.route %choice : (tensor<?x1xi64>) -> !moe.routing<2>
  %rows = moe.dispatch %x by %routing : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32> {{
  ^short(%mine: tensor<?x8xf32>):
    %out = arith.addf %mine, %mine : tensor<?x8xf32>
    moe.yield %out : tensor<?x8xf32>
  }}, {{
  ^long(%mine: tensor<?x8xf32>):
    %out = linalg.map ins(%mine : tensor<?x8xf32>) outs(%mine : tensor<?x8xf32>) (%v: f32, %old: f32) {{
{text}
      linalg.yield %b{half - 1} : f32
    }}
    moe.yield %out : tensor<?x8xf32>
  }}
  %y = moe.combine %rows by %routing : (tensor<?x8xf32>, !moe.routing<2>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}}
"""


def cpu_seconds(model, expert):
    """The least of three: what else the machine does only adds to it."""
    best = float("inf")
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        moe_run.execute([MOE_RUN, model, "--input=4x8xf32=0.5", f"--input=4x1xi64={expert}"])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime - before.ru_utime)
    return best


def a_long_idle_expert_is_not_compiled():
    short, long = write("short.mlir", long_model(4)), write("long.mlir", long_model(3000))
    without, idle, active = cpu_seconds(short, 0), cpu_seconds(long, 0), cpu_seconds(long, 1)
    # The passes of MLIR see its 3000 operations; no machine code is made of them.
    expect("most of the time for an expert of 3000 operations is saved", idle - without < 0.5 * (active - without),
           f"(without it {without:.2f} s, idle {idle:.2f} s, active {active:.2f} s)")


cases = [weights_of_idle_experts_do_not_matter, statistics_show_it, code_is_made_for_active_experts_only]
if OPTIONS.device == "cpu":
    cases += [weights_of_idle_experts_are_not_read, memory_follows_the_active_experts, a_long_idle_expert_is_not_compiled]
for case in cases:
    case()
shutil.rmtree(SCRATCH)
sys.exit(bool(failures))
