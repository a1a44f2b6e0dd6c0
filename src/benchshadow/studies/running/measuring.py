"""One checkpoint of a run becomes records: its scores on every task, its footprint against the base, its losses."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from benchshadow.data.tasks import Task
from benchshadow.records import frame, write
from benchshadow.studies.declaring.equaliser_settings import EQUALISED
from benchshadow.studies.footprints.footprint import opened
from benchshadow.studies.footprints.measurement import measure
from benchshadow.studies.preparing.equalising import Equalising, equalised

from .outcome_rows import item_rows, outcome_rows
from .probing import Drawn, probed

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["measured"]


def measured(
    place: Path,
    columns: Mapping[str, Any],
    *,
    base: Path,
    checkpoint: Path | None,
    tokenizer: Tokenizer,
    tasks: Sequence[Task],
    again: Sequence[Task] = (),
    probes: Drawn | None,
    equaliser: Equalising | None,
    losses: np.ndarray,
    seed: int,
    threads: int,
    device: str,
    whole: bool,
) -> None:
    """Measure one checkpoint into a folder that is whole or absent.

    Args:
        place: gets `records.part` and `items.part`.
        columns: run, arm, replicate, base, step and checkpoint, which every row carries.
        base: checkpoint that the run started from.
        checkpoint: what is measured; None measures the base itself, which has no footprint.
        tokenizer: of the base.
        tasks: all of them are scored.
        again: what is scored after the equaliser: other tasks too, where scores before it were brought along.
        probes: what it is probed with; None leaves it unprobed.
        equaliser: the short training after which tasks are scored once more; None leaves that out.
        losses: of the training steps so far, nats per token.
        seed: draws rounding errors.
        threads: of torch, those of the training: a process that trained nothing has others.
        device: where it is scored and probed, that of the training.
        whole: whether base and tuned are decomposed beside the change.
    """
    from benchshadow.evaluate import score_all
    from benchshadow.train.machine import settle
    from benchshadow.train.model import load

    settle(threads, device)
    model = load(checkpoint or base, base=base).to(device)  # pyright: ignore[reportArgumentType]
    scores = score_all(model, tokenizer, tasks)
    rows = [{**columns, **row} for each in scores for row in outcome_rows(each)]
    if len(losses):
        rows.append({**columns, **_loss(losses)})
    if probes is not None:
        before = load(base).to(device) if checkpoint is not None else None  # pyright: ignore[reportArgumentType]
        rows += [{**columns, **row} for row in probed(model, before, tokenizer, probes)]
    items = [item_rows(each, columns) for each in scores]
    if equaliser is not None:
        equalised(model, tokenizer, equaliser, place.parent)
        after = score_all(model, tokenizer, again)
        rows += [{**columns, **row} for each in after for row in outcome_rows(each, EQUALISED)]
        items += [item_rows(each, columns, EQUALISED) for each in after]
    tables = [frame(rows)]
    if checkpoint is not None:
        spectra = ("base", "tuned", "change") if whole else ("change",)
        # Both sides are float32 and the base is exactly what was stored, so only the tuned side was rounded.
        found = measure(
            *opened(base, checkpoint),
            seed=seed,
            rounded_sides=("tuned",),
            spectra_of=spectra,
            columns=columns,
        )
        tables.append(found.records)
    partial = place.with_name(f".{place.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    write(pl.concat(tables), partial / "records.part")
    (pl.concat(items) if items else pl.DataFrame()).write_parquet(partial / "items.part")
    partial.rename(place)


def _loss(losses: np.ndarray) -> dict[str, Any]:
    """Mean of the last tenth of the steps: single steps are noisy."""
    last = losses[-max(1, len(losses) // 10) :]
    return {
        "of": "behaviour",
        "diagnostic": "training_loss",
        "value": float(last.mean()),
        "items": len(last),
        "unit": "nats/token",
        "method": f"mean of {len(last)} steps",
    }
