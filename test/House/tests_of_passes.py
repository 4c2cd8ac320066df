# RUN: %python %s
"""Every pass has a test with the name of its argument, without `moe-` and
`convert-` if one likes."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import house

tests = house.files(r"^test/.*\.(mlir|test)$")
problems = []
for path in house.files(r"^include/.*\.td$"):
    for argument in re.findall(r'^def \w+\s*:\s*(?:Interface)?Pass<\s*"([\w-]+)"', house.read(path), re.M):
        short = re.sub(r"^(moe-)?(convert-)?", "", argument)
        name = re.compile(rf"/({argument}|{argument[4:]}|{short})(-[\w-]+)?\.\w+$")
        if not any(name.search(test) for test in tests):
            problems.append(f"{path}: no test named {short}.mlir for the pass {argument}")
house.finish(problems)
