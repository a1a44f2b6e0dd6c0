"""What a study writes of its footprints side by side: signature.json, overlaps.parquet, curves, and their sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from benchshadow.records import write, write_json
from benchshadow.studies.declaring.footprint_settings import SHAPES, probe
from benchshadow.studies.declaring.study import Study

from .claims import Claim
from .classifier import classified
from .overlaps import overlap_sentences, overlaps
from .signature import footprints, signature_rows
from .signature_sentences import classifier_sentences, signature_sentences
from .trajectory_sentences import trajectory_sentences

__all__ = ["OVERLAPS", "SIGNATURE", "conclude_footprints"]

SIGNATURE = "signature.json"
OVERLAPS = "overlaps.parquet"


def conclude_footprints(
    study: Study, out: Path, folders: Mapping[tuple[str, int], Path], records: pl.DataFrame, made: Sequence[Claim]
) -> list[dict[str, Any]]:
    """Write signature and overlaps of a study, and give what they let one say.

    Args:
        study: arms, regimes and the probe of equal loss.
        out: the study's folder.
        folders: of (arm, replicate) to the folder of a whole run.
        records: of all runs.
        made: claims of the study.
    """
    found = footprints(study, records)
    rows = signature_rows(study, found)
    told = None if study.signature is None else classified(study, study.signature, found)
    shapes = SHAPES if study.signature is None else study.signature.diagnostics
    task = probe(study.trajectory, study.tasks)
    said = [*trajectory_sentences(study, made, records), *signature_sentences(rows, shapes)]
    if told is not None:
        said += classifier_sentences(study, told)
    laid = overlaps(study, folders)
    said += overlap_sentences(study, laid)
    write(laid, out / OVERLAPS)
    content = {
        "unit": "root mean square over replicates of second draw less control",
        "equal_loss": task,
        "diagnostics": list(shapes),
        "signature": rows,
        "classifier": None if told is None else asdict(told),
        "statements": said,
    }
    write_json(out / SIGNATURE, content)
    return said
