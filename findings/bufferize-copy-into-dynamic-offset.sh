#!/usr/bin/env bash
# MLIR 22.1.8 (Debian 12's packages), mlir-opt --one-shot-bufferize.
#
# A function says by bufferization.buffer_layout that it takes rows from any offset on,
# strided<[8, 1], offset: ?>. A caller whose buffer may have other strides, as that of
# an scf.if of an argument and of some columns of another one, gets a copy; it is
# allocated in the layout of the function's argument, offset included, so that the
# allocation has a symbol without a value, and the pass fails on its own result.
#
#   seen:   error: 'memref.alloc' op symbol operand count does not equal memref symbol
#           count: expected 1, got 0
#   guess:  a copy of contiguous rows, cast to the layout of the argument
set -euo pipefail

version=1:22.1.8-1~deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(mlir-22-tools libmlir-22 libllvm22)
apt-get download -qq "${packages[@]/%/=$version}" >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
export LD_LIBRARY_PATH=$folder/usr/lib/llvm-22/lib:$folder/usr/lib/x86_64-linux-gnu

cat >rows.mlir <<'END'
func.func private @first(%x: tensor<?x8xf32> {bufferization.buffer_layout = strided<[8, 1], offset: ?>}) -> f32 {
  %zero = arith.constant 0 : index
  %v = tensor.extract %x[%zero, %zero] : tensor<?x8xf32>
  return %v : f32
}
func.func @main(%c: i1, %a: tensor<?x8xf32>, %b: tensor<?x9xf32>, %n: index) -> f32 {
  %columns = tensor.extract_slice %b[0, 1] [%n, 8] [1, 1] : tensor<?x9xf32> to tensor<?x8xf32>
  %y = scf.if %c -> tensor<?x8xf32> {
    scf.yield %a : tensor<?x8xf32>
  } else {
    scf.yield %columns : tensor<?x8xf32>
  }
  %r = func.call @first(%y) : (tensor<?x8xf32>) -> f32
  return %r : f32
}
END
options="bufferize-function-boundaries function-boundary-type-conversion=identity-layout-map"
if usr/lib/llvm-22/bin/mlir-opt rows.mlir --one-shot-bufferize="$options" >buffers.mlir 2>errors.txt; then
  echo "bufferizes"
  exit 1
fi
head -1 errors.txt
grep -q "'memref.alloc' op symbol operand count does not equal memref symbol count: expected 1, got 0" errors.txt
grep -q 'strided<\[8, 1\], offset: ?>' errors.txt
