"""What a signature and its classifier let one say, in words that a reader without the numbers cannot misread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchshadow.stats import FEWEST_BASES, FEWEST_REPLICATES, Interval
from benchshadow.studies.declaring.study import Study

from .classifier import ALPHA
from .regime_results import Classified, Gain, Result, Shown
from .regime_rows import OF_LOSS, OF_SIZE, SCHEMES, SPECTRA
from .signature import AT_EQUAL, AT_LAST, WITHIN

__all__ = ["classifier_sentences", "signature_sentences"]


def signature_sentences(rows: Sequence[dict[str, Any]], diagnostics: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Per arm, how far its footprint lies from the control, at the last step and at each replicate's equal change."""
    for arm in dict.fromkeys(row["arm"] for row in rows):
        parts = []
        for at, said in ((AT_LAST, f"the {AT_LAST}"), (AT_EQUAL, f"{AT_EQUAL} {WITHIN}")):
            here = [row for row in rows if (row["arm"], row["at"]) == (arm, at) and row["diagnostic"] in diagnostics]
            told = [
                f"{row['diagnostic'].replace('_', ' ')} {row['units']:+.1f}" for row in here if row["units"] is not None
            ]
            if told:
                parts.append(f"at {said} {', '.join(told)}")
        if parts:
            text = f"{arm}: the footprint less the control's, in units of the A/A spread (root mean square): "
            text += f"{'; '.join(parts)}."
            yield _said("signature", arm, text, "info")


def classifier_sentences(study: Study, found: Classified) -> Iterator[dict[str, Any]]:
    """Whether the regimes are told from the spectra, and whether the spectra add to what size or loss alone tell."""
    regimes = f"{', '.join(list(found.regimes)[:-1])} and {list(found.regimes)[-1]}"
    for scheme in SCHEMES:
        results = {each.features: each for each in found.results if each.left_out == scheme}
        if not results:
            continue
        parts = [f"{name} {_accuracy(results[name])}" for name in (SPECTRA, OF_SIZE, OF_LOSS)]
        text = f"With each {scheme} left out in turn, {regimes} are told apart with a balanced accuracy of "
        text += f"{'; '.join(parts)}; a guess has {results[SPECTRA].chance:.2f}."
        if len(only := list(results[SPECTRA].confusion)) < len(found.regimes):
            text += f" Only arms of {' and '.join(only)} could be left out: whoever always says so is right there too."
        yield _said("classifier", "", text, "info", scheme)
        gains = [each for each in found.gains if each.left_out == scheme]
        told = " ".join(_gain(each, results[each.over], results[SPECTRA]) for each in gains)
        yield _said("added", "", told, "info", scheme)
    if not found.results:
        why = next(iter(found.refused.values()), "nothing is declared")
        yield _said("classifier", "", f"The regimes were not told from the footprints: {why}.", "warning")
        return
    yield from _bounds(study, found)
    for each in found.shown:
        if each.features == SPECTRA:
            yield _said("shown", each.arm, _shown(each), "info")
    for arm, why in found.not_shown.items():
        text = f"{arm} is of no declared regime, and where it falls cannot be told from its {why}."
        yield _said("not-shown", arm, text, "warning")


def _bounds(study: Study, found: Classified) -> Iterator[dict[str, Any]]:
    """What the accuracy does not mean."""
    if not any(each.left_out == "arm" for each in found.results):
        text = "Every regime is one arm here: that it is told again in a replicate left out says that this recipe "
        text += "leaves a mark of its own, not that its regime does."
        yield _said("one-arm", "", text, "warning")
    if len(study.replicates) < FEWEST_REPLICATES or study.bases < FEWEST_BASES:
        text = f"The classifier is descriptive: it rests on {len(study.replicates)} replicates and {study.bases} base"
        yield _said("classifier-level", "", f"{text}{'s' * (study.bases != 1)}.", "warning")


def _accuracy(result: Result) -> str:
    p = "" if result.p is None else f", p = {result.p.p:.2g}, no less than {result.p.floor:.2g} is possible"
    return f"{result.accuracy.mean:.2f} ({_span(result.accuracy)}{p})"


def _gain(gain: Gain, baseline: Result, spectra: Result) -> str:
    """A gain in words; it says so where nothing is added, and where there was nothing left to add."""
    numbers = f"log score {_two(gain.log_score.mean):+.2f} nats ({_span(gain.log_score)}), "
    numbers += f"balanced accuracy {_two(gain.accuracy.mean):+.2f}"
    if gain.adds:
        return f"The spectra add to the {gain.over}: {numbers}."
    text = f"The spectra add nothing to the {gain.over} that can be told: {numbers}."
    if baseline.accuracy.mean > 1 - 1e-12:
        text = text[:-1] + f"; with the {gain.over} alone every held-out run is told, so there was little left to add."
    elif gain.log_score.low is not None and gain.log_score.low > 0 and spectra.p is not None:
        text = text[:-1] + f"; the spectra's own p of {spectra.p.p:.2g} does not carry more"
        text += ", nor can it with so few." if spectra.p.floor > ALPHA else "."
    return text


def _shown(each: Shown) -> str:
    total = sum(each.falls.values())
    falls = ", ".join(f"{regime} in {many}" for regime, many in each.falls.items() if many)
    text = f"{each.arm} is of no declared regime; from its spectra it falls to {falls} of {total} replicates"
    if each.like_none:
        return f"{text}, but in each it lies farther from them than any of their own arms does: it is like none."
    return f"{text}, and it does not always lie farther from there than their own arms do."


def _span(interval: Interval) -> str:
    if interval.low is None or interval.high is None:
        return "no interval"
    return f"{100 * interval.level:.0f}% {_two(interval.low):.2f} to {_two(interval.high):.2f}"


def _two(value: float) -> float:
    """Two decimals, without the sign of a zero."""
    return round(value, 2) + 0.0


def _said(code: str, about: str, text: str, severity: str, scheme: str = "") -> dict[str, Any]:
    name = f"{code}-{about or 'study'}" + (f"-{scheme}" if scheme else "")
    return {"code": code, "id": name, "about": about, "text": text, "severity": severity}
