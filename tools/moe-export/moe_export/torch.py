"""Modules of PyTorch, by torch.export and torch-mlir."""

import inspect

from . import model, signs, torch_errors, torch_graph, torch_lowering, transformers, versions
from .axes import alternatives, dynamic_axes, long_enough
from .builder import Builder, main_of
from .errors import ExportError, warn
from .weights import Weights


def torch(module, args, folder, *, dynamic=None):
    """Exports a module as it evaluates `module(*args)` to a folder.

    args: tensors; the inputs of the model. Weights are the parameters and buffers, named as in the state_dict.
    dynamic: whether the first axis of the inputs, where it is as long as that of the first one, may have another
        length when the model runs; the other axes of inputs of whole numbers (tokens, masks) may, too, where nothing
        in the module has to know them. By default so if PyTorch can trace that, with a warning if not. Or for each
        input {axis: name}, or None; axes of one name are as long as each other.
    """
    versions.check("torch", "torch", "torch-mlir")
    versions.need("torch-mlir", "torch_mlir.fx", "export_and_import")
    axes = dynamic_axes(args, dynamic)
    training = module.training
    module.eval()
    try:
        first = None
        for own in alternatives(axes):
            try:
                return _export(module, args, folder, own)
            except Exception as problem:
                first = torch_errors.explain(problem)
        if axes is not None and dynamic:
            raise first
        # What fails for any size says so itself.
        try:
            _export(module, args, folder, None)
        except Exception as problem:
            raise torch_errors.explain(problem) from problem
        if axes is not None:
            batch = next(arg.shape[axis] for arg, own in zip(args, axes) for axis in own)
            warn(f"the batch of {folder} is fixed to {batch}: {first}")
    finally:
        module.train(training)


def _trace(module, args, axes):
    """The module as torch.export sees it."""
    import torch

    example = args
    if axes is not None:
        example = tuple(long_enough(arg, own) for arg, own in zip(args, axes))
    with torch.no_grad(), transformers.traceable(module):
        program = torch.export.export(module, example, dynamic_shapes=_as_called(module, axes))
        if any(one is not given for one, given in zip(example, args)):
            _same_shapes(program, module(*args))
    return program


def _as_called(module, axes):
    """Axes for each parameter of the module: what its `*args` gets is one."""
    kinds = [parameter.kind for parameter in inspect.signature(module.forward).parameters.values()]
    rest = kinds.index(inspect.Parameter.VAR_POSITIONAL) if inspect.Parameter.VAR_POSITIONAL in kinds else None
    if axes is None or rest is None or rest >= len(axes):
        return axes
    return (*axes[:rest], axes[rest:])


def _same_shapes(program, results):
    """Stops where a program that was traced with a longer example has results of another shape than the module."""
    from torch.export.graph_signature import OutputKind
    from torch.utils import _pytree

    (returned,) = program.graph.find_nodes(op="output")
    kinds = [spec.kind for spec in program.graph_signature.output_specs]
    nodes = [node for node, kind in zip(returned.args[0], kinds) if kind == OutputKind.USER_OUTPUT and node is not None]
    expected = [tensor.shape for tensor in _pytree.tree_leaves(results) if tensor is not None]
    for node, right in zip(nodes, expected, strict=True):
        made = node.meta["val"].shape
        fixed = [(size, known) for size, known in zip(made, right) if isinstance(size, int)]
        if len(made) != len(right) or any(size != known for size, known in fixed):
            raise ExportError("the module treats a batch of one in another way; give an example of two")


def _export(module, args, folder, axes):
    from torch_mlir import ir

    with torch_errors.quiet():
        program = _trace(module, tuple(args), axes)
        graph = torch_graph.normalise(program)
    made = torch_lowering.lower(graph)
    with made.context, ir.Location.unknown():
        kept = Weights()
        main = main_of(ir, made)
        signs.keep(ir, main, *_unsigned(graph))
        start = ir.InsertionPoint.at_block_begin(main.regions[0].blocks[0])
        kept.bind(Builder(ir, start, ir.Location.unknown()), main, _weights(program))
        model.write(folder, made, kept)


def _unsigned(graph):
    """Which inputs and which results of a graph are unsigned."""
    import torch

    types = {torch.uint8, torch.uint16, torch.uint32, torch.uint64}
    (returned,) = graph.graph.find_nodes(op="output")
    kinds = graph.graph.find_nodes(op="placeholder"), returned.args[0]
    return [[getattr(node.meta.get("val"), "dtype", None) in types for node in nodes] for nodes in kinds]


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
