"""The waist for a change: two matrices become three spectra, the share left unchanged, and the nulls of rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError, TensorRefused

from . import engines
from .rounding import SIDES, RoundingNull, corrected_values, rounding_null
from .source import MatrixSource
from .spectrum import ROUNDING_MARGIN, Spectrum, bound, checked_shape, from_gram
from .streaming import Pass, blocks, named, scales, stream
from .vectors import top_vectors

__all__ = ["Unchanged", "Update"]

_SPECTRA = ("base", "tuned", "change")


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
        base: spectrum of W0, None where it was not asked for.
        tuned: spectrum of W1, None where it was not asked for.
        change: spectrum of D.
        base_norm: Frobenius norm of W0, weight.
        tuned_norm: Frobenius norm of W1, weight.
        unchanged: shares of entries that are equal, exactly and within rounding.
        rounding: one null for each declaration of the rounded sides, in the order asked for.
        left: top left singular vectors of D as columns, largest first; None where not asked for.
        right: top right singular vectors of D as columns.
    """

    base: Spectrum | None
    tuned: Spectrum | None
    change: Spectrum
    base_norm: float
    tuned_norm: float
    unchanged: Unchanged
    rounding: tuple[RoundingNull, ...]
    left: Float64[np.ndarray, "m r"] | None = None
    right: Float64[np.ndarray, "n r"] | None = None

    @classmethod
    def of(
        cls,
        base: MatrixSource,
        tuned: MatrixSource,
        *,
        rng: np.random.Generator,
        rounded_sides: Sequence[str] = SIDES,
        spectra_of: Sequence[str] = _SPECTRA,
        vectors: int = 0,
        engine: str | None = None,
    ) -> Update:
        """The change between two matrices of one shape, both read once in blocks.

        Args:
            base: W0.
            tuned: W1.
            rng: draws rounding errors, where a null has to be simulated, and start vectors.
            rounded_sides: "tuned", "both" or the two, as far as is known; a null for each.
            spectra_of: which of "base" and "tuned" are decomposed beside the change.
            vectors: number of top singular vectors of the change to keep.
            engine: "torch" or "numpy"; by default torch where it is installed.

        Raises:
            TensorRefused: shapes differ, a side is empty, or holds NaN or infinite entries.
            InputError: a setting is not one of those named here.
        """
        shape, engine = _checked_pair(base, tuned), engines.choose(engine)
        _check_choice("rounded_sides", rounded_sides, SIDES)
        _check_choice("spectra_of", spectra_of, _SPECTRA)
        scale = scales([base, tuned], shape)
        done = stream([base, tuned], [*spectra_of, "change"], scale)
        unchanged = Unchanged(done.equal / (shape[0] * shape[1]), done.within / (shape[0] * shape[1]))
        sides = _sides(base, tuned, done, spectra_of, engine)
        change, nulls = _change(base, tuned, done, rounded_sides, engine, rng)
        again = _again("change", base, tuned, done)
        left, right = top_vectors(done.grams["change"], again, shape, vectors, rng=rng) if vectors else (None, None)
        norms = {key: float(np.sqrt(done.energy[key])) * scale[key] for key in ("base", "tuned")}
        return cls(
            sides.get("base"), sides.get("tuned"), change, norms["base"], norms["tuned"], unchanged, nulls, left, right
        )

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.change.shape

    @cached_property
    def is_unchanged(self) -> bool:
        """Whether base and tuned are equal entry by entry."""
        return self.change.is_zero

    @property
    def widest_rounding(self) -> RoundingNull:
        """The null with the most rounding among those declared: the cautious one."""
        return max(self.rounding, key=lambda null: null.norm)

    def signal_values(self, null: RoundingNull) -> Float64[np.ndarray, " r"]:
        """Singular values of the change above the edge, weight; corrected for noise where its profile is even."""
        above = self.change.values[self.change.values > null.edge]
        return corrected_values(above, self.shape, null.deviation) if null.even else above

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the numbers must know, in sentences; empty where nothing stands against them."""
        if self.is_unchanged:
            return ("unchanged: base and tuned are equal entry by entry",)
        said = [null.sentence for null in self.rounding if not null.resolved]
        if self.unchanged.exact > 0.5:
            said.append(
                f"{self.unchanged.exact:.0%} of the entries are equal: if only the tuned side was rounded, "
                "updates below half an ulp were lost and the norms of the change are biased"
            )
        return tuple(said)


def _checked_pair(base: MatrixSource, tuned: MatrixSource) -> tuple[int, int]:
    before, after = checked_shape(base), checked_shape(tuned)
    if before != after:
        text = (
            f"must have one shape but is {before[0]} x {before[1]} in the base and {after[0]} x {after[1]} in the tuned"
        )
        raise TensorRefused(named(tuned), text)
    return after


def _check_choice(where: str, given: Sequence[str], allowed: Sequence[str]) -> None:
    unknown = [value for value in given if value not in allowed]
    if unknown or isinstance(given, str) or (where == "rounded_sides" and not given):
        raise InputError(where, f"must hold some of {', '.join(allowed)} but is {given!r}")


def _again(key: str, base: MatrixSource, tuned: MatrixSource, done: Pass) -> Callable[[], Iterator[np.ndarray]]:
    """A function that gives the blocks of base, tuned or change once more, divided by their scale."""
    scale = done.scale[key]

    def again() -> Iterator[np.ndarray]:
        for _, (before, after) in blocks([base, tuned], done.shape):
            if key == "change":
                yield np.subtract(after, before, dtype=np.float64) / scale
            else:
                yield np.asarray(before if key == "base" else after, np.float64) / scale

    return again


def _sides(
    base: MatrixSource, tuned: MatrixSource, done: Pass, spectra_of: Sequence[str], engine: str
) -> dict[str, Spectrum]:
    """Spectra of the two sides asked for; equal sides are decomposed once."""
    spectra: dict[str, Spectrum] = {}
    for key, source in (("base", base), ("tuned", tuned)):
        if key not in spectra_of:
            continue
        edge = ROUNDING_MARGIN * bound(done.profiles[key]) * done.scale[key]
        if spectra and done.equal == done.shape[0] * done.shape[1]:
            twin = spectra["base"]
            spectra[key] = Spectrum(twin.values, twin.shape, source.stored, edge, twin.floor, twin.method)
            continue
        again = _again(key, base, tuned, done)
        spectra[key] = from_gram(done.grams[key], again, done.shape, source.stored, edge, done.scale[key], engine)
    return spectra


def _change(
    base: MatrixSource,
    tuned: MatrixSource,
    done: Pass,
    rounded_sides: Sequence[str],
    engine: str,
    rng: np.random.Generator,
) -> tuple[Spectrum, tuple[RoundingNull, ...]]:
    """Spectrum of the change with the widest rounding edge declared, and the nulls."""
    scale = done.scale["change"]
    spectrum = from_gram(
        done.grams["change"], _again("change", base, tuned, done), done.shape, tuned.stored, 0.0, scale, engine
    )
    unit = max(done.scale["base"], done.scale["tuned"])
    profiles = {key: done.profiles[key].times((done.scale[key] / unit) ** 2) for key in ("base", "tuned")}
    norm = float(np.sqrt(done.energy["change"])) * scale
    nulls = tuple(
        rounding_null(
            sides,
            profiles["tuned"] if sides == "tuned" else profiles["tuned"] + profiles["base"],
            unit,
            spectrum.values,
            norm,
            base,
            tuned,
            rng,
        )
        for sides in rounded_sides
    )
    edge = max(null.edge for null in nulls)
    return (
        Spectrum(spectrum.values, spectrum.shape, spectrum.stored, edge, spectrum.floor, spectrum.method),
        nulls,
    )
