# RUN: %python %s
"""A file is one thing: none is over 800 lines; of the code, half is under 200
and nine in ten are under 450."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import house

WRITTEN = r"(\.(cpp|c|h|td|py|md|cmake|txt|in|cfg|test)|^tools/setup|^test/run|/[a-z_0-9-]+\.mlir)$"

problems = []
for path in house.files(WRITTEN):
    lines = house.read(path).count("\n")
    if lines > 800:
        problems.append(f"{path}: {lines} lines, more than 800")
lengths = sorted(house.read(path).count("\n") for path in house.files(house.CODE.pattern))
for share, limit in ((0.5, 200), (0.9, 450)):
    length = lengths[int(share * (len(lengths) - 1))]
    if length > limit:
        problems.append(f"{share:.0%} of the code files should have at most {limit} lines, but reach {length}")
house.finish(problems)
