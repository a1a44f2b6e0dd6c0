"""One pair of pieces, or one piece alone, becomes numbers: decomposed, or found among what was kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np

from benchshadow.checkpoints import Pair, Piece
from benchshadow.errors import TensorRefused
from benchshadow.spectra import (
    Factors,
    Measure,
    Moments,
    Spectrum,
    Update,
    diagnostics,
    matrix_of,
    measure_change,
    measure_matrix,
)

from .kept import Kept
from .over_model import Measurement, Norms

__all__ = ["Settings", "factors_of", "measured_pair"]

_OF_ROUNDING = {entry.name for entry in diagnostics() if entry.subject == "rounding"} | {
    "unchanged_share_within_rounding"
}


@dataclass(frozen=True)
class Settings:
    """What is measured of every pair.

    Attributes:
        seed: of the drawn rounding errors and random changes; each pair has its own stream.
        rounded_sides: "tuned", "both" or the two.
        spectra_of: which of "base", "tuned" and "change" are decomposed.
        level: 0 to 3.
        device: "cpu", or a torch device.
    """

    seed: int
    rounded_sides: Sequence[str]
    spectra_of: Sequence[str]
    level: int
    device: str

    @property
    def sides(self) -> list[str]:
        """The sides that are decomposed; level 3 needs both."""
        return [side for side in ("base", "tuned") if side in self.spectra_of or self.level == 3]


def measured_pair(pair: Pair, settings: Settings, kept: Kept, *, single: bool) -> Measurement:
    """A pair measured; a refusal becomes its state.

    Args:
        pair: what is looked at.
        settings: what is measured.
        kept: spectra of earlier calls.
        single: whether there is no tuned checkpoint, so that the base alone is measured.
    """
    said = (pair.remark,) if pair.remark else ()
    try:
        if pair.state != "matrix":
            _refuse_bad_vector(pair)
            return Measurement(pair, pair.state, pair.reason, said, {}, {})
        if not single:
            return _of_update(pair, _update(pair, settings, kept), said)
        factors = factors_of(pair.piece)
        if factors is not None:
            return _of_update(pair, Update.of_factors(factors, rounded_sides=settings.rounded_sides), said)
        matrix = _matrix(pair, settings, kept)
        return Measurement(pair, "analysed", "", said, {"base": measure_matrix(matrix)}, _values({"base": matrix}))
    except TensorRefused as refusal:
        return Measurement(pair, "refused", refusal.problem, said, {}, {})
    except np.linalg.LinAlgError as failure:
        return Measurement(pair, "refused", f"could not be decomposed ({failure})", said, {}, {})


def _matrix(pair: Pair, settings: Settings, kept: Kept) -> Spectrum | Moments:
    """The only side, from what was kept or from its file."""
    found = kept.matrix("base", pair.piece, pair.rows)
    if found is None:
        (source,) = pair.sources()
        found = matrix_of(source, level=min(settings.level, 2), device=settings.device)
        kept.keep_matrix("base", pair.piece, pair.rows, found)
    return found


def _update(pair: Pair, settings: Settings, kept: Kept) -> Update:
    """The change, from what was kept or from both files; sides that were kept are not decomposed again."""
    base, tuned = pair.base, pair.tuned
    assert base is not None and tuned is not None, "a pair has both sides"  # noqa: PT018
    pieces = {"base": base, "tuned": tuned}
    sides = {side: kept.matrix(side, pieces[side], pair.rows) for side in settings.sides}
    there = {side: found for side, found in sides.items() if found is not None}
    update = kept.change(base, tuned, pair.rows) if len(there) == len(sides) else None
    if update is None:
        before, after = pair.sources()
        update = Update.of(
            before,
            after,
            rng=np.random.default_rng([settings.seed, crc32(pair.piece.name.encode())]),
            rounded_sides=settings.rounded_sides,
            spectra_of=[side for side in sides if side not in there],
            level=settings.level,
            device=settings.device,
            factors=factors_of(tuned),
        )
        there |= {side: found for side in sides if (found := getattr(update, side)) is not None}
        for side, found in there.items():
            kept.keep_matrix(side, pieces[side], pair.rows, found)
        kept.keep_change(base, tuned, pair.rows, replace(update, base=None, tuned=None))
    return replace(update, base=there.get("base"), tuned=there.get("tuned"))


def factors_of(piece: Piece) -> Factors | None:
    """The change that an adapter makes of a piece, as its factors; None where the piece holds plain values."""
    asked = getattr(piece.checkpoint, "factors", None)
    found = None if asked is None else asked(piece.tensor)
    if found is None or piece.part is not None:
        return None
    left, right = piece.cut.sides(*found.sides())
    return Factors(left, right, found.scale)


def _refuse_bad_vector(pair: Pair) -> None:
    """Vectors have no spectrum, but NaN in one must not pass in silence."""
    for side in (pair.base, pair.tuned):
        if side is not None and side.is_vector:
            source = side.source()
            if not np.isfinite(source.rows(0, source.shape[0])).all():
                raise TensorRefused(side.tensor, "must be finite but holds NaN or infinite entries")


def _of_update(pair: Pair, update: Update, said: tuple[str, ...]) -> Measurement:
    every = {"base": update.base, "tuned": update.tuned, "change": update.change}
    there = {of: found for of, found in every.items() if found is not None}
    measures = {of: measure_matrix(found) for of, found in there.items() if of != "change"}
    scheme = _scheme(pair)
    measures["change"] = [_withheld(each, scheme) for each in measure_change(update)]
    equal = update.is_unchanged
    reason = "base and tuned are equal entry by entry" if equal else ""
    values = _values({of: found for of, found in there.items() if not (of == "change" and equal)})
    norms = None
    if update.base_norm is not None:
        norms = Norms(update.base_norm, update.change.norm, () if scheme else update.rounding)
    return Measurement(
        pair,
        "equal" if equal else "analysed",
        reason,
        said if equal or scheme else (*said, *update.remarks),
        measures,
        values,
        norms,
        update.directions,
    )


def _scheme(pair: Pair) -> str:
    """How a side was quantised, where the rounding of that is not modelled; empty where it was not."""
    for side in (pair.base, pair.tuned):
        ask = None if side is None else getattr(side.checkpoint, "scheme", None)
        found = ask(side.tensor) if side is not None and ask else None
        if found:
            return str(found)
    return ""


def _withheld(measure: Measure, scheme: str) -> Measure:
    """A measure without what stands on the rounding of a type, where a side was quantised in another way."""
    if not scheme:
        return measure
    if measure.diagnostic.removesuffix("_share") in _OF_ROUNDING or measure.diagnostic in _OF_ROUNDING:
        why = f"a side is dequantised from {scheme}, whose rounding is not modelled"
        return measure._replace(value=None, error_bound=None, null_rounding=None, reason=why)
    return measure._replace(null_rounding=None)


def _values(found: Mapping[str, Spectrum | Moments]) -> dict[str, np.ndarray]:
    """Singular values, where the level gives them."""
    return {of: each.values for of, each in found.items() if isinstance(each, Spectrum)}
