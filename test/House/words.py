# RUN: %python %s
"""Files speak of the project: no path of one machine, no mark of unfinished
work; code carries the licence, and headers a guard made of their path."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
import house

PATH = re.compile(r"(?<![\w.}-])/(home|root|work|Users)/\w+")
MARK = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b")
LICENCE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"

assert PATH.search("see /" + "home/somebody") and not PATH.search("docs/work/x")

problems = []
for path in house.files():
    text = house.read(path)
    for number, line in enumerate(text.splitlines(), 1):
        if PATH.search(line):
            problems.append(f"{path}:{number}: path of a machine: {PATH.search(line).group()}")
        if MARK.search(line):
            problems.append(f"{path}:{number}: mark of unfinished work: {MARK.search(line).group()}")
    if re.search(r"^(include|lib|tools|test)/.*\.(cpp|c|h|td)$", path) and "/Inputs/" not in path:
        if LICENCE not in text[:600]:
            problems.append(f"{path}: no licence in its banner")
    if re.search(r"^include/moe/.*\.(h|td)$", path):
        guard = re.sub(r"\W", "_", path[len("include/") :].upper())
        if f"#define {guard}\n" not in text:
            problems.append(f"{path}: no header guard {guard}")
house.finish(problems)
