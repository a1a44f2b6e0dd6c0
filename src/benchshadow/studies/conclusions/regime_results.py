"""What telling the regimes came to: scores of what was left out, gains over baselines, and where other arms fall."""

from __future__ import annotations

from dataclasses import dataclass

from benchshadow.stats import Interval, Permutation, Relabelling

__all__ = ["Classified", "Gain", "Result", "Shown"]


@dataclass(frozen=True)
class Result:
    """How well one set of features tells the regime when something is left out.

    Attributes:
        left_out: one of `regime_rows.SCHEMES`.
        groups: number of groups left out in turn.
        features: the set, one of `regime_rows.SETS`.
        accuracy: balanced accuracy with its interval over replicates, or over arms where these are left out: then the
            mean over regimes of the mean over their arms, taken to vary alike in all regimes.
        log_score: mean log-probability of the right regime, nats, likewise; minus the logarithm of their number is
            chance.
        chance: balanced accuracy of a guess.
        p: of the permutation test of the log score, with its floor; None where it is not tested.
        confusion: of every regime, the mean probability given to each.
    """

    left_out: str
    groups: int
    features: str
    accuracy: Interval
    log_score: Interval
    chance: float
    p: Relabelling | None
    confusion: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Gain:
    """What the spectra add to a baseline on the same held-out runs.

    Attributes:
        left_out: one of `regime_rows.SCHEMES`.
        over: the baseline.
        log_score: gain in log score, nats, one difference per cluster, averaged as in `Result`.
        accuracy: gain in balanced accuracy, likewise.
        p: two-sided exact sign-flip test of that gain in log score, with its floor; None with more than 24 clusters.
        adds: whether the spectra tell the regimes at all (their p is at most `classifier.ALPHA`), the interval of the
            gain in log score lies above zero, and the gain is `classifier.LEAST` or more.
    """

    left_out: str
    over: str
    log_score: Interval
    accuracy: Interval
    p: Permutation | None
    adds: bool


@dataclass(frozen=True)
class Shown:
    """An arm of no declared regime, shown to classifiers that learnt from the other replicates.

    Attributes:
        arm: the arm.
        features: the set, one of `regime_rows.SETS`.
        probability: of every regime, mean over the replicates.
        falls: of every regime, replicates that fall to it.
        distance: mean distance to the nearest regime in units in which a member has about 1.
        members: the largest mean distance of a declared arm, in replicates held out.
        like_none: whether in every replicate it lies farther than every declared arm does: it was sorted, but it
            belongs nowhere.
    """

    arm: str
    features: str
    probability: dict[str, float]
    falls: dict[str, int]
    distance: float
    members: float
    like_none: bool


@dataclass(frozen=True)
class Classified:
    """What the classifier came to.

    Attributes:
        regimes: of every regime, its arms.
        features: of every set, its features by name.
        left_out: features that some run lacks, and why others were not used.
        results: per scheme and set.
        gains: per scheme and baseline.
        shown: per arm and set.
        not_shown: of every arm of no regime that some set could not be asked about, why.
        refused: per scheme, why it could not be scored.
    """

    regimes: dict[str, tuple[str, ...]]
    features: dict[str, tuple[str, ...]]
    left_out: tuple[str, ...]
    results: tuple[Result, ...]
    gains: tuple[Gain, ...]
    shown: tuple[Shown, ...]
    not_shown: dict[str, str]
    refused: dict[str, str]
