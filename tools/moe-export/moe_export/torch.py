"""Modules of PyTorch, by torch.export and torch-mlir."""

import warnings

from . import loops, model, versions
from .builder import Builder, walk
from .errors import ExportError, first_line, place_of
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
    from torch_mlir import fx, ir

    named = {name: tensor.detach() for name, tensor in (*module.named_parameters(), *module.named_buffers())}
    weights = tuple(named.values())
    shapes = None
    if batch is not None:
        size = torch.export.Dim("batch")
        inputs = tuple({0: size} if arg.dim() and arg.shape[0] == batch else None for arg in args)
        shapes = {"inputs": inputs, "weights": (None,) * len(weights)}
    with torch.no_grad():
        program = torch.export.export(_with_arguments(module, list(named)), (tuple(args), weights), dynamic_shapes=shapes)
    for node in program.graph.nodes:
        # torch-mlir has only a sorted top-k; an unsorted one may come in any order.
        if node.target is torch.ops.aten.topk.default and len(node.args) == 5:
            node.args = (*node.args[:4], True)
    made = fx.export_and_import(program, output_type="linalg-on-tensors", func_name="main")
    with made.context, ir.Location.unknown():
        _expand(ir, made)
        model.check(made)
        model.clean(made)
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


def _expand(ir, module):
    """torch-mlir's own operations as loops."""
    forms = {"tm_tensor.sort": _sort, "tm_tensor.scatter": _scatter, "tm_tensor.scan": _scan}
    for operation in reversed(list(walk(module.operation))):
        if operation.name in forms:
            new = forms[operation.name](Builder.before(ir, operation), operation)
            for result, value in zip(list(operation.results), new):
                result.replace_all_uses_with(value)
            operation.erase()


def _sort(b, operation):
    def wrong(b, firsts, seconds):
        # True where the first may stay before the second.
        pairs = [element for pair in zip(firsts, seconds) for element in pair]
        (in_order,) = b.inline(operation.regions[0].blocks[0], pairs)
        one = b.value("arith.constant", [], in_order.type, value=b.ir.IntegerAttr.get(in_order.type, 1))
        return b.value("arith.xori", [in_order, one], in_order.type)

    return loops.sort(b, list(operation.operands), operation.attributes["dimension"].value, wrong)


def _scan(b, operation):
    source, empty, initial = operation.operands
    if b.ir.RankedTensorType(source.type).rank != 1 or not operation.attributes["inclusive"].value:
        raise ExportError(f"{place_of(str(operation.location))}: tm_tensor.scan of more than a vector")

    def combine(b, sofar, element):
        return b.inline(operation.regions[0].blocks[0], [sofar, element])[0]

    prefixes, last = loops.scan(b, source, empty, b.extract(initial, []), combine)
    return [prefixes, b.scalar(last)]


def _scatter(b, operation):
    updates, indices, target = operation.operands
    places = list(b.ir.DenseI64ArrayAttr(operation.attributes["dimension_map"]))
    rank = b.ir.RankedTensorType(target.type).rank
    updates_rank = b.ir.RankedTensorType(updates.type).rank
    # The slices of the updates line up with the last dimensions of the target.
    window = {rank - updates_rank + axis: axis for axis in range(1, updates_rank)}

    def place(b, positions):
        parts = [[] for _ in range(rank)]
        for axis, dimension in window.items():
            parts[axis].append(positions[dimension])
        for component, axis in enumerate(places):
            parts[axis].append(b.as_index(b.extract(indices, [positions[0], b.constant(component)])))
        return [b.sum(part) for part in parts]

    def combine(b, old, update):
        return b.inline(operation.regions[0].blocks[0], [update, old])[0]

    # torch-mlir makes one update where there are no indices.
    bounds = [b.size(indices, 0), *(b.size(updates, axis) for axis in range(1, updates_rank))]
    return loops.scatter(b, target, indices, updates, bounds=bounds, place=place, combine=combine)
