"""From what torch.export gives to upstream MLIR, by torch-mlir: imported here, converted in a process of its own."""

import io
import re

from . import child, joins, layer_names, model, tm_tensor, torch_kept
from .errors import UNKNOWN, ExportError, place_of
from .torch_errors import place_of_node

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

    # The importer takes some nodes out of the graph.
    number = _number_of_values(graph_module)
    try:
        made = child.call("torch_lowering", _import(graph_module))
    except child.Ended:
        raise ExportError(f"{_culprit(graph_module)} ends the process of torch-mlir; write it in another way") from None
    except ExportError as problem:
        if number is None or not str(problem).startswith(UNKNOWN):
            raise
        said = "a number of Python is made of values here (item, tolist), and used where none can be; keep it a tensor"
        raise ExportError(f"{place_of_node(number)}: {said}") from None
    with ir.Context():
        return ir.Module.parse(made)


def _number_of_values(graph_module):
    """The first node that takes a number out of a tensor."""
    from torch import ops

    return next(iter(graph_module.graph.find_nodes(op="call_function", target=ops.aten._local_scalar_dense.default)), None)


def _culprit(graph_module):
    """The place and name of the first operation that ends the converter: beginnings of the graph are converted."""
    calls = [node for node in graph_module.graph.nodes if node.op == "call_function"]
    good, bad = 0, len(calls)
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            child.call("torch_lowering", _import(_beginning(graph_module, calls[:middle])))
        except child.Ended:
            bad = middle
        except Exception:
            # An error is no end: what is cut off may be missing.
            good = middle
        else:
            good = middle
    return f"{place_of_node(calls[bad - 1])}: {_name(str(calls[bad - 1].target))}"


def _beginning(graph_module, calls):
    """A graph of these calls alone, whose results are what nobody uses there."""
    from torch import Tensor
    from torch.fx import Graph, GraphModule

    graph, copies = Graph(), {}
    for node in graph_module.graph.nodes:
        if node.op == "placeholder" or node in calls:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    ends = [node for node in copies.values() if not node.users and isinstance(node.meta.get("val"), Tensor)]
    graph.output(tuple(ends))
    return GraphModule(graph_module, graph)


def _name(operation):
    """An operation as a user of torch calls it."""
    return re.sub(r"^(torch\.)?(aten|prims)\.(\w+)(\.\w+)?$", r"torch.\3", operation)


def _import(graph_module):
    """The graph in the dialect of torch-mlir, as bytecode."""
    from torch_mlir import ir
    from torch_mlir.dialects import torch as dialect
    from torch_mlir.extras.fx_importer import ContextCache, FxImporter

    class Places(ContextCache):
        """The places of nodes, under the names of their layers."""

        def get_node_location(self, node):
            place, layer = super().get_node_location(node), layer_names.of_node(node)
            return ir.Location.name(layer, place, context) if layer else place

    context = ir.Context()
    dialect.register_dialect(context)
    importer = FxImporter(context=context)
    importer._cc = Places(context, py_attr_tracker=importer._py_attr_tracker)
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
                raise _error(problem.error_diagnostics) from None
        torch_kept.expand(ir, module, calls)
        tm_tensor.expand(ir, module)
        joins.keep(ir, module)
        model.check(module)
        model.clean(module)
        module.operation.verify()
        written = io.BytesIO()
        module.operation.write_bytecode(written)
        return written.getvalue()


def _error(diagnostics):
    """One line for what torch-mlir says, of the operation of the user that it cannot convert."""
    said = [(place_of(str(each.location)), each.message) for each in diagnostics]
    place, message = next((each for each in said if each[0] != UNKNOWN), said[0])
    named = re.search(r'name = "(torch\.[^"]+)"', message) or re.search(r"'(torch\.(?:aten|prims)\.[^']+)'", message)
    if not named:
        return ExportError(f"{place}: torch-mlir cannot convert this: {message.splitlines()[0]}")
    return ExportError(f"{place}: torch-mlir cannot convert {_name(named[1])}; write it with other functions of torch")
