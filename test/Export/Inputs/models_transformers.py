"""Small language models of the library transformers, with random weights."""

import torch
import transformers as library

SIZES = dict(
    vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1,
    max_position_embeddings=64, intermediate_size=24, num_experts_per_tok=2, bos_token_id=1, eos_token_id=2,
    pad_token_id=None,
)  # fmt: skip

# Each says something of its own: a family of models with what is particular to it.
CONFIGS = {
    "mixtral": lambda: library.MixtralConfig(**SIZES, num_local_experts=4, sliding_window=3),
    "qwen3_moe": lambda: library.Qwen3MoeConfig(
        **SIZES, head_dim=8, moe_intermediate_size=12, num_experts=8, decoder_sparse_step=1, mlp_only_layers=[]
    ),
    "olmoe": lambda: library.OlmoeConfig(**SIZES, num_experts=8, tie_word_embeddings=True),
    "deepseek_v3": lambda: library.DeepseekV3Config(
        **SIZES | dict(num_key_value_heads=2), moe_intermediate_size=12, n_routed_experts=8, n_group=2, topk_group=1,
        n_shared_experts=1, first_k_dense_replace=0, q_lora_rank=8, kv_lora_rank=8, qk_rope_head_dim=4,
        qk_nope_head_dim=8, v_head_dim=8,
    ),
    "gpt_oss": lambda: library.GptOssConfig(
        **SIZES | dict(num_hidden_layers=2), head_dim=8, num_local_experts=4, sliding_window=3,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
    ),
    "phimoe": lambda: library.PhimoeConfig(**SIZES, num_local_experts=4, attention_bias=True, lm_head_bias=True),
}  # fmt: skip


def tiny(name, experts="eager", **more):
    """A model with this implementation of experts, and the attention that the library prefers.

    more: to be said in its configuration."""
    torch.manual_seed(0)
    config = CONFIGS[name]()
    config.update(more)
    model = library.AutoModelForCausalLM.from_config(config, experts_implementation=experts).eval()
    with torch.no_grad():
        # Those of a fresh model are zeros and ones in part.
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model
