"""From what torch.export gives to upstream MLIR, by torch-mlir: imported here, converted in a process of its own."""

import io
import re

from . import child, joins, layer_names, model, tm_tensor, torch_graph, torch_kept
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

    number = ops.aten._local_scalar_dense.default
    modules = torch_graph.modules_of(graph_module)
    return next((node for each in modules for node in each.graph.find_nodes(op="call_function", target=number)), None)


def _culprit(graph_module):
    """The place and name of the first operation that ends the converter: beginnings of the graph are converted."""
    # A branch that ends it does so alone, an inner one before one around it.
    branches = reversed(torch_graph.modules_of(graph_module)[1:])
    module = next((branch for branch in branches if _ends(branch)), graph_module)
    calls = [node for node in module.graph.nodes if node.op == "call_function"]
    good, bad = 0, len(calls)
    while bad - good > 1:
        middle = (good + bad) // 2
        if _ends(_beginning(module, calls[:middle])):
            bad = middle
        else:
            good = middle
    return f"{place_of_node(calls[bad - 1])}: {_name(str(calls[bad - 1].target))}"


def _ends(graph_module):
    """Whether it ends the converter. An error is no end: what is cut off may be missing."""
    try:
        child.call("torch_lowering", _import(graph_module))
    except child.Ended:
        return True
    except Exception:
        return False
    return False


def _beginning(graph_module, calls):
    """A graph of these calls alone, whose results are what nobody uses there."""
    from torch import Tensor
    from torch.fx import Graph, GraphModule

    graph, copies = Graph(), {}
    for node in graph_module.graph.nodes:
        if node.op in ("placeholder", "get_attr") or node in calls:
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
    from torch_mlir.extras.fx_importer import ContextCache, FxImporter, GraphNodeImporter

    class Places(ContextCache):
        """The places of nodes, under the names of their layers."""

        def get_node_location(self, node):
            place, layer = super().get_node_location(node), layer_names.of_node(node)
            return ir.Location.name(layer, place, context) if layer else place

    class Nodes(GraphNodeImporter):
        """The nodes of a graph; torch.cond as an operation of ours that names the functions of its branches."""

        def _import_hop_cond(self, place, node, target):
            condition, *branches, operands = node.args
            functions = self.fx_importer._graph_module_to_func_name
            names = [functions[id(getattr(node.graph.owning_module, branch.target))] for branch in branches]
            with place:
                attributes = {
                    "name": ir.StringAttr.get("torch.moe_export.cond"),
                    "branches": ir.ArrayAttr.get([ir.StringAttr.get(name) for name in names]),
                }
            made = ir.Operation.create(
                "torch.operator", [self._cc.value_info_to_type(value) for value in node.meta["val"]],
                [self._import_argument(place, value) for value in (condition, *operands)], attributes, loc=place,
            )  # fmt: skip
            self._multi_result_nodes.add(node)
            for number, result in enumerate(made.results):
                self.bind_node_value(node, result, number)

    context = ir.Context()
    dialect.register_dialect(context)
    importer = FxImporter(context=context, graph_node_importer_cls=Nodes)
    importer._cc = Places(context, py_attr_tracker=importer._py_attr_tracker)
    importer.import_graph_module(graph_module, func_name="main")
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
