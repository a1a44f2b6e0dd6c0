"""Null 1: what the rounding of the stored type alone would look like in the spectrum of a change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from . import marchenko_pastur
from .noise import simulated_edge
from .rerounding import fewest_directions
from .source import MatrixSource
from .sums import Profile
from .whitening import MOST_VECTORS, whitened

__all__ = ["SIDES", "RoundingNull", "corrected_values", "null_of_energy", "rounding_null", "unrounded"]

SIDES = ("tuned", "both")
"""Which sides of a pair were rounded when they were stored."""
_EVEN = 0.2
# Row and column sums of the variance that vary by less (standard deviation over mean), none of them a peak, leave the
# closed form of the edge true to one part in a hundred: drawn at 500 x 1500 and 1000 x 1000. Sums over a thousand
# entries of even noise vary by .05, so a narrower limit would take chance for unevenness.
_VERY_EVEN = 0.1
_PEAK = 1.5
_NEAR = 1.05
_REROUNDED_ENTRIES = 1 << 26
# Up to this size a change of few directions is rounded again, up to twenty passes over the pair.


@dataclass(frozen=True)
class RoundingNull:
    """What rounding explains of a change when the sides named were rounded.

    Attributes:
        sides: "tuned" (the base is exactly what was stored) or "both".
        deviation: sqrt v, root mean variance of an entry's rounding error, weight.
        norm: root of the expected squared Frobenius norm of the rounding errors, weight.
        edge: the largest singular value they reach, times a margin, weight; where few directions explain a change
            together with the errors that are in step with it, no less than what these reach; None where only the energy
            of the errors is known.
        even: whether the variance is even over rows and columns, which the closed forms need.
        share: share of the change's squared Frobenius norm that rounding explains, at most 1; None without a change.
        method: how the edge, and the number of directions where there is one, were found.
        directions: number of directions of the change that rounding cannot make, where weighing the errors or rounding
            again was needed to tell; None where the singular values above the edge are that number.
    """

    sides: str
    deviation: float
    norm: float
    edge: float | None
    even: bool
    share: float | None
    method: str
    directions: int | None = None

    @property
    def resolved(self) -> bool:
        """Whether rounding explains no more than half of the change's energy."""
        return self.share is not None and self.share <= 0.5

    @property
    def sentence(self) -> str:
        """The share in words, for the side assumed."""
        if self.share is None:
            return f"{self.sides} rounded: there is no change to resolve"
        verdict = "resolved" if self.resolved else "not resolved"
        return f"{verdict}: rounding ({self.sides}) explains {self.share:.0%} of the change's energy"


def unrounded(sides: str) -> RoundingNull:
    """The null of a change that is known as its factors: whatever the sides, no rounding entered it."""
    return RoundingNull(sides, 0.0, 0.0, 0.0, True, 0.0, "factors: nothing was rounded")


def null_of_energy(sides: str, norm: float, change_norm: float, shape: tuple[int, int]) -> RoundingNull:
    """The null where only the energy of the rounding errors is known, without its profile and so without an edge."""
    share = None if change_norm == 0 else min(1.0, norm / change_norm) ** 2
    return RoundingNull(sides, norm / float(np.sqrt(shape[0] * shape[1])), norm, None, False, share, "energy alone")


def rounding_null(
    sides: str,
    profile: Profile,
    scale: float,
    change: Float64[np.ndarray, " k"],
    change_norm: float,
    base: MatrixSource,
    tuned: MatrixSource,
    rng: np.random.Generator,
) -> RoundingNull:
    """The null for one declaration of the sides; the pair is read again only where that can change what is counted.

    For the edge the closed form serves where the profile is even to 10%; the bound of Bandeira & van Handel where it
    lies within 5% of the closed form, or where no singular value of the change lies between the two, so that every edge
    between them counts the same; else matrices of errors are drawn. The directions above the noise are counted
    after weighing rows and columns where the profile is uneven (`whitening`), and by rounding again where only the
    tuned side was rounded and two to 96 directions are above it (`rerounding`).

    Args:
        sides: "tuned" or "both".
        profile: row and column sums of the variances of the sides' rounding errors, in units of scale^2.
        scale: weight.
        change: singular values of the change, weight; without all of them the directions are not counted.
        change_norm: Frobenius norm of the change, weight.
        base: read again only where needed.
        tuned: the same.
        rng: draws the rounding errors.
    """
    m, n = len(profile.rows), len(profile.columns)
    total = float(profile.rows.sum())
    norm = float(np.sqrt(total)) * scale
    deviation = norm / float(np.sqrt(m * n))
    closed = np.sqrt(total / (m * n)) * (np.sqrt(m) + np.sqrt(n)) * scale
    upper, factor = profile.bound * scale, marchenko_pastur.margin((m, n))
    edge, method = factor * upper, "bound (Bandeira & van Handel 2016)"
    if _is_very_even(profile):
        edge, method = factor * closed, "closed form, even profile"
    elif upper > _NEAR * closed and np.any((change > 0.95 * closed) & (change <= edge)):
        drawn = simulated_edge(base, tuned, sides, deviation, factor, rng=rng)
        edge, method = drawn.value, f"{drawn.draws} simulated matrices of rounding errors"
    share = None if change_norm == 0 else min(1.0, min(norm / change_norm, 1.0) ** 2)
    null = RoundingNull(sides, deviation, norm, float(edge), _is_even(profile, _EVEN), share, method)
    if change_norm == 0 or total == 0 or len(change) < min(m, n) or np.all(change > factor * upper):
        return null
    return _counted(null, float(edge), profile, scale, change, base, tuned, rng)


def _counted(
    null: RoundingNull,
    edge: float,
    profile: Profile,
    scale: float,
    change: np.ndarray,
    base: MatrixSource,
    tuned: MatrixSource,
    rng: np.random.Generator,
) -> RoundingNull:
    """The null with the directions counted, where values above the edge are not their number."""
    even = _is_very_even(profile)
    above = int(np.count_nonzero(change > edge))
    again = null.sides == "tuned" and tuned.stored != "float64" and base.shape[0] * base.shape[1] <= _REROUNDED_ENTRIES
    if even and not (again and 1 < above <= MOST_VECTORS):
        return null
    factor = marchenko_pastur.margin((int(np.count_nonzero(profile.rows)), int(np.count_nonzero(profile.columns))))
    found = whitened(base, tuned, null.sides, profile, scale, factor)
    count, method = found.count, null.method
    if not even:
        method += "; directions counted after weighing rows and columns by their errors"
    if again and len(found.values) > 1:
        count = fewest_directions(base, tuned, found, factor * found.bound, rng=rng)
        method += "; and by rounding again" if count < found.count else ""
    if null.even and count < above:
        edge = float(np.nextafter(change[count], np.inf))
    return replace(null, edge=edge, directions=count, method=method)


def _is_very_even(profile: Profile) -> bool:
    """Whether the closed form of the edge holds: little variation, and no row or column far above the others."""
    peaks = [sums.max() < _PEAK * sums.mean() for sums in (profile.rows, profile.columns) if sums.any()]
    return _is_even(profile, _VERY_EVEN) and all(peaks)


def _is_even(profile: Profile, limit: float) -> bool:
    """Whether row sums and column sums of the variance vary by less than a limit (standard deviation over mean)."""
    return all(sums.std() < limit * sums.mean() for sums in (profile.rows, profile.columns) if sums.any())


def corrected_values(
    values: Float64[np.ndarray, " r"], shape: tuple[int, int], deviation: float
) -> Float64[np.ndarray, " r"]:
    """Singular values of the signal under even noise, from those of signal and noise together, weight.

    x^2 = (y^2 - (m + n) v + sqrt((y^2 - (m + n) v)^2 - 4 m n v^2)) / 2 (Benaych-Georges & Nadakuditi 2012), v the
    square of the noise's standard deviation; zero at or below the edge of the noise.
    """
    m, n = shape
    if deviation == 0:
        return values.copy()
    y = values / deviation
    shifted = np.maximum(y**2 - (m + n), 0.0)
    root = np.sqrt(np.maximum(shifted**2 - 4.0 * m * n, 0.0))
    above = y > np.sqrt(m) + np.sqrt(n)
    return np.where(above, np.sqrt((shifted + root) / 2), 0.0) * deviation
