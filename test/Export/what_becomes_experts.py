# RUN: %python %s
"""Each line of the table "What becomes experts" is named by a test of exports, which holds models to it, and they name no other."""

import ast
import glob
import os

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "..", "docs", "HowTo", "ExportAModel.md")
FRAMEWORKS = ("Keras: ", "JAX: ", "PyTorch: ", "transformers: ")

with open(PAGE) as page:
    table = page.read().partition("## What becomes experts")[2].partition("\n## ")[0]
lines = {line.split(" | ")[0].removeprefix("| ") for line in table.splitlines() if line.startswith("| ")} - {"model"}
assert len(lines) > 20 and all(line.startswith(FRAMEWORKS) for line in lines), lines
named = set()
for path in glob.glob(os.path.join(HERE, "*.py")):
    with open(path) as test:
        tree = ast.parse(test.read())
    strings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    if path != os.path.abspath(__file__):
        named |= {text for text in strings if text.startswith(FRAMEWORKS)}
assert named == lines, {"without a test": lines - named, "not in the table": named - lines}
