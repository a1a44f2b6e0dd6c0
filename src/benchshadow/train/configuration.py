"""The configuration of an architecture in the words of its family; a family or a word that nobody knows is refused."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, PretrainedConfig

from benchshadow.errors import InputError

if TYPE_CHECKING:
    from .architecture import Architecture

__all__ = ["configuration"]

_POSITIONS = "max_position_embeddings"
# Tokens that open, close or fill a text are the tokenizer's affair: the end token is the first of its vocabulary.
_TOKENS = {"bos_token_id": None, "eos_token_id": 0, "pad_token_id": None}
_FROM_ELSEWHERE = {
    "vocab_size": "the tokenizer has it",
    **dict.fromkeys(("torch_dtype", "dtype"), "weights are float32"),
}


def configuration(architecture: Architecture, *, vocabulary: int, positions: int) -> PretrainedConfig:
    """The family's configuration with what the study fixes.

    Args:
        architecture: family, and what differs from its defaults.
        vocabulary: rows of the table of embeddings.
        positions: longest sequence; a family that counts positions gets as many, unless `config` says how many.

    Raises:
        InputError: no such family of causal language models, or it has no such key or no such value.
    """
    family = architecture.family
    kind = _kind(family)
    words = architecture.words()
    known = _known(kind)
    for key in words:
        if key in _FROM_ELSEWHERE:
            raise InputError(f"architecture.config.{key}", f"must be left out: {_FROM_ELSEWHERE[key]}")
        if key not in known:
            raise InputError(f"architecture.config.{key}", f"no such key of the family '{family}'", _meant(key, known))
    own = {_POSITIONS, kind.attribute_map.get(_POSITIONS, _POSITIONS)}
    if _POSITIONS in known and not own & words.keys():
        words[_POSITIONS] = positions
    try:
        return kind(vocab_size=vocabulary, **{**_TOKENS, **words})
    except Exception as error:  # each family raises its own
        said = " ".join(str(error).split())
        raise InputError("architecture.config", f"cannot be a configuration of '{family}' ({said})") from error


def _kind(family: str) -> Any:
    if family in CONFIG_MAPPING and CONFIG_MAPPING[family] in MODEL_FOR_CAUSAL_LM_MAPPING:
        return CONFIG_MAPPING[family]
    named = [name for name in CONFIG_MAPPING if CONFIG_MAPPING[name] in MODEL_FOR_CAUSAL_LM_MAPPING]
    rule = f"must be the model_type of a causal language model but is '{family}'"
    raise InputError("architecture.family", rule, _meant(family, named, many=True))


def _known(kind: Any) -> set[str]:
    """Keys of a family's configuration, those that it knows by a common name among them."""
    return {*kind().to_dict(), *kind.attribute_map} - {"model_type", "architectures", "transformers_version"}


def _meant(given: str, known: Iterable[str], *, many: bool = False) -> str:
    held = sorted(known)
    close = get_close_matches(given, held, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return "" if many else f"the keys are {', '.join(held)}"
