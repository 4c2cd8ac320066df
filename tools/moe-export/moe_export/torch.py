"""Modules of PyTorch, by torch.export and torch-mlir."""

from . import model, torch_errors, torch_graph, torch_lowering, versions
from .builder import Builder
from .errors import warn
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
            try:
                return _export(module, args, folder, None)
            except Exception as problem:
                raise torch_errors.explain(problem) from problem
        try:
            return _export(module, args, folder, batch)
        except Exception as problem:
            first = torch_errors.explain(problem)
        if not dynamic:
            # What fails for any size says so itself.
            try:
                _export(module, args, folder, None)
            except Exception as problem:
                raise torch_errors.explain(problem) from problem
            return warn(f"the batch of {folder} is fixed to {batch}: {first}")
        raise first
    finally:
        module.train(training)


def _export(module, args, folder, batch):
    import torch
    from torch_mlir import ir

    shapes = None
    if batch is not None:
        size = torch.export.Dim("batch")
        shapes = tuple({0: size} if arg.dim() and arg.shape[0] == batch else None for arg in args)
    with torch.no_grad(), torch_errors.quiet():
        program = torch.export.export(module, tuple(args), dynamic_shapes=shapes)
        graph = torch_graph.normalise(program)
    made = torch_lowering.lower(graph)
    with made.context, ir.Location.unknown():
        kept = Weights()
        main = next(f for f in made.body.operations if ir.StringAttr(f.attributes["sym_name"]).value == "main")
        start = ir.InsertionPoint.at_block_begin(main.regions[0].blocks[0])
        kept.bind(Builder(ir, start, ir.Location.unknown()), main, _weights(program))
        model.write(folder, made, kept)


def _weights(program):
    """The tensors that a program holds, in the order of its arguments."""
    signature = program.graph_signature
    named = {}
    for spec in signature.input_specs:
        if spec.target is not None:
            held = program.state_dict if spec.target in program.state_dict else program.constants
            named[spec.target] = _array(held[spec.target].detach())
    return named


def _array(tensor):
    """NumPy has no bf16; ml_dtypes has."""
    import torch

    tensor = tensor.cpu().contiguous()
    if tensor.dtype != torch.bfloat16:
        return tensor.numpy()
    from ml_dtypes import bfloat16

    return tensor.view(torch.uint16).numpy().view(bfloat16)
