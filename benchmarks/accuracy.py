"""How far the numbers in our records lie from those of a float64 SVD of the stored values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from pages import table

from benchshadow.checkpoints import open_checkpoint
from benchshadow.spectra.marchenko_pastur import fit_bulk

__all__ = ["LOOSE", "TIGHT", "Exact", "accuracy", "exact_spectra", "our_errors", "their_errors"]

Numbers = Mapping[tuple[str, float], float]
"""Values of one matrix by diagnostic and parameter, zero where there is none."""


@dataclass(frozen=True)
class Exact:
    """Shape and singular values, largest first, of one matrix, by LAPACK's SVD in float64."""

    shape: tuple[int, int]
    values: np.ndarray


def _entropy_rank(p: np.ndarray) -> float:
    kept = p[p > 0]
    return float(np.exp(-np.sum(kept * np.log(kept))))


def _tail(exact: Exact, given: Numbers, _: float) -> float:
    """The exponent of as many of the largest exact eigenvalues as the record says are in the tail."""
    points = int(given["tail_points", 0.0])
    logs = 2 * np.log(exact.values[:points])
    return float(1 + points / np.sum(logs - logs[-1]))


def _bulk_edge(exact: Exact, _: Numbers, __: float) -> float:
    fit = fit_bulk(exact.values, exact.shape)
    return float("nan") if fit is None else fit.edge


def _reached(exact: Exact, _: Numbers, q: float) -> float:
    energies = np.cumsum(exact.values**2) / np.sum(exact.values**2)
    return float(np.argmax(energies >= q - 1e-12) + 1)


# Functions of the exact values s, of all recorded numbers of the matrix, and of the parameter.
_TIGHT: Mapping[str, Callable[[Exact, Numbers, float], float]] = {
    "frobenius_norm": lambda e, _, __: float(np.linalg.norm(e.values)),
    "spectral_norm": lambda e, _, __: float(e.values[0]),
    "stable_rank": lambda e, _, __: float(np.sum((e.values / e.values[0]) ** 2)),
    "participation_ratio": lambda e, _, __: float(np.sum(e.values**2) ** 2 / np.sum(e.values**4)),
    "energy_rank": lambda e, _, __: _entropy_rank(e.values**2 / np.sum(e.values**2)),
    "effective_rank": lambda e, _, __: _entropy_rank(e.values / np.sum(e.values)),
    "top_energy": lambda e, _, r: float(np.sum(e.values[: int(r)] ** 2) / np.sum(e.values**2)),
}
_LOOSE: Mapping[str, Callable[[Exact, Numbers, float], float]] = {
    "nuclear_norm": lambda e, _, __: float(np.sum(e.values)),
    "tail_exponent": _tail,
    "bulk_edge": _bulk_edge,
    "outliers": lambda e, given, _: float(np.count_nonzero(e.values > given["bulk_edge", 0.0])),
    "numerical_rank": lambda e, given, _: float(np.count_nonzero(e.values > given["threshold", 0.0])),
    "rank_at_energy": _reached,
}
TIGHT, LOOSE = 1e-5, 1e-3
"""Relative errors allowed: of norms, energies and ranks of energies; of tails, counts, and the nuclear norm."""


def exact_spectra(base: Path, tuned: Path | None, most: int) -> dict[str, Exact]:
    """Spectra of at most so many matrices spread over a checkpoint, of their tuned partners and of the change.

    Keys are a tensor's name without `model.` and what the spectrum is of.
    """
    before, after = open_checkpoint(base), None if tuned is None else open_checkpoint(tuned)
    names = [name for name in before.names() if len(before.shape(name)) == 2]
    chosen = sorted({names[i] for i in np.linspace(0, len(names) - 1, min(most, len(names))).astype(int)})
    found = {}
    for name in chosen:
        sides = {"base": before.read(name).astype(np.float64)}
        if after is not None:
            sides["tuned"] = after.read(name).astype(np.float64)
            sides["change"] = sides["tuned"] - sides["base"]
        for of, weight in sides.items():
            m, n = weight.shape
            values = np.linalg.svd(weight if m >= n else weight.T, compute_uv=False)
            found[f"{name.removeprefix('model.')} {of}"] = Exact((m, n), values)
    return found


def our_errors(out: Path, exact: Mapping[str, Exact]) -> dict[str, float]:
    """Largest relative error of every diagnostic in a footprint's folder, over the matrices of the exact spectra.

    A count is judged at the threshold that was recorded: how many exact values lie above it. The threshold of the
    numerical rank, which is not recorded, lies between the last value that counted and the next.
    """
    largest: dict[str, float] = {}
    for key, given in _recorded(out).items():
        if key not in exact:
            continue
        for (diagnostic, parameter), value in given.items():
            function = _TIGHT.get(diagnostic) or _LOOSE.get(diagnostic)
            if function is None or value is None:
                continue
            expected = function(exact[key], given, parameter)
            error = abs(value - expected) / (abs(expected) or 1.0)
            largest[diagnostic] = max(largest.get(diagnostic, 0.0), error)
    if not largest:
        sys.exit(f"{out}: none of its matrices is among the exact spectra, such as {next(iter(exact))!r}")
    return largest


def _recorded(out: Path) -> dict[str, dict[tuple[str, float], float]]:
    rows = pl.read_parquet(out / "records.parquet").filter(pl.col("tensor").is_not_null() & pl.col("side").is_null())
    found: dict[str, dict[tuple[str, float], float]] = {}
    for tensor, of, name, parameter, value in rows.select(
        "tensor", "of", "diagnostic", "parameter", "value"
    ).iter_rows():
        found.setdefault(f"{tensor} {of}", {})[name, parameter or 0.0] = value
    spectra = pl.read_parquet(out / "spectra.parquet")
    for tensor, of, values in spectra.select("tensor", "of", "values").iter_rows():
        given = found[f"{tensor} {of}"]
        count, ends = int(given.get(("numerical_rank", 0.0)) or 0), [*values, 0.0]
        given["threshold", 0.0] = (ends[count - 1] + ends[count]) / 2 if count else float("inf")
    return found


def their_errors(numbers: Mapping[str, Mapping[str, float]], exact: Mapping[str, Exact]) -> dict[str, float]:
    """Largest relative error of the numbers of another program, given by matrix and our name of the diagnostic."""
    largest: dict[str, float] = {}
    for key in numbers.keys() & exact.keys():
        for name, value in numbers[key].items():
            expected = (_TIGHT.get(name) or _LOOSE[name])(exact[key], {}, 0.0)
            largest[name] = max(largest.get(name, 0.0), abs(value / expected - 1))
    return largest


def accuracy(programs: Mapping[str, Mapping[str, float]], spectra: int) -> list[str]:
    """The errors as a table, with what is allowed: a line for each diagnostic, a column for each program."""
    rows: list[Sequence[object]] = []
    for names, allowed in ((_TIGHT, TIGHT), (_LOOSE, LOOSE)):
        for name in names:
            if any(name in errors for errors in programs.values()):
                cells = [f"{errors[name]:.1e}" if name in errors else "not given" for errors in programs.values()]
                rows.append([name, f"{allowed:g}", *cells])
    said = f"Largest relative error against a float64 SVD of the stored values, over {spectra} spectra:"
    ours = programs["benchshadow"]
    missed = [name for name, error in ours.items() if error > (TIGHT if name in _TIGHT else LOOSE)]
    told = f"Ours: missed in {', '.join(missed)}." if missed else f"Ours: met in all {len(ours)}."
    return [said, "", *table(["diagnostic", "allowed", *programs], rows), "", told]
