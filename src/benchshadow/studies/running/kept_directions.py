"""The strongest directions of every change of a run, kept beside its records so that runs can be laid on each other."""

from __future__ import annotations

from pathlib import Path

from benchshadow.checkpoints import Pair
from benchshadow.records import replace_whole
from benchshadow.spectra.directions import Vectors
from benchshadow.spectra.leading import leading_directions
from benchshadow.studies.footprints.footprint import opened
from benchshadow.studies.footprints.measurement import pairs_of
from benchshadow.studies.footprints.one_pair import factors_of
from benchshadow.studies.footprints.overlap import DIRECTIONS, write_directions

__all__ = ["keep_directions"]


def keep_directions(base: Path, tuned: Path, place: Path, count: int) -> None:
    """Keep the strongest directions of the change of every matrix inside the blocks, whole or not at all.

    Args:
        base: checkpoint that the run started from.
        tuned: its last checkpoint.
        place: folder that gets `directions.safetensors`.
        count: directions of each matrix; 0 keeps nothing.
    """
    if not count:
        return
    pairs, _ = pairs_of(*opened(base, tuned))
    held = [each for each in pairs if each.state == "matrix" and each.piece.inside_blocks]
    with replace_whole(place / DIRECTIONS) as partial:
        write_directions(partial, {each.piece.name: _of_pair(each, count) for each in held})


def _of_pair(each: Pair, count: int) -> Vectors:
    assert each.tuned is not None, "a matrix that is paired has both sides"
    before, after = each.sources()
    return leading_directions(before, after, count, factors=factors_of(each.tuned))
