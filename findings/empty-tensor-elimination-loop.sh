#!/usr/bin/env bash
# MLIR 22.1.8 (Debian 12's packages), --eliminate-empty-tensors and then
# --one-shot-bufferize.
#
# A loop starts from tensor.empty, and its result is put into an argument by
# bufferization.materialize_in_destination. By itself the program is bufferized,
# with an allocation and a copy. The pass makes the argument the start of the
# loop, as it does for linalg operations; bufferization then refuses the program.
# With tensor.insert_slice in place of materialize_in_destination both are fine.
#
#   seen:   'scf.for' op not bufferizable ... cannot avoid RaW conflict
#   guess:  the pass saves the allocation, or else changes nothing
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

write() { # what puts %y into %out
  cat <<END
func.func @copy(%x: tensor<?xf32>, %out: tensor<?xf32>) -> tensor<?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %y = scf.for %i = %c0 to %n step %c1 iter_args(%rest = %e) -> tensor<?xf32> {
    %v = tensor.extract %x[%i] : tensor<?xf32>
    %next = tensor.insert %v into %rest[%i] : tensor<?xf32>
    scf.yield %next : tensor<?xf32>
  }
  %r = $1
  return %r : tensor<?xf32>
}
END
}
bufferize=--one-shot-bufferize=bufferize-function-boundaries
put='bufferization.materialize_in_destination %y in %out : (tensor<?xf32>, tensor<?xf32>) -> tensor<?xf32>'
insert='tensor.insert_slice %y into %out[0] [%n] [1] : tensor<?xf32> into tensor<?xf32>'

write "$put" >put.mlir
write "$insert" >insert.mlir
"$tools/mlir-opt" put.mlir $bufferize -o /dev/null
"$tools/mlir-opt" insert.mlir --eliminate-empty-tensors $bufferize -o inserted.mlir
! grep -q memref.alloc inserted.mlir
if "$tools/mlir-opt" put.mlir --eliminate-empty-tensors $bufferize -o /dev/null 2>errors; then
  echo "changed: the program is bufferized" >&2
  exit 1
fi
grep -q "cannot avoid RaW conflict" errors
echo "as before: refused after --eliminate-empty-tensors"
