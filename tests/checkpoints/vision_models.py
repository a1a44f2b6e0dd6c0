"""Tiny random models of transformers for every architecture of the families of encoders and of several towers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from benchshadow.checkpoints import Layout, families, layout, open_checkpoint

_ENCODER: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
}
TEXT: dict[str, Any] = {**_ENCODER, "num_key_value_heads": 2}
"""Sizes of a language model of three blocks."""
IMAGES: dict[str, Any] = {
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "image_size": 8,
    "patch_size": 4,
}
"""Sizes of an image tower of two blocks."""
_SIGLIP = hf.SiglipVisionConfig(**IMAGES, vision_use_head=False)
_QWEN_IMAGES: dict[str, Any] = {"hidden_size": 12, "intermediate_size": 20, "depth": 2, "num_heads": 3, "patch_size": 4}
_ENDS: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}


def _bert(**more: Any) -> hf.PretrainedConfig:
    return hf.BertConfig(**_ENCODER, max_position_embeddings=10, **more)


def _modernbert(**more: Any) -> hf.PretrainedConfig:
    return hf.ModernBertConfig(**_ENCODER, **_ENDS, cls_token_id=2, sep_token_id=3, **more)


def _t5(**more: Any) -> hf.PretrainedConfig:
    """An encoder of three blocks, a decoder of two; the heads are narrower together than the model."""
    return hf.T5Config(
        vocab_size=40, d_model=16, d_kv=3, d_ff=24, num_heads=4, num_layers=3, num_decoder_layers=2, **more
    )


def _vit(**more: Any) -> hf.PretrainedConfig:
    return hf.ViTConfig(**IMAGES, **more)


def _clip(**more: Any) -> hf.PretrainedConfig:
    text: dict[str, Any] = {**_ENCODER, **_ENDS, "max_position_embeddings": 10}
    return hf.CLIPConfig(text_config=text, vision_config=IMAGES, projection_dim=8, **more)


def _siglip(**more: Any) -> hf.PretrainedConfig:
    text: dict[str, Any] = {**_ENCODER, **_ENDS, "max_position_embeddings": 10, "projection_size": 16}
    return hf.SiglipConfig(text_config=text, vision_config=IMAGES, **more)


def _llava(**more: Any) -> hf.PretrainedConfig:
    parts: dict[str, Any] = {
        "text_config": hf.LlamaConfig(**TEXT),
        "vision_config": hf.CLIPVisionConfig(**IMAGES),
    } | more
    return hf.LlavaConfig(**parts, image_token_index=39)


def _llava_next(**more: Any) -> hf.PretrainedConfig:
    parts: dict[str, Any] = {
        "text_config": hf.MistralConfig(**TEXT),
        "vision_config": hf.CLIPVisionConfig(**IMAGES),
    } | more
    return hf.LlavaNextConfig(**parts, image_token_index=39)


def _qwen2_vl(**more: Any) -> hf.PretrainedConfig:
    images: dict[str, Any] = {
        "embed_dim": 12,
        "hidden_size": 16,
        "depth": 2,
        "num_heads": 3,
        "patch_size": 4,
        "mlp_ratio": 2,
    }
    return hf.Qwen2VLConfig(text_config=_qwen_text(), vision_config=images, **more)


def _qwen2_5_vl(**more: Any) -> hf.PretrainedConfig:
    images: dict[str, Any] = {**_QWEN_IMAGES, "out_hidden_size": 16}
    return hf.Qwen2_5_VLConfig(text_config=_qwen_text(), vision_config=images, **more)


def _qwen_text() -> dict[str, Any]:
    rope = {"rope_type": "default", "mrope_section": [1, 1, 0], "rope_theta": 1e4}
    return {**TEXT, **_ENDS, "rope_parameters": rope}


def _qwen3_vl(**more: Any) -> hf.PretrainedConfig:
    images: dict[str, Any] = {
        **_QWEN_IMAGES,
        "out_hidden_size": 16,
        "num_position_embeddings": 16,
        "deepstack_visual_indexes": [0, 1],
    }
    parts: dict[str, Any] = {"text_config": {**TEXT, "head_dim": 6}, "vision_config": images} | more
    return hf.Qwen3VLConfig(**parts, tie_word_embeddings=True)


def _internvl(**more: Any) -> hf.PretrainedConfig:
    images: dict[str, Any] = {
        **IMAGES,
        "image_size": [8, 8],
        "patch_size": [4, 4],
        "use_qk_norm": True,
        "attention_bias": True,
    }
    parts: dict[str, Any] = {"text_config": hf.Qwen2Config(**TEXT), "vision_config": images} | more
    return hf.InternVLConfig(**parts, image_token_id=39)


def _paligemma(**more: Any) -> hf.PretrainedConfig:
    parts: dict[str, Any] = {"text_config": hf.GemmaConfig(**TEXT, head_dim=6), "vision_config": _SIGLIP} | more
    return hf.PaliGemmaConfig(**parts, projection_dim=16, image_token_index=39)


def _gemma3(**more: Any) -> hf.PretrainedConfig:
    parts: dict[str, Any] = {"text_config": hf.Gemma3TextConfig(**TEXT, head_dim=6), "vision_config": _SIGLIP} | more
    return hf.Gemma3Config(**parts, mm_tokens_per_image=4, image_token_index=39)


def _idefics3(**more: Any) -> hf.PretrainedConfig:
    parts: dict[str, Any] = {"text_config": hf.LlamaConfig(**TEXT, pad_token_id=0), "vision_config": IMAGES} | more
    return hf.Idefics3Config(**parts, scale_factor=2, image_token_id=39)


def _smolvlm(**more: Any) -> hf.PretrainedConfig:
    parts: dict[str, Any] = {"text_config": hf.LlamaConfig(**TEXT, pad_token_id=0), "vision_config": IMAGES} | more
    return hf.SmolVLMConfig(**parts, scale_factor=2, image_token_id=39)


ENCODERS: Mapping[str, Callable[..., hf.PretrainedConfig]] = {
    "bert": _bert,
    "modernbert": _modernbert,
    "t5": _t5,
    "vit": _vit,
    "clip": _clip,
    "clip_vision": _clip,
    "siglip": _siglip,
    "siglip_vision": _siglip,
}
"""Small configurations by the name of the family file."""
MULTIMODAL: Mapping[str, Callable[..., hf.PretrainedConfig]] = {
    "llava": _llava,
    "qwen2_vl": _qwen2_vl,
    "qwen2_5_vl": _qwen2_5_vl,
    "qwen3_vl": _qwen3_vl,
    "internvl": _internvl,
    "paligemma": _paligemma,
    "gemma3_multimodal": _gemma3,
    "idefics3": _idefics3,
}
"""As `ENCODERS`, of models with a language model, an image tower and a projector."""
FAMILIES = (*ENCODERS, *MULTIMODAL)
"""Family files whose architectures are all made here."""
_OTHER_CONFIGS = {"LlavaNextForConditionalGeneration": _llava_next, "SmolVLMForConditionalGeneration": _smolvlm}
_OLD_NAMES = {"T5WithLMHeadModel": "T5ForConditionalGeneration"}
"""Architectures that configurations still spell and transformers no longer has."""


_BIASED: dict[str, Any] = {"attention_bias": True, "mlp_bias": True}
_INTERN: dict[str, Any] = {
    **IMAGES,
    "image_size": [8, 8],
    "patch_size": [4, 4],
    "use_mask_token": True,
    "use_mean_pooling": False,
}
VARIANTS: Mapping[str, tuple[dict[str, Any], ...]] = {
    "ModernBertForMaskedLM": ({**_BIASED, "norm_bias": True, "classifier_bias": True},),
    "T5ForConditionalGeneration": ({"feed_forward_proj": "gated-gelu"},),
    "LlavaForConditionalGeneration": (
        {"text_config": hf.LlamaConfig(**TEXT, **_BIASED)},
        {"text_config": hf.Qwen2Config(**TEXT)},
        {"text_config": hf.Qwen3Config(**TEXT, head_dim=6), "vision_config": _SIGLIP},
    ),
    "InternVLForConditionalGeneration": (
        {"text_config": hf.LlamaConfig(**TEXT, **_BIASED), "vision_config": _INTERN},
        {"text_config": hf.Qwen3Config(**TEXT, head_dim=6)},
    ),
    "PaliGemmaForConditionalGeneration": ({"text_config": hf.Gemma2Config(**TEXT, head_dim=6, attention_bias=True)},),
    "Gemma3ForConditionalGeneration": (
        {"text_config": hf.Gemma3TextConfig(**TEXT, head_dim=6, attention_bias=True), "vision_config": _SIGLIP},
    ),
    "Qwen3VLForConditionalGeneration": ({"text_config": {**TEXT, "head_dim": 6, "attention_bias": True}},),
    "Idefics3ForConditionalGeneration": ({"text_config": hf.LlamaConfig(**TEXT, **_BIASED, pad_token_id=0)},),
}
"""Settings by architecture with which a model has tensors that it lacks by default."""


def variants(names: Mapping[str, object]) -> list[tuple[str, dict[str, Any]]]:
    """Every model of some family files that is made here: architecture and settings."""
    return [(name, more) for name in architectures(names) for more in ({}, *VARIANTS.get(name, ()))]


def architectures(names: Mapping[str, object]) -> list[str]:
    """Every architecture of some family files that transformers still has."""
    served = [name for family in families() if family.name in names for name in family.architectures]
    return [name for name in served if name not in _OLD_NAMES]


def tiny(architecture: str, **more: Any) -> Any:
    """A random model, every value of it drawn, so that no two tensors are alike by chance."""
    family = next(each.name for each in families() if architecture in each.architectures)
    config = _OTHER_CONFIGS.get(architecture, {**ENCODERS, **MULTIMODAL}[family])(**deepcopy(more))
    kind = getattr(hf, architecture)
    parts = (config, *(getattr(config, part, None) for part in ("text_config", "vision_config")))
    torch.manual_seed(0)
    model = kind(next(part for part in parts if isinstance(part, kind.config_class)))
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_()
    return model


@dataclass(frozen=True)
class Saved:
    """A model beside what was found in its checkpoint.

    Attributes:
        model: as it was saved.
        folder: of the checkpoint.
        found: its layout.
    """

    model: hf.PreTrainedModel
    folder: Path
    found: Layout

    @property
    def tensors(self) -> dict[str, torch.Tensor]:
        """What is stored, by its stored name."""
        return load_file(self.folder / "model.safetensors")

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Every piece with two sides by its name."""
        return {
            piece.name: piece.source().rows(0, piece.matrix[0])
            for piece in self.found.pieces
            if piece.state == "matrix"
        }


def saved(model: hf.PreTrainedModel, folder: Path) -> Saved:
    """A model written by transformers and laid out."""
    model.save_pretrained(folder)
    return Saved(model, folder, layout(open_checkpoint(folder)))


def renamed(folder: Path, new: Path, rename: Callable[[str], str]) -> Layout:
    """The layout of the same checkpoint with its stored names changed."""
    tensors = load_file(folder / "model.safetensors")
    changed = {rename(name): value for name, value in tensors.items()}
    assert len(changed) == len(tensors), "two names became one"
    return rewritten(folder, new, changed)


def rewritten(folder: Path, new: Path, tensors: Mapping[str, torch.Tensor], **settings: Any) -> Layout:
    """The layout of a checkpoint of other tensors beside the configuration of this one, its settings changed."""
    new.mkdir()
    save_file({name: value.detach().clone() for name, value in tensors.items()}, new / "model.safetensors")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (new / "config.json").write_text(json.dumps(config | settings), encoding="utf-8")
    return layout(open_checkpoint(new))
