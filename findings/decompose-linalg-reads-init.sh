#!/usr/bin/env bash
# MLIR 22.1.8 (Debian 12's packages), linalg::populateDecomposeLinalgOpsPattern.
#
# A linalg.generic of two scalar operations, out = start + a * a, is taken apart into
# one for each. The second one gets the product as an input in front of its output,
# and what read the output reads the input at its old place: it adds the product to
# itself, and the start is lost.
#
#   seen:   arith.addf of the product and the product
#   guess:  arith.addf of what the operation starts from and the product
set -euo pipefail

version=1:22.1.8-1~deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(mlir-22-tools libmlir-22 libllvm22)
apt-get download -qq "${packages[@]/%/=$version}" >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
export LD_LIBRARY_PATH=$folder/usr/lib/llvm-22/lib:$folder/usr/lib/x86_64-linux-gnu

usr/lib/llvm-22/bin/mlir-opt --test-linalg-decompose-ops=remove-dead-args-and-results >apart.mlir <<'END'
#each = affine_map<(d0) -> (d0)>
func.func @main(%a: tensor<4xf32>, %start: tensor<4xf32>) -> tensor<4xf32> {
  %r = linalg.generic {indexing_maps = [#each, #each], iterator_types = ["parallel"]} ins(%a : tensor<4xf32>) outs(%start : tensor<4xf32>) {
  ^bb0(%x: f32, %o: f32):
    %p = arith.mulf %x, %x : f32
    %s = arith.addf %o, %p : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %r : tensor<4xf32>
}
END
sum=$(grep -o 'arith.addf %[a-z0-9_]*, %[a-z0-9_]*' apart.mlir)
block=$(grep -B1 'arith.addf' apart.mlir | head -1 | tr -d ' ')
echo "$sum in $block"
[[ $sum == "arith.addf %in, %in" && $block == "^bb0(%in:f32,%out:f32):" ]]
