"""A base and a tuned checkpoint in the layout of a Llama model: trained-looking weights and a change that decays."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

__all__ = ["PAIRS", "Shape", "write_pair"]


@dataclass(frozen=True)
class Shape:
    """Sizes of a model.

    Attributes:
        hidden: width of the residual stream.
        inner: width of the multilayer perceptron.
        layers: number of blocks.
        vocabulary: rows of the embedding, which is tied to the head.
        stored: "F32" or "BF16".
    """

    hidden: int
    inner: int
    layers: int
    vocabulary: int
    stored: str

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Shape of every tensor by name."""
        h, inner = self.hidden, self.inner
        found: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (self.vocabulary, h)}
        for layer in range(self.layers):
            block = f"model.layers.{layer}"
            found |= {f"{block}.self_attn.{side}_proj.weight": (h, h) for side in "qkvo"}
            found |= {f"{block}.mlp.{side}_proj.weight": (inner, h) for side in ("gate", "up")}
            found[f"{block}.mlp.down_proj.weight"] = (h, inner)
            found |= {f"{block}.{norm}_layernorm.weight": (h,) for norm in ("input", "post_attention")}
        return found | {"model.norm.weight": (h,)}


PAIRS = {
    "20M": Shape(hidden=512, inner=1376, layers=6, vocabulary=4096, stored="F32"),
    "220M": Shape(hidden=1024, inner=2816, layers=16, vocabulary=16000, stored="BF16"),
}


def write_pair(folder: Path, shape: Shape, seed: int) -> tuple[Path, Path]:
    """Write `base` and `tuned` below a folder; a pair that is there already is kept."""
    base, tuned = folder / "base", folder / "tuned"
    mark = folder / "shape.json"
    said = json.dumps({**asdict(shape), "seed": seed}, sort_keys=True)
    if mark.is_file() and mark.read_text(encoding="utf-8") == said:
        return base, tuned
    rng = np.random.default_rng(seed)
    before, after = {}, {}
    for name, sides in shape.tensors().items():
        weight = _weight(sides, rng)
        before[name], after[name] = weight, weight + _change(weight, rng)
    for side, tensors in ((base, before), (tuned, after)):
        side.mkdir(parents=True, exist_ok=True)
        _write(side / "model.safetensors", tensors, shape.stored)
        (side / "config.json").write_text(json.dumps(_config(shape)), encoding="utf-8")
    mark.write_text(said, encoding="utf-8")
    return base, tuned


def _config(shape: Shape) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "vocab_size": shape.vocabulary,
        "tie_word_embeddings": True,
    }


def _weight(sides: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Noise of standard deviation .02 and a few dozen directions above it, as in trained matrices."""
    if len(sides) == 1:
        return (1 + 0.1 * rng.standard_normal(sides)).astype(np.float32)
    noise = 0.02 * rng.standard_normal(sides, dtype=np.float32)
    return noise + _decaying(sides, 3 * np.linalg.norm(noise) / np.sqrt(min(sides)), 64, 0.7, rng)


def _change(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A change of about five hundredths of the norm: half of its directions decay as 1/i, the rest is weak noise."""
    if weight.ndim == 1:
        return (0.001 * rng.standard_normal(weight.shape)).astype(np.float32)
    norm = 0.05 * float(np.linalg.norm(weight))
    noise = rng.standard_normal(weight.shape, dtype=np.float32) * (0.2 * norm / np.sqrt(weight.size))
    return noise + _decaying(weight.shape, 0.75 * norm, min(weight.shape) // 2, 1.0, rng)


def _decaying(sides: tuple[int, ...], top: float, rank: int, power: float, rng: np.random.Generator) -> np.ndarray:
    """Random directions with singular values of about top / i^power."""
    values = np.arange(1, rank + 1) ** -power * top
    left = rng.standard_normal((sides[0], rank), dtype=np.float32) / np.float32(np.sqrt(sides[0]))
    right = rng.standard_normal((rank, sides[1]), dtype=np.float32) / np.float32(np.sqrt(sides[1]))
    return (left * values.astype(np.float32)) @ right


def _write(file: Path, tensors: dict[str, np.ndarray], stored: str) -> None:
    """Write a safetensors file; bfloat16 rounds to nearest, ties to even."""
    header, offset, parts = {}, 0, []
    for name, values in tensors.items():
        raw = values.astype("<f4") if stored == "F32" else _bfloat16(values)
        header[name] = {"dtype": stored, "shape": list(values.shape), "data_offsets": [offset, offset + raw.nbytes]}
        offset += raw.nbytes
        parts.append(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with file.open("wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for raw in parts:
            out.write(raw.tobytes())


def _bfloat16(values: np.ndarray) -> np.ndarray:
    bits = np.ascontiguousarray(values, "<f4").view("<u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
