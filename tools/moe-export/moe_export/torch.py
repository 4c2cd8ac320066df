"""Modules of PyTorch, by torch.export and torch-mlir."""

import warnings

from . import model, torch_lowering, versions
from .builder import Builder
from .errors import ExportError, first_line
from .weights import Weights


def torch(module, args, folder, *, dynamic=None):
    """Exports a module as it evaluates `module(*args)` to a folder.

    args: tensors; the inputs of the model. Weights are the parameters and buffers, named as in the state_dict.
    dynamic: whether the first axis of the inputs, where it is as long as that of the first one, may have another
        length when the model runs. By default it may if PyTorch can trace that, with a warning if not.
    """
    versions.check("torch", "torch", "torch-mlir")
    versions.need("torch-mlir", "torch_mlir.fx", "export_and_import")
    batch = next((arg.shape[0] for arg in args if arg.dim()), None)
    training = module.training
    module.eval()
    try:
        if dynamic is False or batch is None:
            return _export(module, args, folder, None)
        try:
            return _export(module, args, folder, batch)
        except Exception as problem:
            first = _as_error(problem)
        if not dynamic:
            # What fails for any size says so itself.
            try:
                _export(module, args, folder, None)
            except Exception as problem:
                raise _as_error(problem) from problem
            return warnings.warn(f"the batch of {folder} is fixed to {batch}: {first}", stacklevel=2)
        raise first
    finally:
        module.train(training)


def _as_error(problem):
    return problem if isinstance(problem, ExportError) else ExportError(first_line(problem))


def _with_arguments(module, names):
    """The module as a function of its inputs and its weights, for torch.export to keep the weights as arguments."""
    import torch

    class Function(torch.nn.Module):
        def forward(self, inputs, weights):
            return torch.func.functional_call(module, dict(zip(names, weights)), inputs)

    return Function()


def _export(module, args, folder, batch):
    import torch
    from torch_mlir import ir

    named = {name: tensor.detach() for name, tensor in (*module.named_parameters(), *module.named_buffers())}
    weights = tuple(named.values())
    shapes = None
    if batch is not None:
        size = torch.export.Dim("batch")
        inputs = tuple({0: size} if arg.dim() and arg.shape[0] == batch else None for arg in args)
        shapes = {"inputs": inputs, "weights": (None,) * len(weights)}
    with torch.no_grad():
        program = torch.export.export(_with_arguments(module, list(named)), (tuple(args), weights), dynamic_shapes=shapes)
    made = torch_lowering.lower(program)
    with made.context, ir.Location.unknown():
        kept = Weights()
        main = next(f for f in made.body.operations if ir.StringAttr(f.attributes["sym_name"]).value == "main")
        start = ir.InsertionPoint.at_block_begin(main.regions[0].blocks[0])
        arrays = {name: _array(tensor) for name, tensor in named.items()}
        kept.bind(Builder(ir, start, ir.Location.unknown()), main, arrays)
        model.write(folder, made, kept)


def _array(tensor):
    """NumPy has no bf16; ml_dtypes has."""
    import torch

    tensor = tensor.cpu().contiguous()
    if tensor.dtype != torch.bfloat16:
        return tensor.numpy()
    from ml_dtypes import bfloat16

    return tensor.view(torch.uint16).numpy().view(bfloat16)
