"""A checkpoint whose quantised weights are presented dequantised, under their own names, and their scales set aside."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from benchshadow.checkpoints.assembled import AssembledCheckpoint, Member, member_of
from benchshadow.checkpoints.checkpoint import STORED_AS, Checkpoint

from . import bitsandbytes, compressed_tensors, gptq_awq, microscaled, scaled
from .claim import Claim, Settings

__all__ = ["SCHEMES", "dequantised"]

SCHEMES = (bitsandbytes, microscaled, gptq_awq, compressed_tensors, scaled)
"""Every scheme, in the order in which a tensor is tried: a new one is a file with `claims`, and its name here."""

# Beside quantised weights these hold scales of activations and of the cache, not weights.
_ACTIVATIONS = re.compile(r"(^|[._])(input_scale|input_global_scale|activation_scale|[kvq]_scale|output_scale)$")
_CODES = re.compile(r"[IU](8|16|32|64)|F8_\w+|F6_\w+|F4")


def dequantised(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint itself where nothing in it is quantised; otherwise one that presents what its numbers stand for.

    A quantised weight keeps its name (`x.qweight` becomes `x.weight`); what belongs to it stays listed as auxiliary. A
    weight of a scheme that is not read is refused by name. Scales are read where rows are asked for.
    """
    settings = _settings(checkpoint.config)
    if not settings and all(checkpoint.dtype(name) in STORED_AS for name in checkpoint.names()):
        return checkpoint
    claims: dict[str, Claim] = {}
    names = frozenset(checkpoint.names())
    for scheme in SCHEMES:
        for claim in scheme.claims(checkpoint, settings, names):
            claims.setdefault(claim.replaces[0], claim)
    unknown = _unknown(checkpoint, settings, claims)
    if not claims and not unknown:
        return checkpoint
    members = _members(checkpoint, claims, unknown)
    remarks = (*getattr(checkpoint, "remarks", ()), *_remarks(checkpoint, claims))
    return AssembledCheckpoint(checkpoint.path, checkpoint.files, checkpoint.config, members, remarks)


def _settings(config: Mapping[str, Any] | None) -> Settings:
    """The settings of the quantisation, which some configurations nest with the language model."""
    config = config or {}
    nested = config.get("text_config")
    for each in (config, nested if isinstance(nested, Mapping) else {}):
        found = each.get("quantization_config") or each.get("compression_config")
        if isinstance(found, Mapping):
            return found
    return {}


def _unknown(checkpoint: Checkpoint, settings: Settings, claims: Mapping[str, Claim]) -> dict[str, str]:
    """Why tensors that no scheme claims are refused: matrices of whole numbers or of eight bits beside settings.

    Without settings whole numbers may be anything (positions, masks), and the layout passes over them by name.
    """
    if not settings:
        return {}
    taken = {name for claim in claims.values() for name in (*claim.replaces, *claim.auxiliary)}
    method = settings.get("quant_method") or settings.get("format") or "unknown"
    found = {}
    for name in checkpoint.names():
        sides = sum(side > 1 for side in checkpoint.shape(name))
        if name not in taken and sides > 1 and _CODES.fullmatch(checkpoint.dtype(name)):
            found[name] = f"holds {checkpoint.dtype(name)} of the scheme {method!r}, which is not dequantised"
    return found


def _members(checkpoint: Checkpoint, claims: Mapping[str, Claim], unknown: Mapping[str, str]) -> dict[str, Member]:
    """Every stored name in its place: presented, auxiliary, refused, or as it is."""
    auxiliary = {name: what for claim in claims.values() for name, what in claim.auxiliary.items()}
    modules = {_module(name): name for name in unknown}
    members: dict[str, Member] = {}
    for name in checkpoint.names():
        if name in claims:
            members[claims[name].name] = claims[name].member(checkpoint)
        elif name in auxiliary:
            members[name] = member_of(checkpoint, name, auxiliary=auxiliary[name])
        elif name in unknown:
            members[name] = member_of(checkpoint, name, refusal=unknown[name], dtype=f"{checkpoint.dtype(name)} codes")
        elif _ACTIVATIONS.search(name):
            members[name] = member_of(checkpoint, name, auxiliary="scales of activations")
        elif _module(name) in modules and not name.endswith(".bias"):
            members[name] = member_of(checkpoint, name, auxiliary=f"goes with {modules[_module(name)]!r}")
        else:
            members[name] = member_of(checkpoint, name)
    return members


def _module(name: str) -> str:
    """The module of a tensor: "a.q_proj" for "a.q_proj.codes" and for "a.q_proj.weight._data"."""
    module = name.rpartition(".")[0]
    return module.removesuffix(".weight")


def _remarks(checkpoint: Checkpoint, claims: Mapping[str, Claim]) -> list[str]:
    read = Counter(re.sub(r" with .*", "", claim.scheme) for claim in claims.values() if not claim.refusal)
    return [
        f"{checkpoint.path}: {count} weights are dequantised from {scheme}; the rounding of the quantisation is not "
        "modelled, so signal ranks that rest on it are not told"
        for scheme, count in read.items()
    ]
