# REQUIRES: torch, transformers
# RUN: %export_python %s
"""Language models of the library transformers keep their values, for any batch and length, and are left as they were."""

import contextlib
import io
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "Inputs"))
sys.path.remove(os.path.dirname(os.path.realpath(__file__)))
import moe_export
import numpy as np
import torch
from export import refused, same
from models_transformers import CONFIGS, tiny
from table import columns
from torch import nn
from transformers import masking_utils
from transformers.integrations.moe import ALL_EXPERTS_FUNCTIONS


class Logits(nn.Module):
    """As people wrap a model, for one tensor."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, *more):
        return self.model(ids, *more, use_cache=False).logits


class OnHost(Logits):
    def forward(self, ids):
        logits = super().forward(ids)
        return logits if logits.sum() > 0 else -logits


def tokens(*shape):
    return torch.from_numpy(np.random.default_rng(1).integers(0, 50, shape))


def logits(module, *inputs):
    with torch.no_grad():
        made = module(*inputs)
    return (made if isinstance(made, torch.Tensor) else made.logits).numpy()


LINES = {"gpt_oss": "transformers: gpt-oss (gate and up in alternate columns)"}
OTHERS = "transformers: Mixtral, Qwen3-MoE, OLMoE, DeepSeek-V3, with any implementation of experts"


def check(name, module, example, *others, line=OTHERS, flags=(False,)):
    """The export has the values of the module for other inputs than the example, and computes what the line of the
    table says.

    flags: whether with --assume-finite."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = os.path.join(scratch, "model")
        moe_export.torch(module, example, folder, dynamic=True)
        for inputs in others:
            for finite in flags:
                becomes = columns()[line][finite]
                said = io.StringIO()
                with contextlib.redirect_stderr(said):
                    got, stats = moe_export.run(
                        folder, *(tensor.numpy() for tensor in inputs), assume_finite=finite, stats=True, options=["--opt-level=0"]
                    )
                same(name, got, logits(module, *inputs))
                assert bool(stats["dispatches"]) == (becomes != "dense"), (name, finite)
                assert stats["dispatches"] or "computed for all tokens" in said.getvalue(), (name, said.getvalue())
                for dispatch in stats["dispatches"]:
                    assert dispatch["assignments"] == 2 * inputs[0].numel(), (name, dispatch)


def untouched(module):
    return [
        {name: vars(part.config)[name] for name in ("_attn_implementation_internal", "_experts_implementation_internal")}
        | {"use_cache": part.config.use_cache, "hooks": len(part._forward_hooks) + len(part._forward_pre_hooks)}
        for part in module.modules()
        if hasattr(part, "config")
    ] + [list(ALL_EXPERTS_FUNCTIONS), masking_utils.find_packed_sequence_indices]


# Models as they are, and however they compute experts.
for name, experts in zip(CONFIGS, ("eager", "batched_mm", "grouped_mm", "batched_mm", "eager", "grouped_mm")):
    model = tiny(name, experts)
    before = untouched(model)
    check(name, model, [tokens(2, 6)], [tokens(3, 5)], line=LINES.get(name, OTHERS), flags=(False, True))
    assert untouched(model) == before, name

# Wrapped; an example of one sequence; padding as an input of its own.
model = tiny("mixtral", "grouped_mm")
check("wrapped", Logits(model), [tokens(1, 6)], [tokens(2, 1)])
mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
check("padding", Logits(model), [tokens(2, 5), mask], [tokens(2, 5), mask])

# What cannot be exported leaves the model as it was.
before = untouched(model)
words = "transformers.py:", "torch.where, or torch.cond"
refused("tracing", lambda folder: moe_export.torch(OnHost(model), [tokens(2, 6)], folder), *words)
lengths = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [2.0] * 4}
lengths |= {"short_mscale": 1.0, "long_mscale": 2.0, "original_max_position_embeddings": 8, "factor": 8.0}
decides = tiny("phimoe", rope_parameters=lengths)
refused("library", lambda f: moe_export.torch(decides, [tokens(2, 6)], f), "transformers/models/phimoe/modeling_phimoe.py:")
assert untouched(model) == before
