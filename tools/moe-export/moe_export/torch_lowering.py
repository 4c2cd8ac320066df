"""From what torch.export gives to upstream MLIR, by torch-mlir: imported here, converted in a process of its own."""

import io

from . import child, joins, model, tm_tensor, torch_kept
from .errors import ExportError, place_of

_PIPELINES = (
    "func.func(torch-match-quantized-custom-ops),torchdynamo-export-to-torch-backend-pipeline"
    "{extra-library= backend-legal-ops=aten.flatten.using_ints,aten.unflatten.int}",
    "torch-backend-to-linalg-on-tensors-backend-pipeline{allow-non-finites=true}",
    # Sizes that those have simplified.
    "func.func(lower-affine)",
)
# The check of torch-mlir knows fewer operations than there are; model.check knows those of moe-run.
_CHECK = ",torch-verify-linalg-on-tensors-backend-contract"


def lower(graph_module):
    """The module of MLIR, in upstream dialects, of a graph as torch_graph makes them: a function `main`."""
    from torch_mlir import ir

    with ir.Context():
        return ir.Module.parse(child.call("torch_lowering", _import(graph_module)))


def _import(graph_module):
    """The graph in the dialect of torch-mlir, as bytecode."""
    from torch_mlir import ir
    from torch_mlir.dialects import torch as dialect
    from torch_mlir.extras.fx_importer import FxImporter

    context = ir.Context()
    dialect.register_dialect(context)
    importer = FxImporter(context=context)
    importer.import_stateless_graph(graph_module.graph, func_name="main")
    written = io.BytesIO()
    importer.module_op.write_bytecode(written)
    return written.getvalue()


def main(payload):
    from torch_mlir import ir
    from torch_mlir.dialects import torch as dialect
    from torch_mlir.passmanager import PassManager

    with ir.Context() as context, ir.Location.unknown():
        dialect.register_dialect(context)
        module = ir.Module.parse(payload)
        calls = torch_kept.call(ir, module)
        for pipeline in _PIPELINES:
            text = str(PassManager.parse(f"builtin.module({pipeline})"))
            try:
                PassManager.parse(text.replace(_CHECK, "")).run(module.operation)
            except ir.MLIRError as problem:
                first = problem.error_diagnostics[0]
                raise ExportError(f"{place_of(str(first.location))}: {first.message}") from None
        torch_kept.expand(ir, module, calls)
        tm_tensor.expand(ir, module)
        joins.keep(ir, module)
        model.check(module)
        model.clean(module)
        module.operation.verify()
        written = io.BytesIO()
        module.operation.write_bytecode(written)
        return written.getvalue()
