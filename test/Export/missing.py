# RUN: %python %s
"""A framework that is missing, or has another version, is said with what to install. None is needed here."""

import importlib.metadata
import warnings

from moe_export import ExportError, versions


def installed(**packages):
    def version(package):
        try:
            return packages[package.replace("-", "_")]
        except KeyError:
            raise importlib.metadata.PackageNotFoundError(package) from None

    importlib.metadata.version = version


def says(action, *words):
    try:
        action()
    except ExportError as problem:
        said = str(problem)
    else:
        raise AssertionError("no error")
    assert "\n" not in said and all(word in said for word in words), said


warnings.simplefilter("error")
check = lambda: versions.check("torch", "torch", "torch-mlir")
installed()
says(check, "torch is not installed; pip install torch==2.15.0", "moe-export[torch]")
installed(torch="2.15.0+cpu")
says(check, "torch-mlir is not installed; pip install torch-mlir==20261001", "moe-export[torch]")
installed(torch="2.15.0+cpu", torch_mlir="20261001")
check()
says(lambda: versions.need("torch-mlir", "json", "nothing"), "torch-mlir 20261001 has no json.nothing")
installed(torch="2.14.0", torch_mlir="20261001")
with warnings.catch_warnings(record=True) as given:
    warnings.simplefilter("always")
    check()
assert [str(w.message) for w in given] == ["moe_export was tested with torch 2.15.0, this is 2.14.0"], given
