"""Traces a graph a second time, with functions of ours in place of some operations."""

from ..errors import ExportError, first_line
from ..torch_errors import place_of_node
from .row_lists import RowLists
from .rows import real


def retrace(program, forms):
    """A graph module that computes the user's results of a functional program; what the program holds comes after the
    user's inputs."""
    import torch
    from torch.export.graph_signature import InputKind, OutputKind
    from torch.fx import Interpreter
    from torch.fx.experimental.proxy_tensor import make_fx
    from torch.fx.traceback import preserve_node_meta
    from torch.utils._pytree import tree_leaves
    from torch_mlir.extras.fx_decomp_util import get_decomposition_table

    kinds = [output.kind for output in program.graph_signature.output_specs]
    held = [spec.kind != InputKind.USER_INPUT for spec in program.graph_signature.input_specs]
    order = sorted(range(len(held)), key=held.__getitem__)

    class Forms(Interpreter):
        def __init__(self, module):
            super().__init__(module)
            self.lists = RowLists(self.call_function)

        def run_node(self, node):
            if node.op != "call_function":
                return super().run_node(node)
            higher = isinstance(node.target, torch._ops.HigherOrderOperator)
            if higher and node.target is not torch.ops.higher_order.cond:
                raise ExportError(f"{place_of_node(node)}: {node.target.name()} of torch is not exported")
            if any(isinstance(value, torch.Tensor) and value.is_complex() for value in tree_leaves(node.meta.get("val"))):
                place = place_of_node(node)
                raise ExportError(f"{place}: complex numbers are not exported; write it with real and imaginary parts")
            try:
                with self._set_current_node(node):
                    args, kwargs = self.fetch_args_kwargs_from_env(node)
                    return self.lists.call(node, args, kwargs)
            except ExportError:
                raise
            except Exception as problem:
                raise ExportError(f"{place_of_node(node)}: {first_line(problem)}") from problem

        def call_function(self, target, args, kwargs):
            if target is torch.ops.higher_order.cond:
                return self.choose(*args)
            form = forms.get(target)
            result = form(*args, **kwargs) if form else NotImplemented
            return super().call_function(target, args, kwargs) if result is NotImplemented else result

        def choose(self, condition, then, otherwise, operands):
            """torch.cond: each of its graphs is traced again, for itself."""
            if not isinstance(condition, torch.Tensor):
                condition = torch.scalar_tensor(condition, dtype=torch.bool)
            branches = [lambda *values, graph=graph: Forms(graph).run(*values) for graph in (then, otherwise)]
            return torch.ops.higher_order.cond(condition, *branches, operands)

        def output(self, target, args, kwargs):
            return real(args[0])

    inputs = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"]
    mode = next(value.fake_mode for value in inputs if isinstance(value, torch.Tensor))

    def run(*values):
        given = dict(zip(order, values))
        results = Forms(program.graph_module).run(*(given[position] for position in range(len(order))))
        # Buffers that the module changes are results too, which nobody asked for.
        return tuple(value for value, kind in zip(results, kinds) if kind == OutputKind.USER_OUTPUT)

    # What operations are made of may be of these forms too.
    table = {**get_decomposition_table(), **forms}
    with torch.no_grad(), mode, preserve_node_meta():
        inputs = [_with_known_sizes(inputs[position]) for position in order]
        made = make_fx(run, decomposition_table=table, _allow_non_fake_inputs=True)(*inputs)
        if any(_writes(node) for each in modules_of(made) for node in each.graph.nodes):
            # Some operations of PyTorch are made of ones that write.
            pure = torch.func.functionalize(Interpreter(made).run)
            made = make_fx(pure, decomposition_table=table, _allow_non_fake_inputs=True)(*inputs)
    for each in modules_of(made):
        each.graph.eliminate_dead_code()
    return made


def modules_of(module):
    """A graph module, and those of the branches inside, outer ones first."""
    from torch.fx import GraphModule

    return [each for each in module.modules() if isinstance(each, GraphModule)]


def _with_known_sizes(value):
    """A tensor whose sizes are numbers where torch.export has found that they can be no others."""
    import torch

    if not isinstance(value, torch.Tensor):
        return value
    sizes = [int(size) if isinstance(size, torch.SymInt) and size.node.expr.is_Integer else size for size in value.shape]
    return value.new_empty(sizes)


def _writes(node):
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable
