#!/usr/bin/env bash
# torch-mlir 20261001, its pipelines from the torch dialect to linalg on tensors.
#
# Flattening the first two axes of [batch, length, 32], both dynamic, is lowered as
# if the length were 1: a cast asserts it, and [length, 32] is joined instead of
# [batch, length]. No error, no warning; the result is wrong for each other length.
#
#   seen:   tensor.cast ... tensor<?x?x32xf32> to tensor<?x1x32xf32>, collapse [[0], [1, 2]]
#   guess:  collapse [[0, 1], [2]], or a refusal
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3.11 -m venv venv
venv/bin/pip install -q --disable-pip-version-check --no-deps torch-mlir==20261001 numpy==2.3.5
cat >lower.py <<'END'
from torch_mlir import ir
from torch_mlir.dialects import torch
from torch_mlir.passmanager import PassManager

TEXT = """
func.func @main(%x: !torch.vtensor<[?,?,32],f32>) -> !torch.vtensor<[?,32],f32> {
  %first = torch.constant.int 0
  %last = torch.constant.int 1
  %flat = torch.aten.flatten.using_ints %x, %first, %last
    : !torch.vtensor<[?,?,32],f32>, !torch.int, !torch.int -> !torch.vtensor<[?,32],f32>
  return %flat : !torch.vtensor<[?,32],f32>
}
"""
with ir.Context() as context:
    torch.register_dialect(context)
    module = ir.Module.parse(TEXT)
    PassManager.parse(
        "builtin.module(torchdynamo-export-to-torch-backend-pipeline{extra-library=},"
        "torch-backend-to-linalg-on-tensors-backend-pipeline)"
    ).run(module.operation)
    print(module)
END
venv/bin/python lower.py | tee lowered.mlir
grep -q 'tensor.cast .* : tensor<?x?x32xf32> to tensor<?x1x32xf32>' lowered.mlir
grep -qF '[[0], [1, 2]]' lowered.mlir
