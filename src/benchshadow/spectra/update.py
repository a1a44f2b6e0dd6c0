"""The waist for a change: two matrices become three spectra, the share left unchanged, and the nulls of rounding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from benchshadow._registry import LEVELS
from benchshadow.errors import InputError, TensorRefused, check_choices

from . import engines
from .directions import Directions, directions_of
from .factors import Factors
from .marchenko_pastur import margin
from .moments import Moments
from .passes import checked_shape, own_edge, passed
from .rounding import SIDES, RoundingNull, corrected_values, null_of_energy, rounding_null, unrounded
from .source import MatrixSource, at_hand
from .spectrum import Spectrum, reduced
from .streaming import named, places, read_block, scales
from .sums import Pass, Profile

__all__ = ["Unchanged", "Update", "check_level"]

_SPECTRA = ("base", "tuned", "change")
_GLANCE = 1 << 12


@dataclass(frozen=True)
class Unchanged:
    """Shares of entries that did not change.

    Attributes:
        exact: equal in base and tuned.
        within_rounding: differing by at most half an ulp of either side together, so that rounding could explain it.
    """

    exact: float
    within_rounding: float


@dataclass(frozen=True, eq=False)
class Update:
    """The change D = W1 - W0 from a base matrix to a tuned one, with both sides and its rounding nulls.

    Attributes:
        base: of W0, None where it was not asked for; `Moments` below level 2.
        tuned: of W1, None where it was not asked for.
        change: of D.
        base_norm: Frobenius norm of W0, weight; None where only the factors of the change are known.
        tuned_norm: Frobenius norm of W1, weight; None likewise.
        unchanged: shares of entries that are equal, exactly and within rounding; None likewise.
        rounding: one null for each declaration of the rounded sides, in the order asked for.
        directions: top singular vectors of all three and what follows from them; None below level 3.
    """

    base: Spectrum | Moments | None
    tuned: Spectrum | Moments | None
    change: Spectrum | Moments
    base_norm: float | None
    tuned_norm: float | None
    unchanged: Unchanged | None
    rounding: tuple[RoundingNull, ...]
    directions: Directions | None = None

    @classmethod
    def of(
        cls,
        base: MatrixSource,
        tuned: MatrixSource,
        *,
        rng: np.random.Generator,
        rounded_sides: Sequence[str] = SIDES,
        spectra_of: Sequence[str] = _SPECTRA,
        level: int = 2,
        device: str = engines.HOST,
        factors: Factors | None = None,
    ) -> Update:
        """The change between two matrices of one shape, both read in blocks: once, where float32 carries the numbers.

        Args:
            base: W0.
            tuned: W1.
            rng: draws rounding errors, where a null has to be simulated, and random updates.
            rounded_sides: "tuned", "both" or the two, as far as is known; a null for each.
            spectra_of: which of "base" and "tuned" are decomposed beside the change; level 3 needs both.
            level: one of `LEVELS`.
            device: "cpu", or a torch device.
            factors: the change itself, where it is known as scale L R: it is decomposed from them, and no rounding
                stands against it.

        Raises:
            TensorRefused: shapes differ, a side is empty, or holds NaN or infinite entries.
            InputError: a setting is not one of those named here.
        """
        shape = _checked_pair(base, tuned)
        check_choices("rounded_sides", rounded_sides, SIDES)
        check_choices("spectra_of", spectra_of, _SPECTRA, none=True)
        check_level(level)
        engines.checked_device(device)
        base, tuned = at_hand(base), at_hand(tuned)
        sources = [base, tuned]
        asked = [key for key in ("base", "tuned") if key in spectra_of or level == 3]
        if _equal(base, tuned, shape):
            return _unchanged(base, tuned, asked, rounded_sides, rng, min(level, 2), device)
        wanted = [*asked, *([] if factors else ["change"])] if level else []
        done = passed(sources, wanted, scales(sources, shape), level=level, device=device)
        entries = shape[0] * shape[1]
        sides = {key: reduced(key, done, sources, own_edge(key, done), min(level, 2), device) for key in asked}
        if factors:
            change, nulls = factors.spectrum(tuned.stored), tuple(map(unrounded, rounded_sides))
        else:
            change, nulls = _change(sources, done, rounded_sides, min(level, 2), device, rng)
        found = cls(
            sides.get("base"),
            sides.get("tuned"),
            change,
            done.norm("base"),
            done.norm("tuned"),
            Unchanged(done.equal / entries, done.within / entries),
            nulls,
        )
        if level < 3 or not isinstance(found.base, Spectrum):
            return found
        return replace(found, directions=directions_of(base, tuned, found.base.values, rng=rng, factors=factors))

    @classmethod
    def of_factors(cls, factors: Factors, *, rounded_sides: Sequence[str] = SIDES) -> Update:
        """The change scale L R of a base that is not at hand: its spectrum, and nothing relative to the base.

        Raises:
            TensorRefused: a factor holds NaN or infinite entries.
        """
        change = factors.spectrum("float32")
        return cls(None, None, change, None, None, None, tuple(map(unrounded, rounded_sides)))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.change.shape

    @property
    def level(self) -> int:
        """What is there of all three: one of `LEVELS`. A change known by its factors has a spectrum at any level."""
        if self.directions is not None:
            return 3
        return min(each.level for each in (self.base, self.tuned, self.change) if each is not None)

    @cached_property
    def is_unchanged(self) -> bool:
        """Whether base and tuned are equal entry by entry."""
        return self.change.is_zero

    @cached_property
    def cosine(self) -> float | None:
        """Cosine between W0 and W1 as vectors; None where one of them is zero or not known.

        1 - (fro(D)^2 - (fro(W1) - fro(W0))^2) / (2 fro(W0) fro(W1)), which does not lose the digits of a small angle.
        """
        if not self.base_norm or not self.tuned_norm:
            return None
        base, tuned, change = (each / self.base_norm for each in (self.base_norm, self.tuned_norm, self.change.norm))
        apart = (change - (tuned - base)) * (change + (tuned - base))
        return float(np.clip(1 - apart / (2 * base * tuned), -1.0, 1.0))

    @property
    def widest_rounding(self) -> RoundingNull:
        """The null with the most rounding among those declared: the cautious one."""
        return max(self.rounding, key=lambda null: null.norm)

    def signal_values(self, null: RoundingNull) -> Float64[np.ndarray, " r"]:
        """Singular values of the change above the edge, weight; corrected for noise where its profile is even."""
        assert isinstance(self.change, Spectrum), "the singular values need level 2"
        assert null.edge is not None, "an edge needs level 1"
        above = self.change.values[self.change.values > null.edge]
        return corrected_values(above, self.shape, null.deviation) if null.even else above

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the numbers must know, in sentences; empty where nothing stands against them."""
        if self.is_unchanged:
            return ("unchanged: base and tuned are equal entry by entry",)
        said = [null.sentence for null in self.rounding if not null.resolved]
        if self.unchanged and self.unchanged.exact > 0.5:
            said.append(
                f"{self.unchanged.exact:.0%} of the entries are equal: if only the tuned side was rounded, "
                "updates below half an ulp were lost and the norms of the change are biased"
            )
        return tuple(said)


def check_level(level: int) -> None:
    """A level must be one of those there are."""
    if level not in LEVELS:
        raise InputError("level", f"must be one of {', '.join(map(str, LEVELS))} but is {level!r}")


def _checked_pair(base: MatrixSource, tuned: MatrixSource) -> tuple[int, int]:
    before, after = checked_shape(base), checked_shape(tuned)
    if before != after:
        text = (
            f"must have one shape but is {before[0]} x {before[1]} in the base and {after[0]} x {after[1]} in the tuned"
        )
        raise TensorRefused(named(tuned), text)
    return after


def _equal(base: MatrixSource, tuned: MatrixSource, shape: tuple[int, int]) -> bool:
    """Whether both sides hold the same bits; a few rows tell most pairs apart, the first block all but a few."""
    if base.stored != tuned.stored:
        return False
    first = slice(0, max(1, min(shape[0], _GLANCE // shape[1])))
    return all(
        np.array_equal(read_block(base, place, True), read_block(tuned, place, True))
        for place in (first, *places(shape, True))
    )


def _unchanged(
    base: MatrixSource,
    tuned: MatrixSource,
    asked: Sequence[str],
    rounded_sides: Sequence[str],
    rng: np.random.Generator,
    level: int,
    device: str,
) -> Update:
    """The update between equal sides: one of them is read, and the change is zero."""
    wanted = [*(["tuned"] if asked else []), "change"] if level else []
    done = passed([tuned], wanted, scales([tuned], base.shape), level=level, device=device)
    norm = done.norm("tuned")
    side = reduced("tuned", done, [tuned], own_edge("tuned", done), level, device) if asked else None
    scale = dict.fromkeys(("base", "tuned", "change"), done.scale["tuned"])
    twice = replace(done, scale=scale, energy=done.energy | {"change": 0.0})
    for held in (twice.profiles, twice.variance):
        held |= {"base": held["tuned"]} if held else {}
    nulls = _nulls(twice, rounded_sides, np.zeros(1), [base, tuned], rng)
    edge = _widest(nulls)
    change: Spectrum | Moments = Moments(base.shape, tuned.stored, edge, "equal entry by entry", 0.0, 0.0)
    if level == 1:
        change = replace(change, top=0.0, concentration=0.0)
    if level == 2:
        change = Spectrum(np.zeros(min(base.shape)), base.shape, tuned.stored, edge or 0.0, 0.0, change.method)
    return Update(
        side if "base" in asked else None,
        side if "tuned" in asked else None,
        change,
        norm,
        norm,
        Unchanged(1.0, 1.0),
        nulls,
    )


def _change(
    sources: list[MatrixSource],
    done: Pass,
    rounded_sides: Sequence[str],
    level: int,
    device: str,
    rng: np.random.Generator,
) -> tuple[Spectrum | Moments, tuple[RoundingNull, ...]]:
    """The change with the widest rounding edge declared, and the nulls."""
    edge = None
    if done.profiles:
        unit, noise = _noise(done)
        edge = margin(done.shape) * unit * max(noise[sides].bound for sides in rounded_sides)
    found = reduced("change", done, sources, edge, level, device)
    values = found.values if isinstance(found, Spectrum) else np.array([found.top or 0.0])
    nulls = _nulls(done, rounded_sides, values, sources, rng)
    return replace(found, rounding_edge=_widest(nulls)), nulls


def _noise(done: Pass) -> tuple[float, dict[str, Profile]]:
    """A unit, weight, and in it the profile of rounding errors for every declaration of the sides."""
    unit = max(done.scale["base"], done.scale["tuned"])
    base, tuned = (done.profiles[key].times((done.scale[key] / unit) ** 2) for key in ("base", "tuned"))
    return unit, {"tuned": tuned, "both": tuned + base}


def _nulls(
    done: Pass,
    rounded_sides: Sequence[str],
    values: np.ndarray,
    sources: list[MatrixSource],
    rng: np.random.Generator,
) -> tuple[RoundingNull, ...]:
    """One null for each declaration of the sides; at level 0 of the energy alone."""
    norm = done.norm("change")
    if done.profiles:
        (base, tuned), (unit, noise) = sources, _noise(done)
        return tuple(
            rounding_null(sides, noise[sides], unit, values, norm, base, tuned, rng) for sides in rounded_sides
        )
    errors = {key: done.variance[key] ** 0.5 * done.scale[key] for key in ("base", "tuned")}
    size = {"tuned": errors["tuned"], "both": float(np.hypot(errors["tuned"], errors["base"]))}
    return tuple(null_of_energy(sides, size[sides], norm, done.shape) for sides in rounded_sides)


def _widest(nulls: Sequence[RoundingNull]) -> float | None:
    edges = [null.edge for null in nulls if null.edge is not None]
    return max(edges, default=None)
