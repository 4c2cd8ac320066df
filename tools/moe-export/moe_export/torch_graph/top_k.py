"""torch-mlir has only a sorted top-k; an unsorted one may come in any order."""


def forms():
    import torch

    top_k = torch.ops.aten.topk.default

    def sort(x, k, dim=-1, largest=True, sorted=True):
        return NotImplemented if sorted else top_k(x, k, dim, largest, True)

    return {top_k: sort}
