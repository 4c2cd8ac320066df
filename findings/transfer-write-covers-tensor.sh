#!/usr/bin/env bash
# MLIR 22.1.8 (Debian 12's packages), --one-shot-bufferize of vector.transfer_write.
#
# A vector<8xf32> written to the first row of a tensor<5x6xf32> that must not be
# changed goes to a new buffer, into which the other four rows are not copied: the
# first size of the vector is compared with the first of the tensor, and the write
# counts as one of the whole tensor. With nine rows the tensor is copied.
#
#   seen:   copies for 5 rows 0, for 9 rows 1
#   guess:  a row of a tensor is not the whole tensor, however long: 1 both times
set -euo pipefail

version=1:22.1.8-1~deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(mlir-22-tools libmlir-22 libllvm22)
apt-get download -qq "${packages[@]/%/=$version}" >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
export LD_LIBRARY_PATH=$folder/usr/lib/llvm-22/lib:$folder/usr/lib/x86_64-linux-gnu

# copies ROWS: how often the tensor is copied.
copies() {
  usr/lib/llvm-22/bin/mlir-opt --one-shot-bufferize=bufferize-function-boundaries <<END | grep -c memref.copy || true
func.func @first_row(%t: tensor<$1x6xf32> {bufferization.writable = false}, %v: vector<8xf32>) -> tensor<$1x6xf32> {
  %c0 = arith.constant 0 : index
  %w = vector.transfer_write %v, %t[%c0, %c0] : vector<8xf32>, tensor<$1x6xf32>
  return %w : tensor<$1x6xf32>
}
END
}

five=$(copies 5) nine=$(copies 9)
echo "copies for 5 rows $five, for 9 rows $nine"
[[ $five == 0 && $nine == 1 ]]
