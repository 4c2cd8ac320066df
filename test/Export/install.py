# REQUIRES: jax
# RUN: %export_python %s %moe_src
"""An installation leaves no file in the source, and takes all of the package."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile


def files(folder):
    paths = (os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names)
    return sorted(path for path in paths if "__pycache__" not in path)


with tempfile.TemporaryDirectory() as scratch:
    source, wheels = os.path.join(scratch, "source"), os.path.join(scratch, "wheels")
    shutil.copytree(os.path.join(sys.argv[1], "tools", "moe-export"), source)
    before = files(source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-index", "--no-deps"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([*command, "--no-build-isolation", "-w", wheels, source], env=environment, check=True)
    assert files(source) == before, set(files(source)) ^ set(before)
    (wheel,) = os.listdir(wheels)
    with zipfile.ZipFile(os.path.join(wheels, wheel)) as archive:
        packed = archive.namelist()
    assert all(path in packed for path in before if path.endswith(".py")), packed
