"""What the settings of a PEFT adapter say: only those whose change of the weights is W + scale B A are taken."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError

from .header import shown

__all__ = ["LoraSettings", "lora_settings"]

# Ways to begin that leave the base as it is. The others (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) take their first product
# out of the base, so that scale B A is not the change; PEFT writes True once such an adapter was converted.
_PLAIN_STARTS = (True, False, "gaussian", "eva", "orthogonal")
_PLAIN_SWITCHES = ("use_rslora", "use_dora")
# Settings of a beginning, of training or of running; they leave what is merged alone.
_PLAIN_CONFIGS = ("loftq_config", "eva_config", "corda_config", "lora_ga_config", "runtime_config", "megatron_config")
_OTHERS = (
    "layer_replication",
    "target_parameters",
    "trainable_token_indices",
    "alora_invocation_tokens",
)


@dataclass(frozen=True)
class LoraSettings:
    """How far an adapter goes.

    Attributes:
        rank: of every module that no pattern names.
        alpha: as rank.
        rank_pattern: rank by pattern of module names.
        alpha_pattern: alpha by pattern.
        by_root: whether the scale is alpha / sqrt(rank) (rsLoRA) and not alpha / rank.
        dora: whether the sum is scaled to a magnitude of its own (DoRA).
        fan_in_fan_out: whether weights lie as in x out (Conv1D of GPT-2).
    """

    rank: int
    alpha: float
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]
    by_root: bool
    dora: bool
    fan_in_fan_out: bool

    def rank_of(self, module: str) -> int:
        """Rank of a module: that of the first pattern that matches the end of its name, as in PEFT."""
        return int(_first(self.rank_pattern, module, self.rank))

    def scale_of(self, module: str) -> float:
        """What the product B A is multiplied by: alpha / r (Hu et al. 2021), or alpha / sqrt r (Kalajdzievski 2023)."""
        rank = self.rank_of(module)
        return float(_first(self.alpha_pattern, module, self.alpha)) / (sqrt(rank) if self.by_root else rank)


def _first(pattern: Mapping[str, Any], module: str, otherwise: Any) -> Any:
    return next((value for key, value in pattern.items() if re.match(rf"(.*\.)?({key})$", module)), otherwise)


def lora_settings(file: Path, config: Mapping[str, Any]) -> LoraSettings:
    """The settings in an `adapter_config.json`.

    Raises:
        InputError: the adapter is of another type, or something in it changes weights in another way; it is named.
    """
    kind = config.get("peft_type")
    if kind != "LORA":
        raise InputError(file, f"peft_type must be 'LORA' but is {shown(kind)}", "merge it into its base first")
    start = config.get("init_lora_weights", True)
    if start not in _PLAIN_STARTS:
        why = f"begins as {shown(start)}, which also changes the base"
        raise InputError(file, f"init_lora_weights {why}", "convert it to plain LoRA, or merge it first")
    for key, value in config.items():
        if value and not _understood(key):
            raise InputError(file, f"{key} changes weights in a way that is not read but is {shown(value)}")
    return LoraSettings(
        rank=_number(file, "r", config.get("r"), whole=True),
        alpha=_number(file, "lora_alpha", config.get("lora_alpha")),
        rank_pattern=_pattern(file, "rank_pattern", config.get("rank_pattern"), whole=True),
        alpha_pattern=_pattern(file, "alpha_pattern", config.get("alpha_pattern")),
        by_root=bool(config.get("use_rslora")),
        dora=bool(config.get("use_dora")),
        fan_in_fan_out=bool(config.get("fan_in_fan_out")),
    )


def _understood(key: str) -> bool:
    if key.startswith("use_"):
        return key in _PLAIN_SWITCHES
    return key not in _OTHERS and (key in _PLAIN_CONFIGS or not key.endswith("_config"))


def _number(file: Path, key: str, value: Any, *, whole: bool = False) -> Any:
    allowed = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, allowed) or not 0 < value < 1e9:
        raise InputError(file, f"{key} must be a positive {'whole ' if whole else ''}number but is {shown(value)}")
    return value


def _pattern(file: Path, key: str, value: Any, *, whole: bool = False) -> dict[str, Any]:
    if not isinstance(value or {}, Mapping):
        raise InputError(file, f"{key} must be an object but is {shown(value)}")
    found = {}
    for pattern, each in (value or {}).items():
        try:
            re.compile(pattern)
        except re.error as error:
            raise InputError(
                file, f"{key} must hold regular expressions but holds {shown(pattern)} ({error})"
            ) from None
        found[pattern] = _number(file, f"{key}[{pattern!r}]", each, whole=whole)
    return found
