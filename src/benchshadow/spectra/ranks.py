"""How many directions a matrix uses, in each of the senses that the literature calls its rank."""

from __future__ import annotations

import numpy as np

from .moments import Moments
from .registered import Reading, Undefined, diagnostic
from .spectrum import Spectrum

__all__ = [
    "effective_rank",
    "energy_rank",
    "numerical_rank",
    "participation_ratio",
    "rank_at_energy",
    "stable_rank",
    "top_energy",
]

_INVARIANT = {"scale", "transpose", "rotation"}
_ZERO = Undefined("every entry is zero")


@diagnostic(
    title="Stable rank",
    unit="dimensions",
    source="Rudelson & Vershynin 2007",
    tells_not="anything below the largest direction but its sum: one large direction hides all the others",
    unaffected_by=_INVARIANT,
    random_null=True,
    level=1,
)
def stable_rank(matrix: Spectrum | Moments) -> Reading | Undefined:
    """Energy in units of the strongest direction's: sum s^2 / s_1^2, dimensions."""
    if matrix.is_zero or not matrix.top:
        return _ZERO
    value = (matrix.norm / matrix.top) ** 2
    return Reading(value, 2 * value * (matrix.norm_error / matrix.norm + matrix.top_error / matrix.top))


@diagnostic(
    title="Effective rank",
    unit="dimensions",
    source="Roy & Vetterli 2007",
    tells_not="signal from noise: a floor of rounding noise over many directions raises it most of all ranks",
    unaffected_by=_INVARIANT,
    random_null=True,
)
def effective_rank(spectrum: Spectrum) -> Reading | Undefined:
    """Perplexity of the singular values as shares: exp(-sum p ln p), p = s / sum s, dimensions."""
    if spectrum.is_zero:
        return _ZERO
    errors = spectrum.errors / np.sum(spectrum.values)
    return _perplexity(spectrum.shares, errors)


@diagnostic(
    title="Energy rank",
    unit="dimensions",
    source="exponential of the entropy of the energies; of a matrix of embeddings it is the Vendi score of order 1",
    tells_not="weak directions: squares let the strong ones count",
    unaffected_by=_INVARIANT,
    random_null=True,
)
def energy_rank(spectrum: Spectrum) -> Reading | Undefined:
    """Perplexity of the energies: exp(-sum e ln e), dimensions."""
    if spectrum.is_zero:
        return _ZERO
    return _perplexity(spectrum.energies, spectrum.energy_errors)


def _perplexity(shares: np.ndarray, errors: np.ndarray) -> Reading:
    """Exponential of the Shannon entropy, with its first-order error."""
    logs = np.log(np.maximum(np.maximum(shares, errors), np.finfo(np.float64).tiny))
    kept = shares[shares > 0]
    entropy = -float(np.sum(kept * np.log(kept)))
    value = float(np.exp(entropy))
    return Reading(value, float(value * np.sum(np.abs(logs + entropy) * errors)))


@diagnostic(
    title="Participation ratio",
    unit="dimensions",
    source="1 / sum e^2, Renyi entropy of order 2 of the energies",
    tells_not="weak directions: even less than the energy rank does",
    unaffected_by=_INVARIANT,
    random_null=True,
    level=1,
)
def participation_ratio(matrix: Spectrum | Moments) -> Reading | Undefined:
    """Inverse of the chance that two draws by energy meet: 1 / sum e^2, dimensions."""
    if matrix.is_zero or not matrix.concentration:
        return _ZERO
    value = 1 / matrix.concentration
    return Reading(value, value**2 * matrix.concentration_error)


@diagnostic(
    title="Numerical rank",
    unit="dimensions",
    source="singular values above the rounding edge of the stored type, and above what the computation resolves",
    tells_not="how strong the directions are",
    unaffected_by={"transpose", "rotation"},
)
def numerical_rank(spectrum: Spectrum) -> Reading | Undefined:
    """Number of s_i above max(rounding edge, floor), dimensions; of a change the edge is that of its pair."""
    if spectrum.is_zero:
        return _ZERO
    threshold = max(spectrum.rounding_edge, spectrum.floor)
    near = np.abs(spectrum.values - threshold) <= spectrum.errors
    near &= spectrum.values > 0.5 * spectrum.floor
    return Reading(float(np.count_nonzero(spectrum.values > threshold)), float(np.count_nonzero(near)))


@diagnostic(
    title="Rank at energy q",
    unit="dimensions",
    source="least r with sum_{i<=r} e_i >= q",
    tells_not="what lies beyond the share q",
    unaffected_by=_INVARIANT,
    parameters=(0.5, 0.9, 0.99),
    random_null=True,
)
def rank_at_energy(spectrum: Spectrum, q: float) -> Reading | Undefined:
    """Least number of directions that hold the share q of the energy, dimensions."""
    if spectrum.is_zero:
        return _ZERO
    # A share that is met exactly on paper must not be missed by the last bit of a sum.
    reached = np.cumsum(spectrum.energies) >= q - 1e-12
    return Reading(float(np.argmax(reached) + 1) if reached.any() else float(len(reached)))


@diagnostic(
    title="Energy of the top r directions",
    unit="share",
    source="sum_{i<=r} e_i",
    tells_not="whether the r directions are equally strong",
    unaffected_by=_INVARIANT,
    parameters=(1.0, 8.0, 32.0),
    random_null=True,
)
def top_energy(spectrum: Spectrum, r: float) -> Reading | Undefined:
    """Share of the energy in the r strongest directions: sum_{i<=r} e_i."""
    if spectrum.is_zero:
        return _ZERO
    if r > len(spectrum.values):
        return Undefined(f"has only {len(spectrum.values)} singular values")
    return Reading(
        float(min(1.0, np.sum(spectrum.energies[: int(r)]))), float(np.sum(spectrum.energy_errors[: int(r)]))
    )
