"""What a study compares its arms on: one number per run and step, of the scores or of the footprint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import polars as pl

from benchshadow.data.scoring import Compete, margin_unit
from benchshadow.errors import InputError

from .equaliser_settings import EQUALISED
from .task_kinds import BlimpPairs, Choices, tiers

if TYPE_CHECKING:
    from .study import Study

__all__ = ["Measure", "measures", "values"]

Part = tuple[float, str | None, str]

_BROAD = ("sibling", "unrelated")


@dataclass(frozen=True)
class Measure:
    """One number of a run at a step.

    Attributes:
        name: as margins and families call it.
        title: for people.
        unit: of the value and of its differences.
        kind: "outcome", "footprint", "representation" or "behaviour".
        says: what it is and what it does not tell.
        parts: the records it is made of: (factor, benchmark or None, diagnostic); their weighted sum.
        tier: of the benchmark, where it is a single one.
        split: "equalised" for scores after the equaliser.
    """

    name: str
    title: str
    unit: str
    kind: str
    says: str
    parts: tuple[Part, ...]
    tier: str | None = None
    split: str | None = None

    @property
    def of(self) -> str:
        """What the records are of that it is made of."""
        return _OF[self.kind]


_OF = {"outcome": "outcome", "footprint": "model", "representation": "activations", "behaviour": "behaviour"}
_FOOTPRINT = {
    "relative_change": ("relative change", "share", "size of the change over the size of the base, blocks pooled"),
    "stable_rank": ("stable rank", "dimensions", "energy of the change in units of its strongest direction"),
    "participation_ratio": ("participation ratio", "dimensions", "directions that share the energy of the change"),
    "effective_rank": (
        "effective rank",
        "dimensions",
        "delta effective rank, one of its readings: of the change itself",
    ),
    "effective_rank_change": (
        "change of the effective rank",
        "dimensions",
        "delta effective rank, the other reading: tuned less base, at the last step only",
    ),
    "effective_layers": ("effective layers", "layers", "over how many layers the energy of the change is spread"),
}

_STATES = {"last": ("last token", "states of the last tokens"), "mean": ("mean of tokens", "mean states of the texts")}
_PROBED = {
    "representation": {
        **{
            f"rankme_{side}": (
                f"RankMe, {title}",
                "dimensions",
                "broad",
                f"mean_rankme_{side}",
                f"effective rank of the {state}, mean over layers; more is not better by itself",
            )
            for side, (title, state) in _STATES.items()
        },
        **{
            f"cka_{side}": (
                f"CKA with the base, {title}",
                "share",
                "broad",
                f"mean_cka_debiased_{side}",
                f"likeness of the {state} to the base's, debiased, mean over layers; 1 is the same but for rotation "
                "and scale",
            )
            for side, (title, state) in _STATES.items()
        },
    },
    "gradients": {
        "gradient_rank": (
            "gradient rank",
            "dimensions",
            "broad",
            "mean_gradient_rank",
            "effective rank of the gradients of single texts, mean over layers; a few long ones weigh most",
        ),
        "gradient_rank_even": (
            "gradient rank, even",
            "dimensions",
            "broad",
            "mean_gradient_rank_even",
            "the same of gradients scaled to one length: over how many directions single texts pull",
        ),
    },
    "behaviour": {
        f"kl_{kind}": (
            f"KL, {kind}",
            "nats/token",
            kind,
            "kl_from_base",
            "KL(base || tuned) per token: how far the expectations moved, not whether they improved",
        )
        for kind in ("narrow", "broad")
    },
}


def measures(study: Study) -> list[Measure]:
    """The measures of a study in the order of its report.

    Each task's come first, then those of the tiers together, the footprint's, and the probes'.
    """
    placed = tiers(study.tasks)
    compete: dict[str, Compete] = {
        task.name: task.compete for task in study.tasks if isinstance(task, BlimpPairs | Choices)
    }
    found = []
    for task, (tier, kind) in placed.items():
        if kind == "text":
            says = "bits per byte with the sign reversed: higher is better; never averaged with accuracies"
            found.append(Measure(task, task, "bits/byte", "outcome", says, ((-1.0, task, "bits_per_byte"),), tier))
            continue
        found.append(
            Measure(task, task, "share", "outcome", "share of right answers", ((1.0, task, "accuracy"),), tier)
        )
        if kind == "choice":
            says = "log-probability of the right option less that of the best wrong one; decides earlier than accuracy"
            name, unit, margin = f"{task}: margin", margin_unit(compete[task]), ((1.0, task, "margin"),)
            found.append(Measure(name, name, unit, "outcome", says, margin, tier))
    found += _together(placed)
    if study.equaliser is not None:
        found += [_equalised(each) for each in found]
    for name, (title, unit, says) in _FOOTPRINT.items():
        found.append(Measure(name, title, unit, "footprint", says, ((1.0, None, name),)))
    found += _probes(study, placed)
    _check_names(found)
    return found


def _probes(study: Study, placed: dict[str, tuple[str, str]]) -> Iterator[Measure]:
    """What the study's probes add; nothing where it has none."""
    asked = study.probes
    if asked is None:
        return
    for group, named in _PROBED.items():
        for name, (title, unit, probe, diagnostic, says) in named.items() if getattr(asked, group) else ():
            kind = "behaviour" if group == "behaviour" else "representation"
            text = getattr(asked, probe)
            yield Measure(name, title, unit, kind, f"{says}; on '{text}'", ((1.0, text, diagnostic),))
    seen, held = (next((task for task in placed if placed[task][0] == tier), None) for tier in ("seen", "held-out"))
    if asked.behaviour and seen and held:
        says = f"how often Min-k% ranks an item of '{seen}' above one of '{held}'; half where nothing tells them apart"
        parts = ((1.0, seen, "min_k_auroc"),)
        yield Measure("min_k_auroc", "Min-k% AUROC", "share", "behaviour", says, parts, "seen")


def _equalised(measure: Measure) -> Measure:
    """The same after the short training that every arm got: what is left is ability rather than form."""
    name = f"{measure.name}, {EQUALISED}"
    return replace(measure, name=name, title=f"{measure.title}, {EQUALISED}", split=EQUALISED)


def _check_names(found: Sequence[Measure]) -> None:
    """A task must not be called like a measure of the study, or one would be read for the other."""
    names = [measure.name for measure in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError("tasks", f"must not be named like a measure of the study but one is '{name}'")


def _together(placed: dict[str, tuple[str, str]]) -> list[Measure]:
    """Memorisation, narrow, broad and gap, from centred scores: 0 is guessing, 1 is perfect."""
    by_tier: dict[str, list[str]] = {}
    for task, (tier, kind) in placed.items():
        if kind != "text":
            by_tier.setdefault(tier, []).append(task)
    seen, held = (_mean(1.0, by_tier.get(tier, [])) for tier in ("seen", "held-out"))
    wide = [tier for tier in _BROAD if tier in by_tier]
    broad = tuple(part for tier in wide for part in _mean(1.0 / len(wide), by_tier[tier]))
    names = "; ".join(f"{tier}: {', '.join(by_tier[tier])}" for tier in wide)
    given = {
        "narrow": ("held-out items of the benchmark, centred on guessing", held),
        "broad": (f"mean of the tiers {' and '.join(wide)} ({names}), centred on guessing", broad),
        "gap": ("narrow less broad", (*held, *_minus(broad)) if held and broad else ()),
        "memorisation": ("seen less held-out items of the benchmark", (*seen, *_minus(held)) if seen and held else ()),
    }
    return [Measure(name, name, "share", "outcome", says, parts) for name, (says, parts) in given.items() if parts]


def _mean(factor: float, tasks: Sequence[str]) -> tuple[Part, ...]:
    return tuple((factor / len(tasks), task, "centred_score") for task in tasks)


def _minus(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple((-factor, task, diagnostic) for factor, task, diagnostic in parts)


def values(records: pl.DataFrame, measure: Measure) -> dict[tuple[str, int, int], float]:
    """(arm, replicate, step) to the measure's value; where a part is missing or undefined there is no value."""
    found: dict[tuple[str, int, int], list[float]] = {}
    for factor, benchmark, diagnostic in measure.parts:
        named = (pl.col("of") == measure.of) & (pl.col("diagnostic") == diagnostic)
        if measure.kind == "outcome":
            named &= pl.col("split").eq_missing(pl.lit(measure.split, pl.String))
        chosen = records.filter(named, pl.col("value").is_not_null())
        if benchmark is not None:
            chosen = chosen.filter(pl.col("benchmark") == benchmark)
        elif measure.kind == "footprint":
            chosen = chosen.filter(pl.col("parameter").is_null())
        for arm, replicate, step, value in chosen.select("arm", "replicate", "step", "value").iter_rows():
            found.setdefault((arm, replicate, step), []).append(factor * value)
    return {at: sum(parts) for at, parts in found.items() if len(parts) == len(measure.parts)}
