"""The forms that a dense program goes through on its way to experts, each interpreted:
as it is written, with moe.where, lowered from there to selects, and raised."""

import numpy as np
from moe_run import plain

# The name of a variant, the passes that make it, and the variant they begin with.
VARIANTS = [("written", "", None)]
for promise, flag in (("", ""), (" assume-finite", "{assume-finite}")):
    first = len(VARIANTS)
    VARIANTS += [
        ("where" + promise, f"canonicalize,cse,moe-raise-dense{flag}", None),
        ("lowered" + promise, "moe-lower-where", first),
        ("selected" + promise, "moe-lower-where{select-implied}", first),
        ("raised" + promise, f"moe-lower-to-cpu{{to=routed{promise}}}", None),
    ]


def encoded(tensor):
    tensor = plain(tensor)
    bits = tensor.astype(np.float64 if tensor.dtype.kind == "f" else np.int64)
    return {"shape": list(tensor.shape), "bits": bits.tobytes().hex()}


def request(text, inputs):
    variants = [{"passes": passes} if first is None else {"passes": passes, "from": first} for _, passes, first in VARIANTS]
    return {"module": text, "inputs": [encoded(tensor) for tensor in inputs], "variants": variants}


class Variant:
    """What one of them gives: results, the rows that each dispatch gave to each expert."""

    def __init__(self, answer):
        self.error = answer.get("error", "")
        self.results = [np.frombuffer(bytes.fromhex(r["bits"])).reshape(r["shape"]) for r in answer.get("results", [])]
        self.rows = answer.get("rows", [])
        self.remarks = answer.get("remarks", [])


def read(answer):
    """The variants by name."""
    return {name: Variant(each) for (name, _, _), each in zip(VARIANTS, answer["variants"], strict=True)}


def same(got, want):
    """Whether all numbers are the same, but for the sign of a zero."""
    return len(got) == len(want) and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(got, want))
