"""From Keras, JAX and PyTorch to models that moe-run takes.

    moe_export.keras(model, "folder")
    moe_export.jax(function, args, "folder", weights=weights)
    moe_export.torch(module, args, "folder")
    y = moe_export.run("folder", x)

Each export writes folder/model.mlir and folder/weights.safetensors, or raises ExportError and writes nothing. A
framework is imported when its function is called.
"""

from .errors import ExportError, RunError
from .jax import jax
from .keras import keras
from .run import run
from .torch import torch

__all__ = ["ExportError", "RunError", "jax", "keras", "run", "torch"]
