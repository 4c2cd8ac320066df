"""From what torch.export gives to upstream MLIR, by torch-mlir: imported here, converted in a process of its own."""

import io

from . import child, model, tm_tensor, torch_graph

_PIPELINES = (
    "func.func(torch-match-quantized-custom-ops),torchdynamo-export-to-torch-backend-pipeline{ extra-library=}",
    "torch-backend-to-linalg-on-tensors-backend-pipeline{allow-non-finites=true}",
)
# Of those that need not be named: that of torch-mlir knows fewer operations than there are (model.check).
_CHECK = ",torch-verify-linalg-on-tensors-backend-contract"


def lower(program):
    """The module of MLIR of a program of torch.export, in upstream dialects, its weights still arguments."""
    from torch_mlir import ir
    from torch_mlir.extras.fx_decomp_util import get_decomposition_table

    program = program.run_decompositions(get_decomposition_table())
    torch_graph.normalise(program)
    with ir.Context():
        return ir.Module.parse(child.call("torch_lowering", _import(program)))


def _import(program):
    """The program in the dialect of torch-mlir, as bytecode."""
    from torch_mlir import ir
    from torch_mlir.dialects import torch as dialect
    from torch_mlir.extras.fx_importer import FxImporter

    context = ir.Context()
    dialect.register_dialect(context)
    importer = FxImporter(context=context)
    importer.import_frozen_program(program, func_name="main")
    written = io.BytesIO()
    importer.module_op.write_bytecode(written)
    return written.getvalue()


def main(payload):
    from torch_mlir import ir
    from torch_mlir.dialects import torch as dialect
    from torch_mlir.passmanager import PassManager

    with ir.Context() as context, ir.Location.unknown():
        dialect.register_dialect(context)
        # Errors come as exceptions.
        context.emit_error_diagnostics = True
        module = ir.Module.parse(payload)
        for pipeline in _PIPELINES:
            text = str(PassManager.parse(f"builtin.module({pipeline})"))
            PassManager.parse(text.replace(_CHECK, "")).run(module.operation)
        tm_tensor.expand(ir, module)
        model.check(module)
        model.clean(module)
        module.operation.verify()
        written = io.BytesIO()
        module.operation.write_bytecode(written)
        return written.getvalue()


if __name__ == "__main__":
    child.serve(main)
