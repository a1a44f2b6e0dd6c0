"""Sizes of Llama models: the pairs that the benchmarks write, and published ones to extrapolate to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from math import prod

__all__ = ["ENTRY", "PAIRS", "PUBLISHED", "Shape", "config_of", "told"]

ENTRY = {"F32": 4, "BF16": 2}
"""Bytes of one weight by the type it is stored in."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a model.

    Attributes:
        hidden: width of the residual stream.
        inner: width of the multilayer perceptron.
        layers: number of blocks.
        vocabulary: rows of the embedding.
        stored: "F32" or "BF16".
        key_value: rows of the key and value matrices; 0 for as many as the stream is wide.
        tied: whether the embedding is the head.
        shard: bytes of one file at most; 0 for one file.
    """

    hidden: int
    inner: int
    layers: int
    vocabulary: int
    stored: str
    key_value: int = 0
    tied: bool = True
    shard: int = 0

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor by name."""
        h, inner = self.hidden, self.inner
        rows = {"q": h, "k": self.key_value or h, "v": self.key_value or h, "o": h}
        found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocabulary, h)}
        for layer in range(self.layers):
            block = f"model.layers.{layer}"
            found |= {f"{block}.self_attn.{side}_proj.weight": (rows[side], h) for side in "qkvo"}
            found |= {f"{block}.mlp.{side}_proj.weight": (inner, h) for side in ("gate", "up")}
            found[f"{block}.mlp.down_proj.weight"] = (h, inner)
            found |= {f"{block}.{norm}_layernorm.weight": (h,) for norm in ("input", "post_attention")}
        found["model.norm.weight"] = (h,)
        return found if self.tied else found | {"lm_head.weight": (self.vocabulary, h)}

    def bytes(self) -> int:
        """Size of all tensors on disk."""
        return ENTRY[self.stored] * sum(map(prod, self.tensors().values()))


def _seven(layers: int) -> Shape:
    """The layout of Llama-2-7B (32 layers) with fewer of them."""
    return Shape(4096, 11008, layers, 32000, "BF16", tied=False, shard=2_000_000_000)


PAIRS = {
    "tiny": Shape(hidden=128, inner=352, layers=2, vocabulary=512, stored="BF16", tied=False, shard=300_000),
    "20M": Shape(hidden=512, inner=1376, layers=6, vocabulary=4096, stored="F32"),
    "220M": Shape(hidden=1024, inner=2816, layers=16, vocabulary=16000, stored="BF16"),
    "4GB": _seven(9),
    "8GB": _seven(18),
}
"""Pairs that are written; the bytes of the last two are those of each side."""
PUBLISHED = {
    "7B": _seven(32),
    "70B": Shape(8192, 28672, 80, 128256, "BF16", key_value=1024, tied=False),
    "405B": Shape(16384, 53248, 126, 128256, "BF16", key_value=1024, tied=False),
}
"""Llama-2-7B, Llama-3.1-70B and Llama-3.1-405B, as their config.json files have them."""


def told(shape: Shape) -> dict[str, object]:
    """A shape as JSON values, what is left at its default left out."""
    defaults = {field.name: field.default for field in fields(Shape)}
    return {key: value for key, value in asdict(shape).items() if value != defaults[key]}


def config_of(shape: Shape) -> dict[str, object]:
    """The `config.json` of a model of this shape, its heads 128 wide."""
    width = min(128, shape.hidden)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.hidden // width,
        "num_key_value_heads": (shape.key_value or shape.hidden) // width,
        "vocab_size": shape.vocabulary,
        "tie_word_embeddings": shape.tied,
    }
