#!/usr/bin/env bash
# LLVM 22.1.8 (Debian 12's packages), ORC's lazy compilation on x86-64 with AVX.
#
# A function that is compiled when it is first called gets, in that call, only the
# low 128 bits of an argument in a vector register: the stub through which the call
# goes saves no more while the function is compiled. Every later call is right.
#
#   seen:   first call 4 of 8 elements, second call 8 of 8
#   guess:  a call to a lazily compiled function is a call: 8 of 8 both times
set -euo pipefail

grep -qw avx /proc/cpuinfo || { echo "this needs a processor with AVX" >&2; exit 1; }
version=1:22.1.8-1~deb12u1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
packages=(llvm-22-runtime llvm-22 libllvm22)
apt-get download -qq "${packages[@]/%/=$version}" >/dev/null
for package in *.deb; do dpkg -x "$package" .; done
export LD_LIBRARY_PATH=$folder/usr/lib/x86_64-linux-gnu

# How many of eight elements arrive as they were given.
cat >call.ll <<'END'
define i32 @count(<8 x i32> %v) #0 {
  %same = icmp eq <8 x i32> %v, <i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8>
  %ones = zext <8 x i1> %same to <8 x i32>
  %sum = call i32 @llvm.vector.reduce.add.v8i32(<8 x i32> %ones)
  ret i32 %sum
}
define i32 @main() #0 {
  %first = call i32 @count(<8 x i32> <i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8>)
  %second = call i32 @count(<8 x i32> <i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8>)
  %tens = mul i32 %first, 10
  %both = add i32 %tens, %second
  ret i32 %both
}
declare i32 @llvm.vector.reduce.add.v8i32(<8 x i32>)
attributes #0 = { "target-features"="+avx" noinline optnone }
END
both=0
usr/lib/llvm-22/bin/lli --jit-kind=orc-lazy call.ll || both=$?
echo "first call $((both / 10)) of 8 elements, second call $((both % 10)) of 8"
[[ $both == 48 ]]
