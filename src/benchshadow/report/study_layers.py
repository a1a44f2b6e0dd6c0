"""The table of layers: where in depth an arm's change differs from the control's."""

from __future__ import annotations

from .elements import Cell, Column, Table
from .numbers import absent, number, signed, span
from .study_folder import StudyFolder
from .study_tables import arm_cell

__all__ = ["layers_table"]

_NOTE = (
    "Paired differences from the control at the last step, a layer's value being the mean over its matrices. q is the "
    "p of the exact sign-flip test after Benjamini and Hochberg over the layers of one arm; with fewer than six "
    "replicates there is none. Nothing here was declared as a test."
)


def layers_table(study: StudyFolder) -> Table | None:
    """Every arm in every layer, to be sorted and filtered."""
    rows = study.claims.get("layers", [])
    if not rows:
        return None
    columns = [Column(title, numeric=False) for title in ("Arm", "Measure")]
    columns += [Column("Layer"), Column("Depth"), Column("Difference", "paired mean"), Column("95% interval")]
    columns += [Column("A/A", "largest difference"), Column("Outside", numeric=False), Column("q")]
    cells = [
        [
            arm_cell(study, row["arm"]),
            Cell(row["diagnostic"].replace("_", " "), numeric=False),
            Cell(number(row["layer"]), row["tower"] or "", order=row["layer"]),
            Cell("—" if absent(row["depth"]) else f"{row['depth']:.2f}", order=row["depth"]),
            Cell(signed(row["effect"]), order=row["effect"]),
            Cell(span(row["low"], row["high"]), order=row["low"]),
            Cell(number(row["aa_range"]), order=row["aa_range"]),
            Cell("yes" if row["outside"] else "no", numeric=False),
            Cell(number(row["q"]), order=row["q"]),
        ]
        for row in rows
    ]
    return Table(columns, cells, "", _NOTE, f"Layer by layer: {len(rows)} comparisons with the control", sortable=True)
