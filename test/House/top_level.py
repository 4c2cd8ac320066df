# RUN: %python %s
"""The top level is what the documentation says, and nothing else."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import house

EXPECTED = {"findings", "include", "lib", "tools", "test", "docs", "CMakeLists.txt", "README.md", "LICENSE"}

found = {path.split("/")[0] for path in house.files()}
found = {name for name in found if not name.startswith(".")}
house.finish(
    [f"{name}: does not belong at the top level" for name in sorted(found - EXPECTED)]
    + [f"{name}: missing at the top level" for name in sorted(EXPECTED - found)]
)
