"""Sorts and running sums: torch-mlir has some of a vector, none that keeps the order of what is equal."""

from .kept import operations


def forms():
    import torch

    aten = torch.ops.aten

    def top_k(x, k, dim=-1, largest=True, sorted=True):
        # torch-mlir has only a sorted top-k; an unsorted one may come in any order.
        return NotImplemented if sorted else aten.topk.default(x, k, dim, largest, True)

    def sort(x, dim=-1, descending=False):
        if x.dim() == 0:
            return x.clone(), torch.zeros_like(x, dtype=torch.int64)
        return operations().sort(x, dim % x.dim(), descending)

    def stable(x, *, stable=None, dim=-1, descending=False):
        return sort(x, dim, descending)

    def positions(x, dim=-1, descending=False):
        return sort(x, dim, descending)[1]

    def stable_positions(x, *, stable, dim=-1, descending=False):
        return sort(x, dim, descending)[1]

    def sums(x, dim, *, dtype=None):
        if dtype is None:
            dtype = x.dtype if x.dtype.is_floating_point else torch.int64
        x = x.to(dtype)
        if x.dim() == 0:
            return x
        # PyTorch sums numbers of two bytes in those of four.
        wide = torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
        return operations().scan(x.to(wide), dim % x.dim()).to(dtype)

    return {
        aten.topk.default: top_k,
        aten.sort.default: sort,
        aten.sort.stable: stable,
        aten.argsort.default: positions,
        aten.argsort.stable: stable_positions,
        aten.cumsum.default: sums,
    }
