"""The first minutes on a GPU, in two calls of run --first=1 and --first=2: what starts
a kernel of each kind comes before what is long, a hang costs half a minute and leaves
out its kernels from then on, and each step says what its outcome means.

The first call takes at most 360 s, the second 420 s.
"""

import contextlib
import dataclasses
import glob
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(HERE, "test", "Integration", "CPU", "Inputs", "mlp_top2")
BUDGET = {1: 360, 2: 420}  # seconds
HANG = 30  # seconds for one program
MOST = 16 << 20  # bytes that go back


@dataclasses.dataclass
class Step:
    name: str
    status: str  # passed, failed, hangs or not run
    seconds: float
    detail: str
    meaning: str


class Plan:
    """Steps of one call, in order. `flags` are those of moe-run that hangs added."""

    def __init__(self, root, device, out, call):
        self.root, self.device, self.out = root, device, out
        self.end = time.monotonic() + BUDGET[call]
        self.small = device == "cuda-emulator"
        self.steps, self.flags = [], []

    def start(self, command, path, limit):
        more = {"MOE_TEST_TIMEOUT": str(HANG if not self.small else 300), "MOE_TEST_FLAGS": " ".join(self.flags), "PYTHONUNBUFFERED": "1",
                "CUDA_CACHE_PATH": os.path.join(self.out, "cache")}
        with open(path, "wb") as f:
            return subprocess.Popen(command, stdout=f, stderr=subprocess.STDOUT, env={**os.environ, **more}), time.monotonic() + limit

    def outcome(self, running, path):
        """passed, failed or hangs, and all that was printed."""
        process, end = running
        try:
            status = "failed" if process.wait(max(1.0, end - time.monotonic())) else "passed"
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status = "hangs"
        with open(path, "rb") as f:
            text = f.read().decode("utf-8", "replace").strip()
        return ("hangs" if "HANG: " in text else status), text

    def step(self, name, commands, limit, meanings, show=None):
        """Runs commands at the same time. `meanings` says for words in the output, or for a
        status, what they mean; the first that fits is printed. `show` picks lines."""
        left = self.end - time.monotonic()
        if left < 10:
            return self.add(Step(name, "not run", 0, f"{max(0, left):.0f} s are left", "goes into the next call"))
        begin, limit = time.monotonic(), min(limit, left)
        paths = [os.path.join(self.out, f"{name.split()[0]}-{i}.txt") for i in range(len(commands))]
        running = [self.start(command, path, limit) for command, path in zip(commands, paths)]
        ends = [self.outcome(r, path) for r, path in zip(running, paths)]
        status = next((s for s in ("hangs", "failed") if any(end[0] == s for end in ends)), "passed")
        text = "\n".join(end[1] for end in ends)
        lines = [line for line in text.splitlines() if show and re.search(show, line)]
        detail = "; ".join(end[1].splitlines()[-1] if end[1] else "no output" for end in ends)
        meaning = next((why for sign, why in meanings if sign == status or status != "passed" and re.search(sign, text)), "")
        self.add(Step(name, status, time.monotonic() - begin, detail, meaning), lines)
        if status == "hangs" and "--gpu-kernels=mma" not in self.flags:
            self.flags = ["--gpu-kernels=mma"]
            print("   from here on without wgmma, so that the rest of the time is not lost", flush=True)
        return status

    def add(self, step, lines=()):
        self.steps.append(step)
        print(f"== {step.name}: {step.status}, {step.seconds:.0f} s: {step.detail}", flush=True)
        for line in lines:
            print(f"   {line}", flush=True)
        if step.meaning:
            print(f"   {step.meaning}", flush=True)
        return step.status

    def table(self):
        rows = [("step", "outcome", "s", "what"), *((s.name, s.status, f"{s.seconds:.0f}", s.detail[:100]) for s in self.steps)]
        return "\n".join("| " + " | ".join(row) + " |" for row in (rows[0], ("---",) * 4, *rows[1:]))

    # What is run.

    def script(self, path, *more):
        return [sys.executable, os.path.join(HERE, *path.split("/")), self.root, f"--device={self.device}", *more]

    def run_model(self, *more):
        return [os.path.join(self.root, "bin", "moe-run"), f"--device={self.device}", *self.flags, *more]

    def layer(self, shape, tokens):
        return self.script("test/Benchmarks/gpu_rows.py", "--shape=" + ",".join(map(str, shape)), "--tokens=" + ",".join(map(str, tokens)),
                           f"--keep={os.path.join(self.out, 'layer')}")


MESSAGES = [
    ("cannot be loaded", "the driver's library is elsewhere: MOE_CUDA_DRIVER=/path/libcuda.so.1"),
    ("cuModuleLoadDataEx.*PTX", "the driver refuses the text; the first line of its log is in the message: compare .version with the driver"),
    ("ILLEGAL_INSTRUCTION|LAUNCH_FAILED", "an illegal instruction or a trap: the descriptor of a tensor map, shares of registers, a device assertion"),
    ("OUT_OF_RESOURCES", "shared memory or registers at launch"),
    ("MISALIGNED|ILLEGAL_ADDRESS", "an address: which kernel is in the message"),
]
WRONG = ("all rows wrong: offsets of descriptors, swizzle; rows from 8 on: stride; every second 16 of the depth: advance along k; one warp or half: the map "
         "of accumulators; columns from 32 on: the second box; a few at random: a missing fence (run three times and compare bytes)")


def first_call(plan):
    tests = [plan.script("test/Integration/CPU/examples.py", "--tiny"), plan.script("test/Integration/CUDA/experts.py", "--tiny")]
    plan.step("1 driver, PTX, routing, one kernel of each kind", tests, 160, [
        *MESSAGES, ("experts: .*on the CPU", "scores are rounded otherwise than on the CPU: no fault of a kernel"),
        ("FAIL bf16 rows", "rows that are gathered: go on with step 3"), ("FAIL f32", "the plain kernels, or routing: nothing later can be right"),
        ("hangs", "the last line names the program: run it with --gpu-kernels=mma and =simt"), ("failed", "the lines that begin with FAIL name the cases")],
        show="^FAIL|^HANG|passed")
    result = os.path.join(plan.out, "y.npy")
    status = plan.step("2 wgmma, both operands by TMA", [plan.run_model(
        os.path.join(HERE, "docs", "examples", "mlp_top2_bf16.mlir"), f"--input=@{GOLDEN}/x_1000.npy", f"--parameters={GOLDEN}/weights_bf16.safetensors",
        f"--output=@{result}")], HANG if not plan.small else 300, [
        *MESSAGES, ("hangs", "a barrier: 65 rows (a block has one tile at most) pass: parity over tiles, empty barriers; they hang: bytes that are expected, "
                    "tensor map, setmaxnreg")])
    if status == "passed":
        plan.add(compare(result, os.path.join(GOLDEN, "y_1000_bf16.npy")))
    shapes = [((8, 2, 72, 200), (5, 80))] if plan.small else [((8, 2, 512, 512), (1, 80, 1000)), ((8, 2, 72, 200), (80, 300))]
    for shape, tokens in shapes:
        plan.step(f"3 wgmma with gathered rows, {'x'.join(map(str, shape))}", [plan.layer(shape, tokens)], 60, [
            ("bad [1-9]", WRONG), *MESSAGES, ("hangs", "as in step 2, in the producer that gathers"), ("failed", "see the lines")], show="tokens")
    shape, tokens = ((8, 2, 64, 96), (1, 5)) if plan.small else ((64, 8, 2048, 1024), (1, 16, 128, 1024, 4096))
    plan.step("4 first figures", [plan.layer(shape, tokens)], 120, [
        ("passed", "expected on an H200: 1 token 85 to 115 us of graph (more than 150: carve-out or clocks), 4096 tokens 380 to 460 TFLOP/s (less than 300: "
         "what the consumers wait for)"), *MESSAGES], show="tokens|TFLOP")
    profile(plan, (4096, 1))


def compare(result, golden):
    import numpy as np
    away = np.abs(np.load(result) - np.load(golden))
    worst = away.max()
    status = "passed" if worst <= 3e-2 else "failed"
    where = f"worst {worst:.3g}; rows {np.argsort(-away.max(1))[:8].tolist()}, columns {np.argsort(-away.max(0))[:8].tolist()}"
    return Step("2 all 1000 rows against the golden file", status, 0, where, "" if status == "passed" else WRONG)


def profile(plan, tokens):
    """What the kernels wait for, where the profiler is installed and may count."""
    program = shutil.which("ncu") or next(iter(glob.glob("/usr/local/cuda*/bin/ncu")), None)
    if plan.small or not program:
        plan.add(Step("5 inside of the kernels", "not run", 0, "an emulator has no counters" if plan.small else "ncu is not installed", ""))
        return
    layer = os.path.join(plan.out, "layer")
    for count in tokens:
        plan.step(f"5 inside of the kernels, {count} tokens", [[
            program, "--clock-control", "none", "-k", "regex:moe_family", "-c", "2", "--section", "SpeedOfLight", "--section", "Occupancy", "--section",
            "WarpStateStats", *plan.run_model(f"{layer}/resident.mlir", f"--parameters={layer}/weights.safetensors",
                                              f"--parameters={layer}/rows.safetensors", f"--input=i64={count}", "--output=")]], 45, [
            ("ERR_NVGPUCTRPERM", "the machine does not lend its counters"),
            ("passed", "stream of weights: 3 blocks on a multiprocessor (2: carve-out), memory above 80 %; wgmma: tensor pipe above 70 %")],
            show="moe_family|Duration|Throughput|Block Limit|Occupancy|Pipe|Stall|Cycles")


def second_call(plan):
    tiny = ("--tiny",) if plan.small else ()
    plan.step("6 all comparisons, side by side", [plan.script("test/Integration/CUDA/experts.py", *tiny),
                                                  plan.script("test/Integration/CPU/examples.py", *tiny)], 250, [
        *MESSAGES, ("FAIL .* 200", "columns that no tile divides"), ("FAIL .*(96|320|72)", "depths with a tail"), ("FAIL f32", "the plain kernels"),
        ("hangs", "see step 2 of the first call"), ("failed", "the lines that begin with FAIL name the cases")], show="^FAIL|^HANG|passed")
    plan.step("7 all shapes, and peers", [plan.script("test/Benchmarks/gpu_experts.py", f"--out={plan.out}/benchmark.json", *tiny)], 240,
              [*MESSAGES], show=r"^\||^#|^Device|^Copy|^Dense|^Peers")


@contextlib.contextmanager
def context_held(device):
    """The driver stays initialised between programs, which saves each of them seconds."""
    holder = None
    if device != "cuda-emulator":
        code = "import torch, time; torch.zeros(1).cuda(); time.sleep(900)"
        holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        if holder:
            holder.kill()
            holder.wait()


def trim(folder):
    """Removes what need not go back, then the largest files, until the rest is small."""
    for name in ("cache", "layer"):
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    files = sorted((os.path.getsize(p), p) for p in glob.glob(os.path.join(folder, "**"), recursive=True) if os.path.isfile(p))
    while sum(size for size, _ in files) > MOST:
        os.remove(files.pop()[1])


def main(root, device, out, call):
    """The steps of a call; their outcomes as run's steps."""
    plan = Plan(root, device, out, call)
    with context_held(device):
        (first_call if call == 1 else second_call)(plan)
    table = plan.table()
    print("\n" + table, flush=True)
    with open(os.path.join(out, "first.md"), "w") as f:
        f.write(table + "\n")
    trim(out)
    return [{"name": s.name, "status": "failed" if s.status == "hangs" else s.status, "why": s.detail, "seconds": round(s.seconds, 1)} for s in plan.steps]
