"""Fails if the host's code of a module (standard input) computes with
floating-point numbers, or if there is no host's code."""

import re
import sys

# Kernels are text in one line each, or modules of their own.
text = re.sub(r"^ *gpu\.binary .*$", "", sys.stdin.read(), flags=re.M)
if "llvm.func @main(" not in text:
    sys.exit("no function main")
found = re.findall(r"llvm\.(?:f(?:add|sub|mul|div|rem|neg|cmp|ptrunc|pext)|intr\.(?:exp|fma|max|min|sqrt)\w*)\b.*", text)
if found:
    sys.exit(f"{len(found)} operations on floating-point numbers, such as {found[0]}")
