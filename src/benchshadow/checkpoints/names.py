"""Names under which the tensors of two checkpoints meet, and what a name tells where no family file is at hand."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

__all__ = ["canonical_names", "guess_layer", "guess_role", "guess_stack", "guess_tower"]

_WRAPPERS = {
    *("module", "_orig_mod", "base_model", "model", "language_model", "text_model", "transformer"),
    *("gpt_neox", "backbone", "bert", "vit"),
}

_TOWERS = (
    ("projector", r"projector|connector|merger|multi_modal|mm_proj"),
    ("vision", r"visual|vision|image|patch_embed"),
    ("other", r"audio|speech"),
)
# Tried in order on the name without ".weight"; the first that is found anywhere between dots wins.
_ROLES = (
    ("router", r"router|mlp\.gate$|block_sparse_moe\.gate$"),
    ("attention.fused", r"qkv(_proj)?|c_attn|query_key_value|Wqkv|in_proj(_weight)?"),
    ("attention.query", r"q_proj|query|wq|to_q|q_lin|q"),
    ("attention.key", r"k_proj|key|wk|to_k|k_lin|k"),
    ("attention.value", r"v_proj|value|wv|to_v|v_lin|v"),
    (
        "attention.output",
        r"o_proj|wo|to_out|out_lin|out_proj|(attn|attention|self_attention)\.(c_proj|dense|proj|output\.dense)",
    ),
    ("mlp.fused", r"gate_up_proj"),
    ("mlp.gate", r"gate_proj|w1|gate"),
    ("mlp.up", r"up_proj|w3|c_fc|fc1|fc_in|dense_h_to_4h|lin1|wi|intermediate\.dense"),
    ("mlp.down", r"down_proj|w2|c_proj|fc2|fc_out|dense_4h_to_h|lin2|output\.dense"),
    ("head", r"lm_head|embed_out|output_projection"),
    ("embedding", r"\w*embed(ding)?s?|embed_tokens|wte|wpe|\w+_embeddings?|patch_embed\.proj"),
)
_FOUND = tuple((role, re.compile(rf"(^|\.)({pattern})(\.|$)")) for role, pattern in _ROLES)


def canonical_names(stored: Iterable[str], renames: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """Canonical name of every stored name, without leading wrappers ("model.", "model.language_model.", "module.").

    Names that would meet another of the same checkpoint stay as they are stored.

    Args:
        stored: names of one checkpoint.
        renames: runs of whole parts, replaced in order wherever they stand ("^": only in front); "" drops them.
    """
    stored, renames = tuple(stored), tuple(renames)
    short = {name: _renamed(_unwrapped(name), renames) for name in stored}
    held = Counter(short.values())
    return {name: short[name] if held[short[name]] == 1 else name for name in stored}


def _unwrapped(name: str) -> str:
    parts = name.split(".")
    while len(parts) > 2 and parts[0] in _WRAPPERS:
        parts.pop(0)
    return ".".join(parts)


def _renamed(name: str, renames: tuple[tuple[str, str], ...]) -> str:
    for old, new in renames:
        run, put = f".{old.removeprefix('^')}.", f".{new}." if new else "."
        dotted = f".{name}."
        if run not in dotted:
            continue
        if not old.startswith("^"):
            name = dotted.replace(run, put)[1:-1]
        elif dotted.startswith(run):
            name = (put + dotted.removeprefix(run))[1:-1]
    return name


def guess_layer(name: str) -> int | None:
    """The first part of a name that is a whole number; None where there is none."""
    place = _place_of_layer(name)
    return None if place is None else int(name.split(".")[place])


def guess_stack(name: str) -> str:
    """The part of a name before its layer, which layers are counted under; empty where there is no layer."""
    return ".".join(name.split(".")[: _place_of_layer(name) or 0])


def _place_of_layer(name: str) -> int | None:
    parts = name.split(".")
    return next((i for i, part in enumerate(parts) if part.isascii() and part.isdigit() and len(part) < 7), None)


def guess_tower(name: str) -> str:
    """The part of the model that a name belongs to, by the words in it."""
    return next((tower for tower, words in _TOWERS if re.search(words, name)), "language")


def guess_role(name: str, is_matrix: bool, rows: int, vocabulary: int | None) -> str:
    """Role by the words in a name, then by its shape; "matrix" or "vector" where neither tells.

    Args:
        name: canonical.
        is_matrix: whether it has more than one side above one.
        rows: its first side.
        vocabulary: size of the vocabulary, where the configuration gives one.
    """
    if not is_matrix:
        if name.endswith("bias"):
            return "bias"
        return "norm" if re.search(r"norm|ln_|\bln", name) else "vector"
    bare = name.removesuffix(".weight")
    role = next((role for role, words in _FOUND if words.search(bare)), None)
    if role is None:
        return "embedding" if rows == vocabulary and guess_layer(name) is None else "matrix"
    return role.replace("mlp.", "expert.") if "experts" in name else role
