"""Tiny language models with random weights, one for every layout of tensors that a family file describes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file

SIZES = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}
FALCON = {key: value for key, value in SIZES.items() if key not in ("intermediate_size", "num_key_value_heads")}
MODELS = {
    "llama": ("Llama", SIZES | {"attention_bias": True, "mlp_bias": True}),
    "mistral": ("Mistral", SIZES),
    "qwen2": ("Qwen2", SIZES),
    "qwen3": ("Qwen3", SIZES | {"head_dim": 8}),
    "qwen3_moe": (
        "Qwen3Moe",
        SIZES
        | {
            "head_dim": 8,
            "num_experts": 3,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 20,
            "mlp_only_layers": [0],
        },
    ),
    "mixtral": ("Mixtral", SIZES | {"num_local_experts": 3}),
    "gpt_oss": ("GptOss", SIZES | {"head_dim": 8, "num_local_experts": 3, "num_experts_per_tok": 2}),
    "deepseek_v3": (
        "DeepseekV3",
        SIZES
        | {"num_key_value_heads": 4, "n_routed_experts": 4, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2}
        | {"moe_intermediate_size": 20, "first_k_dense_replace": 1, "q_lora_rank": 8, "kv_lora_rank": 6}
        | {"qk_rope_head_dim": 4, "qk_nope_head_dim": 3, "v_head_dim": 5, "rope_interleave": False},
    ),
    "gemma2": ("Gemma2", SIZES | {"head_dim": 8, "tie_word_embeddings": True}),
    "gemma3": ("Gemma3Text", SIZES | {"head_dim": 8, "tie_word_embeddings": True}),
    "phi3": ("Phi3", SIZES),
    "olmo2": ("Olmo2", SIZES),
    "gpt2": (
        "GPT2",
        {
            "vocab_size": 40,
            "n_positions": 8,
            "n_embd": 16,
            "n_layer": 3,
            "n_head": 4,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
    ),
    "gpt_neox": ("GPTNeoX", {key: value for key, value in SIZES.items() if key != "num_key_value_heads"}),
    "falcon_grouped": ("Falcon", FALCON | {"num_kv_heads": 2, "new_decoder_architecture": True}),
    "falcon_one_key": ("Falcon", FALCON | {"multi_query": True, "tie_word_embeddings": True}),
    "falcon_each": ("Falcon", FALCON | {"multi_query": False, "bias": True, "alibi": True, "parallel_attn": False}),
    "mamba": (
        "Mamba",
        {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 3, "state_size": 4, "time_step_rank": 3}
        | {"bos_token_id": 1, "eos_token_id": 2, "use_bias": True},
    ),
}
"""For each layout of tensors, the name of its configuration in transformers and the settings."""


def made(name: str, **more: object) -> Any:
    """The model of a layout; no weight is at a value that an initialisation gives it."""
    kind, settings = MODELS[name]
    config = getattr(transformers, f"{kind}Config")(**settings | more)
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def saved_as_in_memory(model: Any, folder: Path) -> Path:
    """The tensors of a model under the names that they have in memory, without those that are tied."""
    folder.mkdir(parents=True)
    kept = model.state_dict(keep_vars=True)
    once = {id(tensor): name for name, tensor in reversed(kept.items())}
    save_file({name: kept[name].detach().clone() for name in once.values()}, folder / "model.safetensors")
    config = model.config.to_dict() | {"architectures": [type(model).__name__]}
    (folder / "config.json").write_text(json.dumps(config, default=str))
    return folder


def renamed(folder: Path, other: Path, new_name: Callable[[str], str | None]) -> Path:
    """A copy of a saved checkpoint with other names; None drops a tensor."""
    other.mkdir(parents=True)
    held = {new_name(name): weight for name, weight in load_file(folder / "model.safetensors").items()}
    save_file({name: weight for name, weight in held.items() if name}, other / "model.safetensors")
    (other / "config.json").write_bytes((folder / "config.json").read_bytes())
    return other
