#!/usr/bin/env bash
# MLIR 22.1.8 (Debian 12's packages), --eliminate-empty-tensors and then
# --one-shot-bufferize.
#
# In scf.forall two operations start from one filled tensor.empty, and their
# results are inserted into its two outputs. The empty tensor becomes the place
# of the first result. The second operation computes there, since the first got a
# copy; the copy is written back over it, and the second output gets the first
# result. Nothing is said. Without --eliminate-empty-tensors both are right.
#
#   seen:   10 30 without the pass, 10 10 with it
#   guess:  the pass saves a copy and changes no value
set -euo pipefail

version=1:22.1.8-1~deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(mlir-22-tools libmlir-22 libllvm22)
apt-get download -qq "${packages[@]/%/=$version}" >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
tools=$folder/usr/lib/llvm-22/bin
export LD_LIBRARY_PATH=$folder/usr/lib/llvm-22/lib:$folder/usr/lib/x86_64-linux-gnu

each='indexing_maps = [affine_map<(d) -> (d)>, affine_map<(d) -> (d)>], iterator_types = ["parallel"]'
cat >program.mlir <<END
func.func @compute(%x: tensor<2xf32>, %y: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
  %zero = arith.constant 0.0 : f32
  %first = tensor.empty() : tensor<2xf32>
  %second = tensor.empty() : tensor<2xf32>
  %r:2 = scf.forall (%i) in (2) shared_outs(%s = %first, %t = %second) -> (tensor<2xf32>, tensor<2xf32>) {
    %e = tensor.empty() : tensor<1xf32>
    %start = linalg.fill ins(%zero : f32) outs(%e : tensor<1xf32>) -> tensor<1xf32>
    %xi = tensor.extract_slice %x[%i] [1] [1] : tensor<2xf32> to tensor<1xf32>
    %yi = tensor.extract_slice %y[%i] [1] [1] : tensor<2xf32> to tensor<1xf32>
    %a = linalg.generic {$each} ins(%xi : tensor<1xf32>) outs(%start : tensor<1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %sum = arith.addf %out, %in : f32
      linalg.yield %sum : f32
    } -> tensor<1xf32>
    %b = linalg.generic {$each} ins(%yi : tensor<1xf32>) outs(%start : tensor<1xf32>) {
    ^bb0(%in: f32, %out: f32):
      %sum = arith.addf %out, %in : f32
      linalg.yield %sum : f32
    } -> tensor<1xf32>
    scf.forall.in_parallel {
      tensor.parallel_insert_slice %a into %s[%i] [1] [1] : tensor<1xf32> into tensor<2xf32>
      tensor.parallel_insert_slice %b into %t[%i] [1] [1] : tensor<1xf32> into tensor<2xf32>
    }
  }
  return %r#0, %r#1 : tensor<2xf32>, tensor<2xf32>
}
func.func @main() {
  %c0 = arith.constant 0 : index
  %x = arith.constant dense<10.0> : tensor<2xf32>
  %y = arith.constant dense<30.0> : tensor<2xf32>
  %r:2 = call @compute(%x, %y) : (tensor<2xf32>, tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>)
  %p = tensor.extract %r#0[%c0] : tensor<2xf32>
  %q = tensor.extract %r#1[%c0] : tensor<2xf32>
  vector.print %p : f32
  vector.print %q : f32
  return
}
END

run() {
  "$tools/mlir-opt" program.mlir "$@" \
    --one-shot-bufferize="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map" \
    --convert-linalg-to-loops --scf-forall-to-for --convert-vector-to-llvm --convert-scf-to-cf --expand-strided-metadata \
    --lower-affine --finalize-memref-to-llvm --convert-arith-to-llvm --convert-func-to-llvm \
    --convert-cf-to-llvm --reconcile-unrealized-casts |
    "$tools/mlir-runner" -e main --entry-point-result=void \
      --shared-libs="$folder/usr/lib/llvm-22/lib/libmlir_c_runner_utils.so.22.1" | paste -sd ' '
}

without=$(run)
with=$(run --eliminate-empty-tensors)
echo "without the pass $without, with it $with"
[[ $without == '10 30' && $with == '10 10' ]]
