"""A layer of SwiGLU experts in bf16, as a model for moe-run, and its time.

Scores are given, so that nothing but the experts and their routing is measured. One
model takes rows and scores as inputs and returns all rows, which moe-run copies to
the device and back in every run. The other, for the time on the device, finds both
among its parameters, which stay there, and returns one row.
"""

import json
import os
import statistics
import struct
import sys

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Inputs"))
import moe_run
import strict_json

SAMPLE = 32
GLOBALS = """
ml_program.global private @rows(#ml_program.extern<tensor<@Nx@Hxbf16>>) : tensor<@Nx@Hxbf16>
ml_program.global private @scores(#ml_program.extern<tensor<@Nx@Exf32>>) : tensor<@Nx@Exf32>
"""
LAYER = """
moe.parameters @gate_proj "experts.{0}.gate_proj.weight" [@E] : tensor<@Ix@Hxbf16>
moe.parameters @up_proj "experts.{0}.up_proj.weight" [@E] : tensor<@Ix@Hxbf16>
moe.parameters @down_proj "experts.{0}.down_proj.weight" [@E] : tensor<@Hx@Ixbf16>

#row = affine_map<(t, o, i) -> (t, i)>
#weight = affine_map<(t, o, i) -> (o, i)>
#result = affine_map<(t, o, i) -> (t, o)>

func.func private @layer(%x: tensor<?x@Hxbf16>, %scores: tensor<?x@Exf32>) -> tensor<?x@Hxbf16> {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %routing = moe.gate %scores softmax top_k(@K) normalize : (tensor<?x@Exf32>) -> !moe.routing<@E>
  %rows = moe.dispatch %x by %routing : (tensor<?x@Hxbf16>, !moe.routing<@E>) -> tensor<?x@Hxbf16> {
  ^each(%expert: index, %mine: tensor<?x@Hxbf16>):
    %m = tensor.dim %mine, %c0 : tensor<?x@Hxbf16>
    %w_gate = moe.parameter @gate_proj[%expert] : tensor<@Ix@Hxbf16>
    %w_up = moe.parameter @up_proj[%expert] : tensor<@Ix@Hxbf16>
    %w_down = moe.parameter @down_proj[%expert] : tensor<@Hx@Ixbf16>
    %h0 = tensor.empty(%m) : tensor<?x@Ixf32>
    %h1 = linalg.fill ins(%zero : f32) outs(%h0 : tensor<?x@Ixf32>) -> tensor<?x@Ixf32>
    %gate = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%mine, %w_gate : tensor<?x@Hxbf16>, tensor<@Ix@Hxbf16>) outs(%h1 : tensor<?x@Ixf32>) -> tensor<?x@Ixf32>
    %up = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%mine, %w_up : tensor<?x@Hxbf16>, tensor<@Ix@Hxbf16>) outs(%h1 : tensor<?x@Ixf32>) -> tensor<?x@Ixf32>
    %h2 = tensor.empty(%m) : tensor<?x@Ixbf16>
    %hidden = linalg.map ins(%gate, %up : tensor<?x@Ixf32>, tensor<?x@Ixf32>)
      outs(%h2 : tensor<?x@Ixbf16>) (%g: f32, %u: f32, %old: bf16) {
      %one = arith.constant 1.0 : f32
      %negated = arith.negf %g : f32
      %exp = math.exp %negated : f32
      %sum = arith.addf %exp, %one : f32
      %silu = arith.divf %g, %sum : f32
      %product = arith.mulf %silu, %u : f32
      %narrow = arith.truncf %product : f32 to bf16
      linalg.yield %narrow : bf16
    }
    %y0 = tensor.empty(%m) : tensor<?x@Hxf32>
    %y1 = linalg.fill ins(%zero : f32) outs(%y0 : tensor<?x@Hxf32>) -> tensor<?x@Hxf32>
    %wide = linalg.matmul indexing_maps = [#row, #weight, #result]
      ins(%hidden, %w_down : tensor<?x@Ixbf16>, tensor<@Hx@Ixbf16>) outs(%y1 : tensor<?x@Hxf32>) -> tensor<?x@Hxf32>
    %y2 = tensor.empty(%m) : tensor<?x@Hxbf16>
    %out = linalg.map ins(%wide : tensor<?x@Hxf32>) outs(%y2 : tensor<?x@Hxbf16>) (%value: f32, %old: bf16) {
      %narrow = arith.truncf %value : f32 to bf16
      linalg.yield %narrow : bf16
    }
    moe.yield %out : tensor<?x@Hxbf16>
  }
  %y = moe.combine %rows by %routing : (tensor<?x@Hxbf16>, !moe.routing<@E>) -> tensor<?x@Hxbf16>
  return %y : tensor<?x@Hxbf16>
}
"""
COPIED = """
func.func @main(%x: tensor<?x@Hxbf16>, %scores: tensor<?x@Exf32>) -> tensor<?x@Hxbf16> {
  %y = call @layer(%x, %scores) : (tensor<?x@Hxbf16>, tensor<?x@Exf32>) -> tensor<?x@Hxbf16>
  return %y : tensor<?x@Hxbf16>
}
"""
# The number of rows is an input, so that the code is the same for every batch.
RESIDENT = """
func.func @main(%count: i64) -> tensor<1x@Hxbf16> {
  %n = arith.index_cast %count : i64 to index
  %stored = ml_program.global_load_const @rows : tensor<@Nx@Hxbf16>
  %given = ml_program.global_load_const @scores : tensor<@Nx@Exf32>
  %x = tensor.extract_slice %stored[0, 0] [%n, @H] [1, 1] : tensor<@Nx@Hxbf16> to tensor<?x@Hxbf16>
  %scores = tensor.extract_slice %given[0, 0] [%n, @E] [1, 1] : tensor<@Nx@Exf32> to tensor<?x@Exf32>
  %y = call @layer(%x, %scores) : (tensor<?x@Hxbf16>, tensor<?x@Exf32>) -> tensor<?x@Hxbf16>
  %row = tensor.extract_slice %y[0, 0] [1, @H] [1, 1] : tensor<?x@Hxbf16> to tensor<1x@Hxbf16>
  return %row : tensor<1x@Hxbf16>
}
"""


def bf16_bits(values):
    return (moe_run.to_bf16(values).view(np.uint32) >> 16).astype(np.uint16)


def widen(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def write_bf16(path, shapes, rng):
    """A safetensors file of random bf16, of which gigabytes come from one pool."""
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    pool = rng.standard_normal(min(1 << 22, max(offset // 2, 1)) + 12347, np.float32)
    pools = {fan: bf16_bits(pool * np.float32(fan ** -0.5)) for fan in {shape[-1] for shape in shapes.values()}}
    text = json.dumps(header).encode()
    text += b" " * (-(len(text) + 8) % 256)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for shape in shapes.values():
            bits = pools[shape[-1]]
            left, at = int(np.prod(shape)), int(rng.integers(len(bits)))
            while left:
                part = bits[at:at + left]
                part.tofile(f)
                left, at = left - len(part), 0


class Layer:
    """experts, top, hidden, inner; `rows` is the largest batch."""

    def __init__(self, build, scratch, device, shape, rows):
        self.build, self.scratch, self.device = build, scratch, device
        self.experts, self.top, self.hidden, self.inner = shape
        self.weights = self.path("weights.safetensors")
        self.parameters = self.path("rows.safetensors")
        rng = np.random.default_rng(1)
        shapes = {}
        for e in range(self.experts):
            for name in ("gate", "up", "down"):
                shapes[f"experts.{e}.{name}_proj.weight"] = (self.hidden, self.inner) if name == "down" else (self.inner, self.hidden)
        write_bf16(self.weights, shapes, rng)
        self.rows = moe_run.to_bf16(rng.standard_normal((rows, self.hidden), np.float32))
        self.scores = rng.standard_normal((rows, self.experts), np.float32)
        moe_run.save_safetensors(self.parameters, {"rows": moe_run.BF16(self.rows), "scores": self.scores}, 256)
        for name, text in (("copied", LAYER + COPIED), ("resident", GLOBALS + LAYER + RESIDENT)):
            for mark, size in zip(("@E", "@K", "@H", "@I", "@N"), (*shape, rows)):
                text = text.replace(mark, str(size))
            with open(self.path(name + ".mlir"), "w") as f:
                f.write(text)

    def path(self, file):
        return os.path.join(self.scratch, file)

    def chosen(self, count):
        """The experts of each row."""
        return np.argsort(-self.scores[:count], axis=1, kind="stable")[:, :self.top]

    def flops(self, count):
        return 2 * 3 * self.hidden * self.inner * self.top * count

    def weight_bytes(self, count):
        """Of the experts that have rows."""
        return 2 * 3 * self.hidden * self.inner * len(np.unique(self.chosen(count)))

    def _benchmark(self, model, flags, repetitions):
        """Medians of seconds of the families that moe-run reports."""
        out = moe_run.execute([os.path.join(self.build, "bin", "moe-run"), self.path(model + ".mlir"), f"--device={self.device}",
                               f"--parameters={self.weights}", "--benchmark", "--benchmark-format=json", "--warmup=3",
                               f"--repetitions={repetitions}", *flags], timeout=600)
        rows = [b for b in strict_json.loads(out)["benchmarks"] if b["run_type"] == "iteration"]
        families = {b["name"].rsplit("/", 1)[1] for b in rows}
        return {family: statistics.median(b["real_time"] * 1e-9 for b in rows if b["name"].endswith("/" + family))
                for family in families}

    def copied(self, count, repetitions):
        """Seconds of a run with all copies, and how far the result is from NumPy's in a
        sample of rows."""
        x = self.path("x.safetensors")
        moe_run.save_safetensors(x, {"x": moe_run.BF16(self.rows[:count]), "scores": self.scores[:count]})
        times = self._benchmark("copied", [f"--input=@{x}[x]", f"--input=@{x}[scores]", f"--output=@{self.path('y.safetensors')}[y]"],
                                repetitions)
        got = moe_run.load_safetensors(self.path("y.safetensors"))["y"].values
        return {"copied": times["steady"]}, self.away(got, self.sample(count))

    def resident(self, count, repetitions):
        """Seconds of a run without copies of rows, of one that was captured as a graph if
        it can be, and the same for the first row."""
        times = self._benchmark("resident", [f"--parameters={self.parameters}", f"--input=i64={count}",
                                             f"--output=@{self.path('y.safetensors')}[y]"], repetitions)
        return {"resident": times["steady"], "graph": times.get("graph"), "queued": times.get("queued")}, self.away(moe_run.load_safetensors(self.path("y.safetensors"))["y"].values, [0])

    @staticmethod
    def sample(count):
        """The first row, the last, and some between."""
        between = np.random.default_rng(count).choice(count, min(count, SAMPLE), replace=False)
        return sorted({0, count - 1, *between.tolist()})

    def away(self, got, rows):
        """The largest difference in these rows of `got`, over the row's largest value."""
        return float(self.each_away(got, rows).max())

    def each_away(self, got, rows):
        """The same for each of the rows."""
        chosen = self.chosen(max(rows) + 1)[rows]
        weights = np.exp(np.take_along_axis(self.scores[rows], chosen, 1))
        weights /= weights.sum(1, keepdims=True)
        want = np.zeros((len(rows), self.hidden), np.float32)
        # Gigabytes of weights are read once.
        for expert in np.unique(chosen):
            at, slot = np.nonzero(chosen == expert)
            gate, up, down = (self._weight(expert, name) for name in ("gate", "up", "down"))
            x = self.rows[rows][at]
            g, u = x @ gate.T, x @ up.T
            want[at] += weights[at, slot, None] * (moe_run.to_bf16(g / (1 + np.exp(-g)) * u) @ down.T)
        return np.abs(got[rows] - want).max(1) / np.abs(want).max(1)

    def _weight(self, expert, name):
        with open(self.weights, "rb") as f:
            size, = struct.unpack("<Q", f.read(8))
            entry = json.loads(f.read(size))[f"experts.{expert}.{name}_proj.weight"]
            begin, end = entry["data_offsets"]
            f.seek(8 + size + begin)
            return widen(np.frombuffer(f.read(end - begin), np.uint16)).reshape(entry["shape"])
