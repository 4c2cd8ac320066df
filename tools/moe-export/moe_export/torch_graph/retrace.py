"""Traces a graph a second time, with functions of ours in place of some operations."""

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
            with self._set_current_node(node):
                return self.lists.call(node, *self.fetch_args_kwargs_from_env(node))

        def call_function(self, target, args, kwargs):
            form = forms.get(target)
            result = form(*args, **kwargs) if form else NotImplemented
            return super().call_function(target, args, kwargs) if result is NotImplemented else result

        def output(self, target, args, kwargs):
            # Buffers that the module changes are results too, which nobody asked for.
            return tuple(real(value) for value, kind in zip(args[0], kinds) if kind == OutputKind.USER_OUTPUT)

    inputs = [node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"]
    mode = next(value.fake_mode for value in inputs if isinstance(value, torch.Tensor))

    def run(*values):
        return Forms(program.graph_module).run(*(value for _, value in sorted(zip(order, values), key=lambda pair: pair[0])))

    # What operations are made of may be of these forms too.
    table = {**get_decomposition_table(), **forms}
    with torch.no_grad(), mode, preserve_node_meta():
        inputs = [inputs[position] for position in order]
        made = make_fx(run, decomposition_table=table, _allow_non_fake_inputs=True)(*inputs)
        if any(_writes(node) for node in made.graph.nodes):
            # Some operations of PyTorch are made of ones that write.
            pure = torch.func.functionalize(Interpreter(made).run)
            made = make_fx(pure, decomposition_table=table, _allow_non_fake_inputs=True)(*inputs)
    made.graph.eliminate_dead_code()
    return made


def _writes(node):
    schema = getattr(node.target, "_schema", None)
    return schema is not None and schema.is_mutable
