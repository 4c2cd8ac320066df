"""Models of the library transformers, in the form that torch.export can trace and moe-run finds experts in.

The library says in a model's configuration how attention, experts and the cache are computed, and looks the function
up in a registry when the model is called. An export adds one to the registry of experts and names it in the
configurations; afterwards all is as it was.
"""

import contextlib
import inspect
import sys

from . import versions

EVERY_EXPERT = "moe_export"

# What configurations say meanwhile. The names are those behind the properties, which would set other configurations,
# too: attention as each architecture writes it out, with a mask that is a tensor.
_SAID = {
    "_attn_implementation_internal": "eager",
    "_experts_implementation_internal": EVERY_EXPERT,
    "use_cache": False,
}


@contextlib.contextmanager
def traceable(module):
    """While this is open, the models of transformers inside a module can be traced. Without any it does nothing."""
    configs = _configs(module)
    if not configs:
        yield
        return
    versions.check("transformers", "transformers")
    registry = versions.need("transformers", "transformers.integrations.moe", "ALL_EXPERTS_FUNCTIONS")
    with contextlib.ExitStack() as undo:
        registry[EVERY_EXPERT] = every_expert
        undo.callback(registry.__delitem__, EVERY_EXPERT)
        for config in configs:
            said = vars(config)
            known = [name for name in _SAID if name in said]
            undo.callback(said.update, {name: said[name] for name in known})
            said.update({name: _SAID[name] for name in known})
        _one_sequence_in_a_row(undo, module)
        yield


def _configs(module):
    """The configurations that are read when the module is called."""
    if "transformers" not in sys.modules:
        return []
    from transformers import PreTrainedConfig

    found = (getattr(part, "config", None) for part in module.modules())
    return list({id(config): config for config in found if isinstance(config, PreTrainedConfig)}.values())


def _one_sequence_in_a_row(undo, module):
    """The library looks whether positions start again within a row, and masks what is before. A trace has no values to
    look at; positions that nobody gave never start again."""
    from transformers import PreTrainedModel, masking_utils

    search = getattr(masking_utils, "find_packed_sequence_indices", None)
    if search is None:
        return
    given = []

    def enter(part, args, kwargs):
        called = inspect.signature(part.forward).bind_partial(*args, **kwargs).arguments
        given.append((called | called.get("kwargs", {})).get("position_ids") is not None)

    def leave(part, args, result):
        given.pop()

    for part in module.modules():
        if isinstance(part, PreTrainedModel):
            undo.callback(part.register_forward_pre_hook(enter, with_kwargs=True).remove)
            undo.callback(part.register_forward_hook(leave, always_call=True).remove)
    masking_utils.find_packed_sequence_indices = lambda positions: search(positions) if given[-1] else None
    undo.callback(setattr, masking_utils, "find_packed_sequence_indices", search)


def every_expert(self, hidden_states, top_k_index, top_k_weights):
    """Experts with stacked weights, as transformers calls them: all of them on every token, and of their results
    those that a token chose, times its weight.

    hidden_states: [tokens, hidden]; top_k_index, top_k_weights: [tokens, k]. A number that no expert has chooses none.
    """
    import torch

    chosen = top_k_index[..., None] == torch.arange(self.num_experts)
    weights = torch.where(chosen, top_k_weights[..., None], 0).sum(1)
    rows = hidden_states.expand(self.num_experts, -1, -1)
    if self.has_gate:
        rows = self._apply_gate(_linear(self, "gate_up_proj", rows))
    else:
        rows = self.act_fn(_linear(self, "up_proj", rows))
    rows = _linear(self, "down_proj", rows)
    if self.has_post_expert_norm:
        rows = self.post_expert_norm(rows)
    # A select, not a product alone: what was not chosen may be infinite.
    rows = torch.where(chosen.any(1).t()[..., None], rows * weights.t()[..., None], 0)
    return rows.sum(0).to(hidden_states.dtype)


def _linear(experts, name, rows):
    """A layer of each expert: [experts, tokens, in] to [experts, tokens, out]."""
    import torch

    weight = getattr(experts, name)
    rows = torch.bmm(rows, weight if experts.is_transposed else weight.transpose(1, 2))
    return rows + getattr(experts, f"{name}_bias")[:, None] if experts.has_bias else rows
