# RUN: %python %s %moe_build
"""What a call leaves to the next, against NumPy, call by call, on the CPU and on a device: a step copies a row, not the
whole; a state may grow; and nothing but a state and what is given away is written to.
"""

import os
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Inputs"))
import moe_run

BUILD = sys.argv[1]
SCRATCH = tempfile.mkdtemp(prefix="moe-state-")
DEVICES = ("cpu", "cuda-emulator")
rng = np.random.default_rng(0)


def calls(text, inputs, results, count, device, flags=()):
    """The results of the last of so many calls, and the bytes that all of them copied."""
    model = os.path.join(SCRATCH, "model.mlir")
    with open(model, "w") as f:
        f.write(text)
    paths = []
    for i, value in enumerate(inputs):
        paths.append(os.path.join(SCRATCH, f"in{i}.npy"))
        np.save(paths[-1], value)
    got, stats = moe_run.run(BUILD, model, paths, results, SCRATCH,
                             flags=[f"--calls={count}", f"--device={device}", "--opt-level=0", *flags])
    return got, stats["copied_bytes"]


# A cache of keys: each call writes the row after the last, and multiplies with all of them.
CACHE = """
ml_program.global private mutable @cache(dense<0.0> : tensor<1000x64xf32>) : tensor<1000x64xf32>
ml_program.global private mutable @length(dense<0> : tensor<i64>) : tensor<i64>
func.func @main(%x: tensor<1x64xf32>) -> tensor<1000xf32> {
  %zero = arith.constant 0.0 : f32
  %one = arith.constant 1 : i64
  %length = ml_program.global_load @length : tensor<i64>
  %n = tensor.extract %length[] : tensor<i64>
  %at = arith.index_cast %n : i64 to index
  %old = ml_program.global_load @cache : tensor<1000x64xf32>
  %f = arith.sitofp %n : i64 to f32
  %row = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, affine_map<(i, j) -> (i, j)>],
                         iterator_types = ["parallel", "parallel"]}
      ins(%x : tensor<1x64xf32>) outs(%x : tensor<1x64xf32>) {
  ^bb0(%a: f32, %b: f32):
    %s = arith.addf %a, %f : f32
    linalg.yield %s : f32
  } -> tensor<1x64xf32>
  %new = tensor.insert_slice %row into %old[%at, 0] [1, 64] [1, 1] : tensor<1x64xf32> into tensor<1000x64xf32>
  ml_program.global_store @cache = %new : tensor<1000x64xf32>
  %next = arith.addi %n, %one : i64
  %stored = tensor.from_elements %next : tensor<i64>
  ml_program.global_store @length = %stored : tensor<i64>
  %flat = tensor.collapse_shape %x [[0, 1]] : tensor<1x64xf32> into tensor<64xf32>
  %e = tensor.empty() : tensor<1000xf32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<1000xf32>) -> tensor<1000xf32>
  %y = linalg.matvec ins(%new, %flat : tensor<1000x64xf32>, tensor<64xf32>) outs(%z : tensor<1000xf32>) -> tensor<1000xf32>
  return %y : tensor<1000xf32>
}
"""
x = rng.standard_normal((1, 64)).astype(np.float32)
row_bytes = x.nbytes
for device in DEVICES:
    cache = np.zeros((1000, 64), np.float32)
    copied = []
    for count in range(1, 4):
        cache[count - 1] = x + np.float32(count - 1)
        (y,), bytes_ = calls(CACHE, [x], 1, count, device)
        np.testing.assert_allclose(y, cache @ x[0], rtol=1e-4, atol=1e-4)
        copied.append(bytes_)
    # None at all, where the row is computed in its place.
    assert all(bytes_ <= row_bytes * n for n, bytes_ in zip((1, 2, 3), copied)), (device, copied)

# The same in a loop, of which a round may leave the state as it is, and with layers one behind the other.
LOOP = """
ml_program.global private mutable @cache(dense<1.0> : tensor<2x100x8xf32>) : tensor<2x100x8xf32>
func.func @main(%x: tensor<6x8xf32>, %from: index) -> tensor<2x100x8xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c6 = arith.constant 6 : index
  scf.for %layer = %c0 to %c2 step %c1 {
    scf.for %i = %c0 to %c6 step %c1 {
      %odd = arith.remui %i, %c2 : index
      %p = arith.cmpi eq, %odd, %layer : index
      %at = arith.addi %from, %i : index
      scf.if %p {
        %old = ml_program.global_load @cache : tensor<2x100x8xf32>
        %row = tensor.extract_slice %x[%i, 0] [1, 8] [1, 1] : tensor<6x8xf32> to tensor<1x8xf32>
        %new = tensor.insert_slice %row into %old[%layer, %at, 0] [1, 1, 8] [1, 1, 1] : tensor<1x8xf32> into tensor<2x100x8xf32>
        ml_program.global_store @cache = %new : tensor<2x100x8xf32>
      }
    }
  }
  %all = ml_program.global_load @cache : tensor<2x100x8xf32>
  return %all : tensor<2x100x8xf32>
}
"""
x = rng.standard_normal((6, 8)).astype(np.float32)
wanted = np.ones((2, 100, 8), np.float32)
for i in range(6):
    wanted[i % 2, 40 + i] = x[i]
for device in DEVICES:
    (y,), copied = calls(LOOP, [x, np.int64(40)], 1, 2, device)
    np.testing.assert_array_equal(y, wanted)
    # Six rows, and what is returned.
    assert copied == 2 * (x.nbytes + wanted.nbytes), (device, copied)

# A state that the program makes larger, and smaller.
GROW = """
ml_program.global private mutable @rows : tensor<?x2xf32>
func.func @main(%x: tensor<?x2xf32>, %drop: index) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
  %c0 = arith.constant 0 : index
  %old = ml_program.global_load @rows : tensor<?x2xf32>
  %all = tensor.concat dim(0) %old, %x : (tensor<?x2xf32>, tensor<?x2xf32>) -> tensor<?x2xf32>
  %n = tensor.dim %all, %c0 : tensor<?x2xf32>
  %m = arith.subi %n, %drop : index
  %new = tensor.extract_slice %all[%drop, 0] [%m, 2] [1, 1] : tensor<?x2xf32> to tensor<?x2xf32>
  ml_program.global_store @rows = %new : tensor<?x2xf32>
  return %old, %new : tensor<?x2xf32>, tensor<?x2xf32>
}
"""
x = rng.standard_normal((3, 2)).astype(np.float32)
for device in DEVICES:
    for drop in (0, 1, 3):
        old = np.zeros((0, 2), np.float32)
        for count in range(1, 4):
            new = np.concatenate([old, x])[drop:]
            got, _ = calls(GROW, [x, np.int64(drop)], 2, count, device)
            np.testing.assert_array_equal(got[0], old)
            np.testing.assert_array_equal(got[1], new)
            old = new

# States that change places, and one value in two of them: none is taken for another.
SWAP = """
ml_program.global private mutable @a(dense<[1, 2]> : tensor<2xi32>) : tensor<2xi32>
ml_program.global private mutable @b(dense<[3, 4]> : tensor<2xi32>) : tensor<2xi32>
ml_program.global private mutable @c(dense<0> : tensor<2xi32>) : tensor<2xi32>
ml_program.global private mutable @d(dense<0> : tensor<2xi32>) : tensor<2xi32>
func.func @main(%x: tensor<2xi32>) -> (tensor<2xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>) {
  %c0 = arith.constant 0 : index
  %nine = arith.constant 9 : i32
  %a = ml_program.global_load @a : tensor<2xi32>
  %b = ml_program.global_load @b : tensor<2xi32>
  %c = ml_program.global_load @c : tensor<2xi32>
  %d = ml_program.global_load @d : tensor<2xi32>
  ml_program.global_store @a = %b : tensor<2xi32>
  ml_program.global_store @b = %a : tensor<2xi32>
  %s = arith.addi %c, %x : tensor<2xi32>
  ml_program.global_store @c = %s : tensor<2xi32>
  ml_program.global_store @d = %s : tensor<2xi32>
  %scratch = tensor.insert %nine into %d[%c0] : tensor<2xi32>
  return %a, %b, %c, %scratch : tensor<2xi32>, tensor<2xi32>, tensor<2xi32>, tensor<2xi32>
}
"""
x = np.array([5, 6], np.int32)
for device in DEVICES:
    a, b, c = np.array([1, 2]), np.array([3, 4]), np.zeros(2, int)
    for count in range(1, 4):
        got, _ = calls(SWAP, [x], 4, count, device)
        for value, wanted in zip(got, (a, b, c, np.array([9, c[1]]))):
            np.testing.assert_array_equal(value, wanted)
        a, b, c = b, a, c + x

# What is changed and not stored is no state.
UNSTORED = """
ml_program.global private mutable @s(dense<1.0> : tensor<4xf32>) : tensor<4xf32>
func.func @main(%v: f32) -> tensor<4xf32> {
  %c0 = arith.constant 0 : index
  %s = ml_program.global_load @s : tensor<4xf32>
  %old = tensor.extract %s[%c0] : tensor<4xf32>
  %sum = arith.addf %old, %v : f32
  %t = tensor.insert %sum into %s[%c0] : tensor<4xf32>
  return %t : tensor<4xf32>
}
"""
for device in DEVICES:
    (y,), _ = calls(UNSTORED, [np.float32(2)], 1, 3, device)
    np.testing.assert_array_equal(y, np.array([3, 1, 1, 1], np.float32))

# An argument that is given away is changed in place, another one is not; callers that keep theirs keep it.
DONATED = """
func.func @main(%x: tensor<100x8xf32> {moe.donated}, %y: tensor<100x8xf32>, %r: tensor<1x8xf32>)
    -> (tensor<100x8xf32>, tensor<100x8xf32>) {
  %a = tensor.insert_slice %r into %x[3, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<100x8xf32>
  %b = tensor.insert_slice %r into %y[4, 0] [1, 8] [1, 1] : tensor<1x8xf32> into tensor<100x8xf32>
  return %a, %b : tensor<100x8xf32>, tensor<100x8xf32>
}
"""
x, y = rng.standard_normal((2, 100, 8)).astype(np.float32)
r = rng.standard_normal((1, 8)).astype(np.float32)
for device in DEVICES:
    got, copied = calls(DONATED, [x, y, r], 2, 2, device)
    for value, given, row in ((got[0], x, 3), (got[1], y, 4)):
        wanted = given.copy()
        wanted[row] = r
        np.testing.assert_array_equal(value, wanted)
    assert copied == 2 * (r.nbytes + y.nbytes + r.nbytes), (device, copied)

# A text of a later phase knows its states.
model, lowered = os.path.join(SCRATCH, "swap.mlir"), os.path.join(SCRATCH, "lowered.mlir")
with open(model, "w") as f:
    f.write(SWAP)
for phase in ("grouped", "machine"):
    moe_run.execute([os.path.join(BUILD, "bin", "moe-run"), model, f"--compile-to={phase}", "-o", lowered])
print("state and what is given away")
