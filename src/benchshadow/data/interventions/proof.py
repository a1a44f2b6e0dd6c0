"""Proof from the tokens: a built arm is what its manifest says, and the control where it is not treated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from benchshadow.data.packing import PackedStream
from benchshadow.data.packing.store import DOCUMENTS
from benchshadow.errors import InputError
from benchshadow.records import read_json

from .account import Tally, positions
from .build import ARMS, MANIFEST
from .comparing import Difference, contradictions
from .recipe import CONTROL
from .seeding import generator

__all__ = ["proved", "told_by_tokens"]


def proved(out: Path, name: str) -> list[Difference]:
    """Where a built arm departs from its manifest or, outside the treated sequences, from the control; nothing if not.

    Args:
        out: the folder that arms were built in.
        name: of the arm.

    Raises:
        InputError: a folder is not there, or was cut short.
    """
    folder = Path(out) / ARMS / name
    return [*contradictions(read_json(folder / MANIFEST)), *told_by_tokens(folder)]


def told_by_tokens(folder: Path) -> list[Difference]:
    """The same of an arm's folder, which lies beside its control's, from the tokens alone."""
    return list(_found(Path(folder)))


def _found(folder: Path) -> Iterator[Difference]:
    stream, control = PackedStream.open(folder), PackedStream.open(folder.parent / CONTROL)
    if not (folder / DOCUMENTS).is_file():
        raise InputError(folder / DOCUMENTS, "must lie beside the tokens but does not")
    manifest = read_json(folder / MANIFEST)
    name = str(manifest["arm"])
    stand = positions(
        generator(manifest["seed"], "positions"), manifest["budget"]["sequences"], manifest["treated_sequences"]
    )
    tally, beside = Tally(stand, int(stream.ids.max()) + 1), Tally(stand, 1)
    for first, rows in stream.blocks():
        tally(first, rows)
    for first, rows in control.blocks():
        beside.hash_untreated(first, rows)
    table, told = stream.documents, manifest["reported"]
    by_domain = table.group_by("domain").agg(pl.col("tokens").cast(pl.Int64).sum()).sort("domain")
    measured = {
        "budget.sequences": (manifest["budget"]["sequences"], len(stream.ids)),
        "budget.length": (manifest["budget"]["length"], stream.ids.shape[1]),
        "budget.tokens": (manifest["budget"]["tokens"], int(table["tokens"].sum())),
        "order_sha256": (manifest["order_sha256"], stream.rehashed()),
        "control_order_sha256": (manifest["control_order_sha256"], control.rehashed()),
        "untreated_sha256": (manifest["untreated_sha256"], tally.untreated.hexdigest()),
        "control_untreated_sha256": (manifest["control_untreated_sha256"], beside.untreated.hexdigest()),
        "reported.unique_tokens": (told.get("unique_tokens"), int((tally.counts > 0).sum())),
        "reported.documents": (told.get("documents"), table["copy"].n_unique()),
        "reported.tokens_per_domain": (told.get("tokens_per_domain"), dict(by_domain.iter_rows())),
    }
    for field, (was, now) in measured.items():
        if was != now:
            yield Difference(name, field, was, now)
