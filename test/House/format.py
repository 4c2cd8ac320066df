# RUN: %python %s
"""C++ is formatted as clang-format 22 does it with .clang-format."""

import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import house

program = shutil.which("clang-format-22")
if not program:
    house.finish(["clang-format-22 is not installed; tools/setup installs it"])
sources = house.files(r"^(include|lib|tools|test)/.*\.(cpp|c|h)$")
done = subprocess.run([program, "--dry-run", "-Werror", *sources], cwd=house.ROOT, capture_output=True, text=True)
wrong = {line.partition(":")[0] for line in done.stderr.splitlines() if "error:" in line}
house.finish([f"{path}: not formatted; run clang-format-22 -i on it" for path in sorted(wrong)])
