"""Which versions of the frameworks this package was tested with."""

import importlib
import importlib.metadata
import re

from .errors import ExportError, warn

# The oldest and the newest; the former are those of pyproject.toml.
TESTED = {
    "jax": ("0.7.0", "0.12.0.1"),
    "jaxlib": ("0.7.0", "0.12.0"),
    "keras": ("3.11.0", "3.15.1"),
    "torch": ("2.15.0", "2.15.0"),
    "torch-mlir": ("20261001", "20261001"),
    "transformers": ("5.24.0", "5.24.0"),
}


def check(extra, *packages):
    """Stops where a package is missing, and warns where its version was never tried."""
    for package in packages:
        oldest, newest = TESTED[package]
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            wanted = f"{package}=={newest}" if oldest == newest else f"'{package}>={oldest}'"
            raise ExportError(
                f"{package} is not installed; pip install {wanted}, or install this package as moe-export[{extra}]"
            ) from None
        if not _numbers(oldest) <= _numbers(version) <= _numbers(newest):
            tested = oldest if oldest == newest else f"{oldest} to {newest}"
            warn(f"moe_export was tested with {package} {tested}, this is {version}")


def _numbers(version):
    """A local part, such as the +cpu of torch, is another build of the same version."""
    return [int(number) for number in re.findall(r"\d+", version.partition("+")[0])]


def need(package, module, name):
    """A part of a framework that is no promise of it: `module.name`, or an error that says which version has it."""
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        version = importlib.metadata.version(package)
        raise ExportError(
            f"{package} {version} has no {module}.{name}, which the export needs; "
            f"{package} {TESTED[package][1]} has it"
        ) from None
