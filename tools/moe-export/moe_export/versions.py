"""Which versions of the frameworks this package was tested with."""

import importlib
import importlib.metadata

from .errors import ExportError, warn

TESTED = {
    "jax": "0.10.2",
    "jaxlib": "0.10.2",
    "keras": "3.15.1",
    "torch": "2.15.0",
    "torch-mlir": "20261001",
}


def check(extra, *packages):
    """Stops where a package is missing, and warns where its version was never tried."""
    for package in packages:
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise ExportError(
                f"{package} is not installed; pip install {package}=={TESTED[package]}, or install this package as "
                f"moe-export[{extra}]"
            ) from None
        # A local part, such as the +cpu of torch, is another build of the same version.
        if version.partition("+")[0] != TESTED[package]:
            warn(f"moe_export was tested with {package} {TESTED[package]}, this is {version}")


def need(package, module, name):
    """A part of a framework that is no promise of it: `module.name`, or an error that says which version has it."""
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        version = importlib.metadata.version(package)
        raise ExportError(
            f"{package} {version} has no {module}.{name}, which the export needs; "
            f"{package} {TESTED[package]} has it"
        ) from None
