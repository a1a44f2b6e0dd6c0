"""What one pass over a matrix or a pair gathers: Gram matrices, energies, counts, and profiles of rounding noise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Pass", "Profile"]


@dataclass
class Profile:
    """Variance of the rounding noise of one stored matrix, summed over its rows and over its columns, weight^2."""

    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def zeros(cls, shape: tuple[int, int]) -> Profile:
        """The profile of a matrix that was not rounded."""
        return cls(np.zeros(shape[0]), np.zeros(shape[1]))

    @property
    def bound(self) -> float:
        """Largest singular value of noise with this profile of variances, from above.

        max_i sqrt(sum_j v_ij) + max_j sqrt(sum_i v_ij) (Bandeira & van Handel 2016, leading terms); for an even profile
        it is sqrt(v) (sqrt m + sqrt n).
        """
        return float(np.sqrt(self.rows.max()) + np.sqrt(self.columns.max()))

    def times(self, factor: float) -> Profile:
        """The profile in another unit."""
        return Profile(self.rows * factor, self.columns * factor)

    def __add__(self, other: Profile) -> Profile:
        return Profile(self.rows + other.rows, self.columns + other.columns)


@dataclass
class Pass:
    """What one pass over a tuned matrix, with or without its base, has gathered (all in units of weight / scale).

    Attributes:
        shape: rows and columns.
        kind: "float32" or "float64", the type it was computed in; sums over strips are float64 in either.
        scale: weight, for base, tuned and change.
        grams: lower triangles of Gram matrices of the shorter side, on whatever device they were made.
        diagonals: of those in float32, summed apart and in float64. Squares of numbers with few bits often fall halfway
            between two float32 sums; these then drift, for bfloat16 by 5e-7, which would move every eigenvalue alike.
        energy: squared Frobenius norms.
        profiles: of the rounding noise of base and tuned; empty where no Gram matrix is gathered.
        variance: the sum of a profile, where there is none.
        equal: number of entries equal on both sides.
        within: number of entries whose difference rounding could make.
    """

    shape: tuple[int, int]
    kind: str
    scale: dict[str, float]
    grams: dict[str, Any] = field(default_factory=dict)
    diagonals: dict[str, Any] = field(default_factory=dict)
    energy: dict[str, float] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    variance: dict[str, float] = field(default_factory=dict)
    equal: int = 0
    within: int = 0

    @classmethod
    def empty(cls, shape: tuple[int, int], kind: str, scale: dict[str, float], sides: int, profiled: bool) -> Pass:
        """Nothing gathered yet."""
        keys = ("tuned",) if sides == 1 else ("base", "tuned")
        done = cls(shape, kind, scale, energy=dict.fromkeys((*keys, "change")[: 2 * sides - 1], 0.0))
        if profiled:
            done.profiles = {key: Profile.zeros(shape) for key in keys}
        else:
            done.variance = dict.fromkeys(keys, 0.0)
        return done

    @property
    def sides(self) -> tuple[str, ...]:
        """The stored matrices that were read."""
        return tuple(self.profiles or self.variance)

    def norm(self, key: str) -> float:
        """Frobenius norm of base, tuned or change, weight."""
        return float(np.sqrt(self.energy[key])) * self.scale[key]

    @property
    def fits(self) -> bool:
        """Whether squares of the entries stayed well inside the range of the type computed in."""
        if self.kind == "float64":
            return True
        entries = self.shape[0] * self.shape[1]
        # A sum of zero is that of zeros, or of squares that vanished: only of equal entries is it told apart here.
        held = [energy for key, energy in self.energy.items() if key != "change" or self.equal < entries]
        return all(1e-18 * entries < each < 1e12 * entries for each in held)
