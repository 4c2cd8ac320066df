"""torch-mlir has only a sorted top-k; an unsorted one may come in any order."""


def sort(program):
    import torch

    for node in program.graph.nodes:
        if node.target is torch.ops.aten.topk.default and len(node.args) == 5:
            node.args = (*node.args[:4], True)
