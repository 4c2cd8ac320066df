# RUN: %python %s
"""A framework that is missing, or has another version, is said with what to install. None is needed here."""

import importlib.metadata
import os
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


def warns(check, *messages):
    with warnings.catch_warnings(record=True) as given:
        warnings.simplefilter("always")
        check()
    assert [str(w.message) for w in given] == list(messages), given
    assert all(w.filename == __file__ for w in given), given


installed(torch="2.14.0", torch_mlir="20261001")
warns(check, "moe_export was tested with torch 2.15.0, this is 2.14.0")

# Of JAX and Keras a range is tested; what is newer is used.
oldest, newest = versions.TESTED["jax"]
check = lambda: versions.check("jax", "jax")
installed()
says(check, f"jax is not installed; pip install 'jax>={oldest}'", "moe-export[jax]")
for version in (oldest, newest, "0.10.2"):
    installed(jax=version)
    check()
for version in ("0.4.30", "1.0.0"):
    installed(jax=version)
    warns(check, f"moe_export was tested with jax {oldest} to {newest}, this is {version}")
project = os.path.join(os.path.dirname(versions.__file__), os.pardir, "pyproject.toml")
with open(project) as file:
    text = file.read()
assert text.count(f'"jax>={oldest}"') == 3 and f'"keras>={versions.TESTED["keras"][0]}"' in text
