"""Trainings put side by side where their weights moved equally far or their loss is equal, not where clocks agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from benchshadow.errors import InputError

__all__ = ["Trajectory", "common_range", "common_values", "passings"]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """A measure along a training.

    Attributes:
        change: relative change at each checkpoint, above zero, in any order.
        value: the measure there.
    """

    change: Float64[np.ndarray, " t"]
    value: Float64[np.ndarray, " t"]

    def __post_init__(self) -> None:
        if len(self.change) != len(self.value) or not len(self.change):
            raise InputError(
                "trajectory", f"must pair changes with values but has {len(self.change)} and {len(self.value)}"
            )
        if not (self.change > 0).all() or not np.isfinite([self.change, self.value]).all():
            raise InputError("trajectory", "must hold finite changes above zero and finite values")

    def at(self, change: float) -> float | None:
        """The measure at a relative change, linear in its logarithm; None outside the range that was seen."""
        order = np.argsort(self.change, kind="stable")
        x, y = np.log(self.change[order]), self.value[order]
        wanted = float(np.log(change))
        slack = 1e-12 * max(1.0, abs(wanted))
        if not x[0] - slack <= wanted <= x[-1] + slack:
            return None
        return float(np.interp(wanted, x, y))


def common_range(trajectories: Sequence[Trajectory]) -> tuple[float, float] | None:
    """Relative changes that every trajectory went through, smallest and largest; None where there are none."""
    if not trajectories:
        return None
    low = max(float(each.change.min()) for each in trajectories)
    high = min(float(each.change.max()) for each in trajectories)
    return (low, high) if low <= high else None


def common_values(trajectories: Sequence[Trajectory]) -> tuple[float, float] | None:
    """Values that every trajectory took on, smallest and largest; None where there are none.

    Between checkpoints a trajectory takes on all values between theirs.
    """
    if not trajectories:
        return None
    low = max(float(each.value.min()) for each in trajectories)
    high = min(float(each.value.max()) for each in trajectories)
    return (low, high) if low <= high else None


def passings(trajectory: Trajectory, value: float) -> tuple[float, ...]:
    """Every relative change at which a trajectory takes on a value, smallest first; empty where it never does.

    Between checkpoints it is linear in the logarithm of the change. A loss need not fall all the way, so that it may
    pass a value more than once; a stretch that stays on the value counts once, where it begins.

    Args:
        trajectory: change and, for instance, the loss on a probe.
        value: in the unit of its values.
    """
    order = np.argsort(trajectory.change, kind="stable")
    x, y = np.log(trajectory.change[order]), trajectory.value[order]
    above = y - value
    # Levels are read off the ends of such paths: the last bit must not push one out of them.
    above = np.where(np.abs(above) <= 1e-12 * max(1.0, abs(value)), 0.0, above)
    found = []
    for i, here in enumerate(above):
        before = above[i - 1] if i else np.nan
        if here == 0 and before != 0:
            found.append(x[i])
        elif before * here < 0:
            found.append(x[i - 1] + (x[i] - x[i - 1]) * before / (before - here))
    return tuple(float(each) for each in np.exp(found))
