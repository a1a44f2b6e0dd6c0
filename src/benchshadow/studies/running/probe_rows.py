"""What probes found, as rows of the long table: states and gradients by layer and over the layers, and behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchshadow.spectra.activations import evened, gram_rank

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from benchshadow.evaluate.behaviour import Walk
    from benchshadow.evaluate.passages import Passages
    from benchshadow.evaluate.representation import Represented

__all__ = ["of_behaviour", "of_gradients", "of_membership", "of_states"]

Row = dict[str, Any]

_STATES = {"rankme": "dimensions", "rankme_centred": "dimensions", "decay_exponent": "-", "cka": "share",
           "cka_debiased": "share"}  # fmt: skip
_GRADIENTS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "gradient_rank": ("gradients of the linear maps", np.asarray),
    "gradient_rank_even": ("gradients of the linear maps, each of length one", evened),
}
_POOLED = {"last": "state of the last token", "mean": "mean state of the tokens"}


def of_states(model: PreTrainedModel, layers: Sequence[int], walked: Walk, passages: Passages) -> Iterator[Row]:
    """Rows of every layer and pooling, then the means over the layers, named by their pooling too."""
    from benchshadow.evaluate.blocks import depth
    from benchshadow.evaluate.representation import represented

    texts = len(passages.ids)
    found: dict[tuple[str, str], list[float | None]] = {}
    nulls: dict[tuple[str, str], Row] = {}
    for each in represented(layers, walked.pools, walked.base_pools):
        place = {"layer": each.layer, "depth": depth(model, each.layer), "side": each.pooling}
        for name, unit in _STATES.items():
            if name.startswith("cka") and walked.base_pools is None:
                continue
            value, key = getattr(each, name), (name, each.pooling)
            method = f"{_POOLED[each.pooling]}, {_texts(passages)}{_how(name, each)}"
            nulls[key] = {"null_random": each.rankme_of_noise} if name == "rankme" else {}
            yield _row("activations", name, value, unit, texts, method, why=_undefined(name)) | place | nulls[key]
            found.setdefault(key, []).append(value)
    for (name, pooling), values in found.items():
        method, key = f"{_POOLED[pooling]}, mean over {len(layers)} layers", f"mean_{name}_{pooling}"
        row = _row("activations", key, _mean(values), _STATES[name], texts, method, why=_undefined(name))
        yield row | nulls[name, pooling] | {"side": pooling}


def of_gradients(model: PreTrainedModel, grams: Iterator[tuple[int, np.ndarray]], passages: Passages) -> Iterator[Row]:
    """Effective rank of the texts' gradients, as they are and scaled to one length, by layer and over the layers."""
    from benchshadow.evaluate.blocks import depth

    texts, why = len(passages.ids), "every gradient is zero"
    found: dict[str, list[float | None]] = {name: [] for name in _GRADIENTS}
    for layer, gram in grams:
        for name, (of, change) in _GRADIENTS.items():
            found[name].append(gram_rank(change(gram)))
            method = f"{of}, {_texts(passages)}"
            row = _row("activations", name, found[name][-1], "dimensions", texts, method, why=why)
            yield row | {"layer": layer, "depth": depth(model, layer)}
    for name, values in found.items():
        method = f"{_GRADIENTS[name][0]}, mean over {len(values)} layers"
        yield _row("activations", f"mean_{name}", _mean(values), "dimensions", texts, method, why=why)


def of_behaviour(walked: Walk, passages: Passages) -> Iterator[Row]:
    """Divergence from the base, how probable the probe is, and what the probe consists of."""
    from benchshadow.evaluate.behaviour import divergence

    texts, told = len(passages.ids), _texts(passages)
    if walked.divergence is not None:
        kinds: list[tuple[str, Sequence[int] | None]] = [("kl_from_base", None)]
        if any(passages.answers):
            kinds.append(("kl_from_base_on_answers", passages.answers))
        for name, first in kinds:
            found = divergence(walked, first)
            method = f"KL(base || tuned) over {found.tokens} tokens, {told}; error is half the 95% interval over texts"
            row = _row("behaviour", name, found.mean, "nats/token", texts, method)
            yield row | {"error_bound": found.half_width}
    value = float(walked.log_probability.mean())
    yield _row("behaviour", "probe_log_probability", value, "nats/token", texts, f"mean over tokens, {told}")
    for name, count, unit in (
        ("probe_tokens", passages.tokens, "tokens"),
        ("probe_tokens_most", passages.most, "tokens"),
        ("probe_texts_shorter", passages.shorter, "texts"),
        ("probe_texts_cut", passages.cut, "texts"),
    ):
        yield _row("behaviour", name, float(count), unit, texts, "count")


def of_membership(seen: Walk, held_out: Walk, *, against: str) -> Iterator[Row]:
    """How well Min-k% and Min-k%++ tell seen from held-out items."""
    from benchshadow.evaluate.membership import SHARE, membership, min_k, min_k_plus

    count = len(seen.starts) + len(held_out.starts) - 2
    for name, title, score in (("min_k", "Min-k%", min_k), ("min_k_plus", "Min-k%++", min_k_plus)):
        found = membership(score(seen), score(held_out))
        method = f"{title} with k = {SHARE:.0%}, against '{against}', 95% interval {found.low:.3f} to {found.high:.3f}"
        row = _row("behaviour", f"{name}_auroc", found.area, "share", count, method)
        yield row | {"error_bound": max(found.area - found.low, found.high - found.area)}


def _row(of: str, diagnostic: str, value: float | None, unit: str, items: int, method: str, *, why: str = "") -> Row:
    told = method if value is not None else f"undefined: {why}"
    return {"of": of, "diagnostic": diagnostic, "value": value, "unit": unit, "items": items, "method": told}


def _texts(passages: Passages) -> str:
    shorter = f", {passages.shorter} of them shorter" if passages.shorter else ""
    return f"{len(passages.ids)} texts of at most {passages.most} tokens{shorter}"


def _how(name: str, each: Represented) -> str:
    if name != "decay_exponent" or each.decay_ranks is None:
        return ""
    return f", ranks {each.decay_ranks[0]} to {each.decay_ranks[1]}"


def _undefined(name: str) -> str:
    if name == "decay_exponent":
        return "too few texts or dimensions for a fit"
    return "the states do not vary enough" if name.startswith("cka") else "every state is zero"


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean where every layer has a value."""
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there and len(there) == len(values) else None
