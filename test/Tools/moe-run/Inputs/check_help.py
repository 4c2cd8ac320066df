"""Help has at most 60 lines and shows no flag of LLVM's."""

import sys

lines = open(sys.argv[1]).read().splitlines()
assert 20 < len(lines) <= 60, len(lines)
for line in lines:
    assert not any(word in line.lower() for word in ("llvm", "mlir")), line
