"""Operations of ours, which torch-mlir carries through as calls: torch_kept.py makes loops of them.

    nonzero(mask)                   the positions where a vector is true
    index(x, at)                    x[at[0], at[1], ...], positions of one shape that index the first dimensions;
                                    those below zero count from the end
    put(x, at, values, add, wrap)   a copy of x with x[at[0], at[1], ...] = values, or += values where they are added;
                                    wrap: positions below zero count from the end
    scan(x, dim, kind)              inclusive sums, or what else SCANS[kind] makes of two elements
    sort(x, dim, descending)        values and their positions; equal ones keep their order, NaN is the largest
"""

import functools

# Operations of upstream's arith without the letter for their type.
SCANS = ("add", "mul", "max", "min")


@functools.cache
def operations():
    """The namespace of the operations."""
    import torch

    library = torch.library.Library("moe_export", "DEF")
    for schema, shape in (
        ("nonzero(Tensor mask) -> Tensor", _nonzero),
        ("index(Tensor x, Tensor[] at) -> Tensor", _index),
        ("put(Tensor x, Tensor[] at, Tensor values, bool add, bool wrap) -> Tensor", _like),
        ("scan(Tensor x, int dim, int kind) -> Tensor", _like),
        ("sort(Tensor x, int dim, bool descending) -> (Tensor, Tensor)", _sort),
    ):
        name = schema.partition("(")[0]
        library.define(schema)
        torch.library.register_fake(f"moe_export::{name}", shape, lib=library)
    # The library lives as long as the functions that it declares.
    torch.ops.moe_export.library = library
    return torch.ops.moe_export


def scan(x, dim, kind):
    """The scan of SCANS that is called so."""
    return operations().scan(x, dim, SCANS.index(kind))


def _like(x, *others):
    import torch

    return torch.empty_like(x)


def _nonzero(mask):
    import torch

    return mask.new_empty([torch.library.get_ctx().new_dynamic_size()], dtype=torch.int64)


def _index(x, at):
    return x.new_empty([*at[0].shape, *x.shape[len(at) :]])


def _sort(x, dim, descending):
    import torch

    return torch.empty_like(x), torch.empty_like(x, dtype=torch.int64)
