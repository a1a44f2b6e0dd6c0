"""One stored tensor becomes the matrices that the model uses: slices of a stack, runs of rows, transposed or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchshadow.errors import TensorRefused

from .checkpoint import TensorSource
from .heads import Heads, whole_setting
from .line import Line
from .views import Runs, selected, transposed

__all__ = ["Cut", "cuts"]


@dataclass(frozen=True)
class Cut:
    """Where one piece lies in a stored tensor.

    Attributes:
        part: slice of the first axis, None where there is no such axis.
        transposed: whether what is stored is in x out.
        runs: rows of the piece, None where it has all of them.
    """

    part: int | None = None
    transposed: bool = False
    runs: Runs | None = None

    def view(self, source: TensorSource) -> TensorSource:
        """The piece, from the slice that it lies in; a vector lies in one row and is cut along it."""
        source = transposed(source) if self.transposed else source
        if self.runs is None:
            return source
        if source.shape[0] == 1:
            return transposed(selected(transposed(source), self.runs))
        return selected(source, self.runs)

    def sides(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The factors of the piece, out x rank and rank x in, where what is stored is the product of two.

        For the change of an adapter, which need not be formed: a piece of a product is the product of a piece.
        """
        if self.transposed:
            left, right = right.T, left.T
        return left if self.runs is None else self.runs.of(left, 0, self.runs.rows), right


def cuts(
    line: Line, numbers: Mapping[str, int], name: str, shape: tuple[int, ...], heads: Heads | None, config: Any
) -> Iterator[tuple[str, str, tuple[int, ...], Cut]]:
    """Canonical name, role, shape and place of every piece of a tensor.

    Args:
        line: that matches it.
        numbers: what the holes of the line stand for.
        name: canonical, of the whole.
        shape: as stored.
        heads: of the family.
        config: of the checkpoint.

    Raises:
        TensorRefused: the shape does not fit what the line says, or a setting that is needed is missing.
    """
    inner = shape[1:] if line.unstack else shape
    if line.unstack and not inner:
        raise TensorRefused(name, f"must be a stack but has the shape {_shown(shape)}")
    if line.transpose and len(inner) != 2:
        raise TensorRefused(name, f"must be a matrix to be transposed but has the shape {_shown(shape)}")
    if line.split and not inner:
        raise TensorRefused(name, f"must have rows to be split but has the shape {_shown(shape)}")
    inner = inner[::-1] if line.transpose else inner
    parts = _parts(line, inner, heads, config)
    for part in range(shape[0]) if line.unstack else (None,):
        here = numbers if part is None else {**numbers, str(line.unstack): part}
        unnamed = name if part is None else f"{name}[{part}]"
        for (template, role), runs in parts:
            own = template.format_map(here) if template else unnamed
            yield own, role, inner if runs is None else (runs.rows, *inner[1:]), Cut(part, line.transpose, runs)


def _parts(
    line: Line, shape: tuple[int, ...], heads: Heads | None, config: Any
) -> list[tuple[tuple[str | None, str], Runs | None]]:
    if line.split is None:
        return [((line.name, line.role), None)]
    return list(zip(line.into, _runs(line, shape[0], heads, config), strict=True))


def _runs(line: Line, rows: int, heads: Heads | None, config: Any) -> list[Runs]:
    """The rows of every part, by the way in which the line splits."""
    parts = len(line.into)
    if line.split in ("equal", "alternate"):
        if rows % parts:
            raise TensorRefused("config.json", f"must have rows for {parts} equal parts but has {rows}")
        if line.split == "alternate":
            return [Runs(i, 1, parts, rows // parts) for i in range(parts)]
        return _in_turn([rows // parts] * parts, 1)
    if line.split == "sizes":
        sizes = [whole_setting(config, key, line.tower) for key in line.sizes]
        times = whole_setting(config, line.times, line.tower) if line.times else 1
        if rows != sum(sizes) * times:
            said = " + ".join(f"{key} {size}" for key, size in zip(line.sizes, sizes, strict=True))
            raise TensorRefused("config.json", f"must have {times} x ({said}) rows by config.json but has {rows}")
        return _in_turn(sizes, times)
    assert heads is not None, "a family file that splits by heads says where their numbers are"
    queries, keys, size = heads.counts(config or {}, line.tower, rows)
    if line.split == "heads":
        return _in_turn([queries * size, keys * size, keys * size], 1)
    return _in_turn([queries // keys * size, size, size], keys)


def _in_turn(sizes: list[int], times: int) -> list[Runs]:
    """Parts that follow each other, all of them so many times."""
    period = sum(sizes)
    return [Runs(sum(sizes[:i]), size, period, times) for i, size in enumerate(sizes)]


def _shown(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "1"
