#!/usr/bin/env bash
# MLIR 22.1.8 (Debian 12's packages), --one-shot-bufferize.
#
# A tensor that scf.index_switch yields and a loop carries is overwritten before
# it is read, where the loop fills another tensor of the same tensor.empty. The
# same program with scf.if in place of scf.index_switch gets a second buffer and
# is right. Nothing is said.
#
#   seen:   scf.if -6, scf.index_switch 0
#   guess:  operations of scf that branch are analysed alike, so both give -6
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

# choice(OPERATION): its one case doubles and negates 3, the default yields 3.
choice() {
  local scalar='^bb0(%a: f32, %o: f32):'
  local each='indexing_maps = [affine_map<(d) -> (d)>, affine_map<(d) -> (d)>], iterator_types = ["parallel"]'
  cat <<END
func.func @compute(%x: tensor<1xf32>, %k: index, %c: i1) -> tensor<1xf32> {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %e = tensor.empty() : tensor<1xf32>
  %doubled = linalg.generic {$each} ins(%x : tensor<1xf32>) outs(%e : tensor<1xf32>) {
  $scalar
    %m = arith.addf %a, %a : f32
    linalg.yield %m : f32
  } -> tensor<1xf32>
  %chosen = $1
    %d = linalg.generic {$each} ins(%doubled : tensor<1xf32>) outs(%e : tensor<1xf32>) {
    $scalar
      %m = arith.negf %a : f32
      linalg.yield %m : f32
    } -> tensor<1xf32>
    scf.yield %d : tensor<1xf32>
  } $2 {
    scf.yield %doubled : tensor<1xf32>
  }
  %sum = scf.for %i = %c0 to %c1 step %c1 iter_args(%carried = %chosen) -> tensor<1xf32> {
    %zeros = linalg.fill ins(%zero : f32) outs(%e : tensor<1xf32>) -> tensor<1xf32>
    %s = linalg.generic {$each} ins(%carried : tensor<1xf32>) outs(%zeros : tensor<1xf32>) {
    $scalar
      %m = arith.addf %a, %o : f32
      linalg.yield %m : f32
    } -> tensor<1xf32>
    scf.yield %s : tensor<1xf32>
  }
  return %sum : tensor<1xf32>
}
func.func @main() {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %true = arith.constant true
  %x = arith.constant dense<3.0> : tensor<1xf32>
  %y = call @compute(%x, %c1, %true) : (tensor<1xf32>, index, i1) -> tensor<1xf32>
  %r = tensor.extract %y[%c0] : tensor<1xf32>
  vector.print %r : f32
  return
}
END
}

run() {
  "$tools/mlir-opt" --one-shot-bufferize="bufferize-function-boundaries allow-return-allocs-from-loops" \
    --convert-linalg-to-loops --convert-vector-to-llvm --convert-scf-to-cf --expand-strided-metadata \
    --lower-affine --finalize-memref-to-llvm --convert-arith-to-llvm --convert-func-to-llvm \
    --convert-cf-to-llvm --reconcile-unrealized-casts |
    "$tools/mlir-runner" -e main --entry-point-result=void \
      --shared-libs="$folder/usr/lib/llvm-22/lib/libmlir_c_runner_utils.so.22.1"
}

if=$(choice 'scf.if %c -> tensor<1xf32> {' else | run)
switch=$(choice 'scf.index_switch %k -> tensor<1xf32> case 1 {' default | run)
echo "scf.if $if, scf.index_switch $switch"
[[ $if == -6 && $switch == 0 ]]
