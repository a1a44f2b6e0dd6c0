"""Coverage: the Vendi score by its order as lines, its values with intervals, and the clusters that are filled."""

from __future__ import annotations

import math

from . import charts
from .audit_folder import AuditFolder
from .audit_tables import panel_table
from .elements import Block, Figure, Panel, Prose, present
from .numbers import absent

__all__ = ["coverage_blocks"]

_CLUSTERS = ("effective_clusters", "clusters_hit", "unseen_mass")


def coverage_blocks(audit: AuditFolder) -> list[Block]:
    """What the corpora cover, in several senses; none of them stands for the others."""
    scores = _figure(audit) or panel_table(audit, ["vendi"], "Vendi score")
    blocks = present(scores, panel_table(audit, _CLUSTERS, "Clusters, and what was not seen"))
    told = "No one number is diversity: a corpus can look wide to an embedding and narrow to clusters, or the reverse."
    return [Prose([told]), *blocks] if blocks else []


def _figure(audit: AuditFolder) -> Figure | None:
    """The scores as lines; None where fewer than two orders have values."""
    defined = [row for row in audit.rows("vendi") if row["parameter"] is not None and not absent(row["value"])]
    orders = [_order(each) for each in sorted({row["parameter"] for row in defined})]
    if len(orders) < 2:
        return None
    points = [
        {"arm": row["arm"], "note": f"q = {_order(row['parameter'])}", "x": _order(row["parameter"]), "y": row["value"]}
        for row in sorted(defined, key=lambda row: row["parameter"])
    ]
    top = max(row["value"] for row in defined)
    chart = charts.lines(
        points,
        audit.series,
        "order q",
        "Vendi score (texts)",
        says="The Vendi score of every corpus by its order.",
        order=orders,
        y_domain=(0.0, 1.05 * top),
        height=260,
    )
    shows = "A score of v is that of v texts with nothing in common. Low orders count rare kinds of texts fully, high "
    shows += "orders only the common ones; a line that falls steeply is a corpus with few common kinds and many rare."
    shows_not = "It does not tell what the embedding cannot see; its dimension is the most a score can be."
    table = panel_table(audit, ["vendi"], folded="These scores as a table")
    return Figure("vendi", "Vendi score by order", [Panel("", chart)], shows, shows_not, audit.series, table)


def _order(q: float) -> str:
    return "∞" if math.isinf(q) else f"{q:g}"
