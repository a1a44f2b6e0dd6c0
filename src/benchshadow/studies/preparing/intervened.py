"""What an intervention puts into an arm's treated sequences, and whether it can, before anything is trained."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchshadow.data.interventions.sides import Sides
from benchshadow.data.interventions.streams import Bench, Treated
from benchshadow.data.sources import Sources
from benchshadow.data.stream import Stream
from benchshadow.errors import InputError
from benchshadow.studies.declaring.study import Study

from .interventions import among, workshop
from .seeds import generator

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["Items", "bench", "intervened"]

Items = dict[str, Sides]
"""Items by the source that settings name."""


@contextmanager
def bench(
    study: Study, sources: Sources, tokenizer: Tokenizer, control: Stream, arm: str, replicate: int
) -> Iterator[Bench]:
    """The documents that an arm's intervention chooses from, coded, for as long as the block lasts.

    They are the control's own and those of the arm's source: all of a finite one, and of one without end as many as the
    arm says, the same for every arm of the replicate that says the same.
    """
    declared = study.arms[arm]
    most = ceil(declared.candidates * len({document.id for document in control.documents}))
    others = sources.several(declared.source, most, generator(study.seed, "candidates", declared.source, replicate))
    with tempfile.TemporaryDirectory(prefix="benchshadow-", ignore_cleanup_errors=True) as folder:
        yield Bench.of(control, others, Path(folder), tokenizer=tokenizer)


def intervened(
    study: Study, sources: Sources, at: Bench, arm: str, replicate: int, places: np.ndarray, known: Items
) -> tuple[Treated, dict[str, Any]]:
    """The treated sequences of an arm, and what they were made of and with.

    Args:
        study: declares the arm.
        sources: of the replicate.
        at: from `bench`.
        arm: its name.
        replicate: seeds all draws.
        places: of the treated sequences, rising.
        known: items by source that an earlier arm on this bench was made of; gets those that are drawn.

    Raises:
        InputError: the intervention gives too few tokens; the number that can be had is said.
    """
    made, where = workshop(study, sources, at, replicate=replicate, arm=arm, known=known), f"arms.{arm}"
    try:
        found = at.treated(
            made.intervention(arm),
            places,
            where=where,
            rng=made.drawing(arm),
            mixing=made.mixing(arm),
        )
    except InputError as error:
        # What an intervention refuses, it refuses by its setting; here it is an arm's.
        raise (error if str(error).startswith(where) else InputError(where, str(error))) from None
    told = {
        "items": among(made),
        "tools": made.named_tools(),
        "candidates": found.candidates,
        "written": found.written,
        "told": dict(found.told),
    }
    return found, told
