"""What the tests of the house share: the files of the tree, and how to report."""

import os
import re
import subprocess
import sys

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))
CODE = re.compile(r"^(include|lib|tools)/.*\.(cpp|c|h|td)$")


def files(pattern=""):
    """Paths from the root of what git tracks or would track, else of all."""
    git = ["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-co", "--exclude-standard"]
    try:
        listed = subprocess.run(git, capture_output=True, text=True, check=True).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        listed = []
        for folder, folders, names in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in (".git", "__pycache__") and not f.startswith("build")]
            listed += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names]
    return sorted(f for f in listed if re.search(pattern, f) and os.path.isfile(os.path.join(ROOT, f)))


def read(path):
    """The text of a file, or nothing if it is not text."""
    with open(os.path.join(ROOT, path), "rb") as f:
        data = f.read()
    return "" if b"\0" in data[:4096] else data.decode("utf-8", "replace")


def finish(problems):
    """Ends the test; each problem is a line."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
