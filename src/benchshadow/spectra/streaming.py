"""One pass over the blocks of one matrix, or of two and their difference: Gram matrices, norms, rounding profiles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

import numpy as np

from benchshadow.errors import TensorRefused

from .entries import STRIP, add_strip, widen
from .lapack import add_gram
from .source import MatrixSource
from .sums import Pass
from .workspace import Workspace

__all__ = ["named", "places", "read_block", "read_wide", "refuse_non_finite", "scales", "stream"]

_BLOCK_ENTRIES = 1 << 20
_FEWEST_LINES = 256


def named(source: MatrixSource) -> str:
    """How sentences call a source."""
    return str(getattr(source, "name", "") or "matrix")


def places(shape: tuple[int, int], by_rows: bool) -> Iterator[slice]:
    """Slices of the rows, or of the columns, of blocks of one to four million entries."""
    lines, length = (shape[0], shape[1]) if by_rows else (shape[1], shape[0])
    step = max(1, _BLOCK_ENTRIES // length, min(_FEWEST_LINES, 4 * _BLOCK_ENTRIES // length))
    for start in range(0, lines, step):
        yield slice(start, min(start + step, lines))


def read_block(source: MatrixSource, place: slice, by_rows: bool) -> np.ndarray:
    """One block in the source's own type, or as its stored bits where these are bfloat16; a view where it can be."""
    raw = getattr(source, "raw", None)
    if raw is not None:
        return raw(place.start, place.stop) if by_rows else raw(0, source.shape[0])[:, place]
    return source.rows(place.start, place.stop) if by_rows else source.columns(place.start, place.stop)


def read_wide(source: MatrixSource, place: slice, by_rows: bool, kind: str = "float64") -> np.ndarray:
    """One block as numbers of a type, in memory of its own."""
    block = read_block(source, place, by_rows)
    wide = np.empty(block.shape, kind)
    widen(block, wide)
    return wide


def scales(sources: Sequence[MatrixSource], shape: tuple[int, int]) -> dict[str, float]:
    """Powers of two that bring each side, and the change, near one, so that squares neither overflow nor vanish.

    Types up to float32 need none in float64 arithmetic; only float64 is read once more for its largest entries.
    """
    keys = ("tuned",) if len(sources) == 1 else ("base", "tuned", "change")
    if all(source.stored != "float64" for source in sources):
        return dict.fromkeys(keys, 1.0)
    largest = dict.fromkeys(keys, 0.0)
    for place in places(shape, by_rows=True):
        parts = [np.asarray(source.rows(place.start, place.stop), np.float64) for source in sources]
        with np.errstate(over="ignore", invalid="ignore"):
            tried = parts if len(parts) == 1 else [*parts, parts[1] - parts[0]]
        for key, part in zip(keys, tried, strict=True):
            largest[key] = max(largest[key], float(np.max(np.abs(part), initial=0.0)))
    return {key: _power(value) for key, value in largest.items()}


def _power(largest: float) -> float:
    """The power of two at or below a magnitude, kept away from the ends of float64 so that its inverse exists."""
    if not np.isfinite(largest) or largest == 0:
        return 1.0
    return float(2.0 ** np.clip(np.frexp(largest)[1] - 1, -1000, 1000))


def stream(sources: Sequence[MatrixSource], wanted: Sequence[str], scale: dict[str, float], kind: str) -> Pass:
    """Read one matrix ("tuned"), or a base and a tuned one, once, and gather what their spectra and nulls need.

    Args:
        sources: the tuned matrix, or base and tuned.
        wanted: of which of base, tuned and change the Gram matrix is gathered.
        scale: from `scales`.
        kind: "float32" or "float64", the type to compute in.
    """
    shape = sources[-1].shape
    done = Pass.empty(shape, kind, scale, len(sources), profiled=bool(wanted))
    short, wide = min(shape), shape[0] < shape[1]
    done.grams = {key: np.zeros((short, short), kind) for key in done.energy if key in wanted}
    done.diagonals = {key: np.zeros(short) for key in done.grams if kind == "float32"}
    by_rows = not (wide and wanted)
    space = Workspace.mine()
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for place, stored in _blocks(sources, by_rows) if wanted else _strips(sources, space):
            buffers = {key: space.array(key, stored[0].shape, kind) for key in done.energy}
            changed = _entry_by_entry(done, sources, stored, buffers, place, by_rows, space)
            for key, gram in done.grams.items():
                if key != "change" or changed:
                    add_gram(gram, buffers[key], wide)
        for key, diagonal in done.diagonals.items():
            np.fill_diagonal(done.grams[key], diagonal)
            done.energy[key] = float(diagonal.sum())
    return done


def _blocks(sources: Sequence[MatrixSource], by_rows: bool) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Blocks that are large enough for a product with themselves."""
    for place in places(sources[-1].shape, by_rows):
        yield place, [read_block(source, place, by_rows) for source in sources]


def _strips(sources: Sequence[MatrixSource], space: Workspace) -> Iterator[tuple[slice, list[np.ndarray]]]:
    """Blocks of one strip, read into memory that stays in the caches where a source can."""
    rows, columns = sources[-1].shape
    step = max(1, STRIP // columns)
    with ExitStack() as files:
        reads = [
            files.enter_context(opened()) if (opened := getattr(source, "opened", None)) is not None else None
            for source in sources
        ]
        for start in range(0, rows, step):
            place = slice(start, min(start + step, rows))
            yield (
                place,
                [
                    read_block(source, place, True)
                    if read is None
                    else read(place.start, place.stop, space.array(f"stored {side}", (step * columns * 8,), np.uint8))
                    for side, (source, read) in enumerate(zip(sources, reads, strict=True))
                ],
            )


def _entry_by_entry(
    done: Pass,
    sources: Sequence[MatrixSource],
    stored: list[np.ndarray],
    buffers: dict[str, np.ndarray],
    place: slice,
    by_rows: bool,
    space: Workspace,
) -> bool:
    """Fill the buffers of a block strip by strip, with all sums over entries; whether anything changed in it."""
    rows, columns = stored[0].shape
    step, equal = max(1, STRIP // columns), done.equal
    for start in range(0, rows, step):
        strip = slice(start, min(start + step, rows))
        where = (slice(place.start + strip.start, place.start + strip.stop), slice(None)) if by_rows else (strip, place)
        parts = {key: buffers[key][strip] for key in done.energy}
        for key, block in zip(done.sides, stored, strict=True):
            widen(block[strip], parts[key])
        add_strip(done, parts, [source.stored for source in sources], where, space)
    return "change" in done.energy and done.equal - equal < rows * columns


def refuse_non_finite(done: Pass, sources: Sequence[MatrixSource]) -> None:
    """Refuse a side that holds NaN or infinite entries, and a change that leaves the range of float64."""
    for key, source in zip(done.sides, sources, strict=True):
        if not np.isfinite(done.energy[key]):
            where = f"{named(source)} ({key})" if len(sources) == 2 else named(source)
            raise TensorRefused(where, "must be finite but holds NaN or infinite entries")
    if not np.isfinite(done.energy.get("change", 0.0)):
        raise TensorRefused(named(sources[-1]), "the change leaves the range of float64")
