"""What GGUF calls a model's tensors and settings, in the words of the model's own checkpoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .checkpoint import TensorSource
from .family import Family, family_of
from .held import ComputedMatrix
from .names import canonical_names

__all__ = ["ARCHITECTURES", "GgufNames", "names_of"]

ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3moe": "Qwen3MoeForCausalLM",
    "gemma2": "Gemma2ForCausalLM",
    "gemma3": "Gemma3ForCausalLM",
    "phi3": "Phi3ForCausalLM",
    "olmo2": "Olmo2ForCausalLM",
}
"""Those whose matrices GGUF holds as their checkpoints do, but for the rows of Llama's queries and keys."""
_MIXTRAL = "MixtralForCausalLM"
_SETTINGS = {
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
}
_EXPERTS = re.compile(r"blk\.(?P<layer>[0-9]+)\.ffn_(?P<side>gate|up|down)_exps\.weight")
_MIXTRAL_SIDES = {"gate": "w1", "up": "w3", "down": "w2"}
_ENDS = (".weight", ".bias")


@dataclass(frozen=True)
class GgufNames:
    """Names and settings of one file.

    Attributes:
        architecture: as GGUF spells it, "llama"; empty where the file does not say.
        config: as `config.json` would hold it.
        named: name in the architecture's checkpoints by name in GGUF, for those that are known.
        remarks: what a reader must know, in sentences.
    """

    architecture: str
    config: Mapping[str, Any]
    named: Mapping[str, str]
    remarks: tuple[str, ...]

    def name(self, stored: str) -> str:
        """The name in the architecture's checkpoints; that of GGUF where it is not known."""
        return self.named.get(stored, stored)

    def experts(self, stored: str) -> str | None:
        """Where checkpoints hold a stack of experts one by one, their names, `{expert}` standing for the number."""
        found = _EXPERTS.fullmatch(stored)
        if found is None or "architectures" not in self.config:
            return None
        if self.config["architectures"] == [_MIXTRAL]:
            side = _MIXTRAL_SIDES[found["side"]]
            return f"model.layers.{found['layer']}.block_sparse_moe.experts.{{expert}}.{side}.weight"
        if self.architecture == "qwen3moe":
            return f"model.layers.{found['layer']}.mlp.experts.{{expert}}.{found['side']}_proj.weight"
        return None

    def order(self, stored: str, shape: Sequence[int]) -> Callable[[TensorSource], TensorSource] | None:
        """What puts the rows of Llama's queries and keys back; None for all other tensors.

        GGUF interleaves the two halves of every head, for another way to rotate them (llama.cpp, `LlamaModel.permute`).
        """
        end = re.fullmatch(r"blk\.[0-9]+\.attn_(q|k)\.weight", stored)
        if self.architecture != "llama" or end is None or len(shape) != 2:
            return None
        heads = self.config.get("num_attention_heads" if end[1] == "q" else "num_key_value_heads")
        if not isinstance(heads, int) or heads < 1 or shape[0] % (2 * heads):
            return None
        size = shape[0] // heads
        return lambda source: _halves_apart(source, size)


def _halves_apart(source: TensorSource, size: int) -> TensorSource:
    """The rows of every head of `size` rows: even ones first, then odd ones."""
    within = np.concatenate([np.arange(0, size, 2), np.arange(1, size, 2)])

    def block(start: int, stop: int) -> np.ndarray:
        first, last = start // size * size, -(-stop // size) * size
        rows = np.arange(start, stop)
        return source.rows(first, last)[rows // size * size + within[rows % size] - first]

    return ComputedMatrix(source.name, source.shape, source.stored, block)


def names_of(settings: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> GgufNames:
    """Names and settings of a file.

    Args:
        settings: of the file, by key.
        shapes: sides of its tensors, by name.
    """
    architecture = settings.get("general.architecture")
    architecture = architecture if isinstance(architecture, str) else ""
    config = _config(architecture, settings, shapes)
    family = family_of(config)
    if family is None:
        config.pop("architectures", None)
        why = f"architecture {architecture!r} has no names that are known here, so tensors keep those of GGUF"
        return GgufNames(architecture, config, {}, (why,))
    named = _named(architecture, family, tuple(shapes), _layers(shapes))
    return GgufNames(architecture, config, named, ())


def _layers(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """One more than the largest number of a block, whatever the settings claim."""
    numbers = [int(found[1]) for name in shapes if (found := re.match(r"blk\.([0-9]{1,5})\.", name))]
    return max(numbers, default=-1) + 1


def _config(architecture: str, settings: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """The settings that say how matrices lie."""
    config: dict[str, Any] = {"model_type": architecture} if architecture else {}
    for name, key in _SETTINGS.items():
        value = settings.get(f"{architecture}.{key}")
        if isinstance(value, int) and not isinstance(value, bool):
            config[name] = value
    if "num_attention_heads" in config:
        config.setdefault("num_key_value_heads", config["num_attention_heads"])
    if "token_embd.weight" in shapes:
        config["vocab_size"] = shapes["token_embd.weight"][0]
        config["tie_word_embeddings"] = "output.weight" not in shapes
    if architecture in ARCHITECTURES:
        mixture = architecture == "llama" and any("_exps." in name for name in shapes)
        config["architectures"] = [_MIXTRAL if mixture else ARCHITECTURES[architecture]]
    return config


def _named(architecture: str, family: Family, stored: Sequence[str], layers: int) -> dict[str, str]:
    """Of all names that the package knows for a tensor, the one that the family file knows too."""
    import gguf

    kinds = {name: kind for kind, name in gguf.MODEL_ARCH_NAMES.items()}
    known: dict[str, list[str]] = {}
    for name, (_, place) in gguf.get_tensor_name_map(kinds[architecture], layers).mapping.items():
        known.setdefault(place, []).append(name)
    found = {}
    for name in stored:
        stem, end = next(((name.removesuffix(end), end) for end in _ENDS if name.endswith(end)), (name, ""))
        told = [each + end for each in known.get(stem, ()) if _knows(family, each + end)]
        if told:  # all these architectures put "model." in front of what is inside the model
            found[name] = min(told, key=lambda each: not each.startswith("model."))
    return found


def _knows(family: Family, name: str) -> bool:
    (canonical,) = canonical_names([name], family.renames).values()
    return family.match(canonical) is not None
