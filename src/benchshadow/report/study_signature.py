"""The signature of every arm in units of the A/A spread, and whether the regime is told from it on runs left out."""

from __future__ import annotations

from typing import Any

from benchshadow.errors import InputError
from benchshadow.records import read_json

from . import charts
from .elements import Block, Cell, Column, Figure, Panel, Prose, Table, present
from .numbers import absent, counted, fixed, number, shown, signed, span
from .study_folder import EQUAL, LAST, StudyFolder
from .study_tables import arm_cell

__all__ = ["WORDS", "signature_blocks"]

WORDS = {
    "A/A spread": "What a second draw of the control's recipe is off by: root mean square over replicates, about zero.",
    "balanced accuracy": "Share told right, averaged over the regimes: many runs of one do not outweigh another.",
    "equal loss": "Where runs have the same bits per byte on one broad text.",
    "log score": "Mean log-probability of the right regime, in nats: 0 is sure and right, −0.69 a guess of two.",
    "overlap of changes": "How far the strongest directions of two changes are the same; 1 is wholly.",
    "regime": "A kind of training data, declared in the study file by the arms that belong to it.",
    "signature": "How an arm's footprint differs from the control's, in A/A spreads.",
}
"""Terms that stand on a page with these sections alone."""
_FILE = "signature.json"
_SIZES = ("relative_change", "training_loss")
_NOTE = (
    "Mean over replicates of arm less control, divided by what a second draw of the control is off by (root mean "
    "square over replicates); lowest and highest below it. It is no test, and does not tell whether it matters."
)
_WITHIN = (
    "Every replicate is read at the largest change that its arm, control and second draw all went through; claims read "
    "all replicates at one."
)


def signature_blocks(study: StudyFolder) -> list[Block]:
    """What is said, the signature at both places and along training, the classifier; nothing where there is no file."""
    path = study.folder / _FILE
    if not path.is_file():
        return []
    told = read_json(path)
    if not isinstance(told, dict):
        raise InputError(path, f"must be a JSON object but is a {type(told).__name__}", "run the study again")
    rows, classifier = told.get("signature", []), told.get("classifier")
    codes = ("classifier", "added", "one-arm", "classifier-level")
    said = [each["text"] for each in told.get("statements", []) if each["code"] in codes]
    fallen = [each["text"] for each in told.get("statements", []) if each["code"] in ("shown", "not-shown")]
    return present(
        Prose(said, points=True) if said else None,
        _signature(study, rows, LAST),
        _signature(study, rows, EQUAL),
        _along(study, rows),
        *(_classifier(classifier) if classifier else ()),
        Prose(fallen, points=True) if fallen else None,
        _left_out(classifier) if classifier else None,
    )


def _signature(study: StudyFolder, rows: list[dict[str, Any]], at: str) -> Table | None:
    here = {(row["arm"], row["diagnostic"]): row for row in rows if row["at"] == at}
    names = list(dict.fromkeys(name for _, name in here))
    if not here:
        return None
    columns = [Column("Arm", numeric=False)]
    columns += [Column(name.replace("_", " "), "A/A spreads, less the control") for name in names]
    body = [
        [arm_cell(study, arm), *(_units(here.get((arm, name))) for name in names)]
        for arm in study.arms
        if any((arm, name) in here for name in names)
    ]
    if at == LAST:
        return Table(columns, body, f"Signature at the {at}", _NOTE)
    return Table(columns, body, f"Signature at {at} within each replicate", f"{_NOTE} {_WITHIN}")


def _units(row: dict[str, Any] | None) -> Cell:
    if row is None or absent(row["units"]):
        reason = "not measured there" if row is None else row["reason"]
        return Cell("—", hint=reason, means=reason)
    spread = span(row["low"], row["high"], 1) if row["replicates"] > 1 else ""
    hint = f"{signed(row['mean'])} beside an A/A spread of {number(row['aa_spread'])}"
    return Cell(f"{'+' if row['units'] > 0 else ''}{fixed(row['units'], 1)}", spread, hint=hint, order=row["units"])


def _along(study: StudyFolder, rows: list[dict[str, Any]]) -> Figure | None:
    """The signature at every step, a chart per diagnostic."""
    steps = {row["at"]: int(row["at"].split()[1]) for row in rows if row["at"].startswith("step ")}
    if not steps:
        return None
    steps[LAST] = study.study.get("settings", {}).get("steps") or max(steps.values()) + 1
    series = [study.series[arm] for arm in study.treated]
    panels = []
    for name in dict.fromkeys(row["diagnostic"] for row in rows if row["diagnostic"] not in _SIZES):
        points = [
            {"arm": row["arm"], "note": f"{row['arm']}, mean", "x": steps[row["at"]], "y": row["units"]}
            for row in rows
            if row["diagnostic"] == name and row["at"] in steps and row["arm"] in study.series and row["units"]
        ]
        if len({point["x"] for point in points}) > 1:
            points = sorted(points, key=lambda point: (point["arm"], point["x"]))
            title = name.replace("_", " ")
            says = f"{title} less the control in A/A spreads, along training, a line per arm."
            spec = charts.lines(points, series, "step (log scale)", "A/A spreads", says=says, log=True, height=180)
            panels.append(Panel(title, spec))
    if not panels:
        return None
    shows = "Each line is an arm, mean over replicates: how far its footprint is from the control's, step by step."
    told = "It does not tell what of this is size: what is left at equal relative change stands in the table above."
    return Figure("signature", "Signature along training", panels, shows, told, series, folded=True)


def _classifier(classifier: dict[str, Any]) -> list[Table]:
    """Scores of every set of features, what the spectra add, and where other arms fall."""
    tables = [_results(classifier["results"]), _gains(classifier["gains"]), _shown(classifier)]
    return [table for table in tables if table is not None]


def _results(results: list[dict[str, Any]]) -> Table | None:
    if not results:
        return None
    columns = [Column("Left out in turn", numeric=False), Column("Told from", numeric=False)]
    columns += [Column("Balanced accuracy", "held out"), Column("Log score", "nats"), Column("p", "relabelling")]
    rows = []
    for each in results:
        accuracy, score, p = each["accuracy"], each["log_score"], each["p"]
        rows.append(
            [
                Cell(each["left_out"], f"{counted(each['groups'], 'group')}", head=True, numeric=False),
                Cell(each["features"], numeric=False),
                Cell(fixed(accuracy["mean"], 2), span(accuracy["low"], accuracy["high"], 2)),
                Cell(fixed(score["mean"], 2), span(score["low"], score["high"], 2)),
                Cell("—") if p is None else Cell(number(p["p"]), f"at least {number(p['floor'])}"),
            ]
        )
    note = (
        f"A guess is right in {fixed(results[0]['chance'], 2)}. Intervals are over replicates, or over arms where "
        "these are left out, as if arms varied alike in all regimes; runs that share what they learn from are not "
        "independent, so they are rough. "
        "With arms left out and nothing to be told, accuracy lies below a guess: the regime of what is left out has "
        "lost rows, and p is reckoned with that. "
        "The training loss is on an arm's own data: it may tell arms apart by what they were fed alone."
    )
    return Table(columns, rows, "How well the regimes are told on what was left out", note)


def _gains(gains: list[dict[str, Any]]) -> Table | None:
    if not gains:
        return None
    columns = [Column("Left out in turn", numeric=False), Column("Spectra added to", numeric=False)]
    columns += [Column("Log score", "gain, nats"), Column("Balanced accuracy", "gain")]
    columns += [Column("p", "sign flips"), Column("What can be said", numeric=False)]
    rows = []
    for each in gains:
        score, accuracy, p = each["log_score"], each["accuracy"], each["p"]
        rows.append(
            [
                Cell(each["left_out"], head=True, numeric=False),
                Cell(each["over"], numeric=False),
                Cell(signed(score["mean"]), span(score["low"], score["high"])),
                Cell(signed(accuracy["mean"]), span(accuracy["low"], accuracy["high"])),
                Cell("—") if p is None else Cell(number(p["p"]), f"at least {number(p['floor'])}"),
                Cell("the spectra add to it" if each["adds"] else "nothing that can be told", numeric=False),
            ]
        )
    return Table(columns, rows, "What the spectra add to size or loss alone")


def _shown(classifier: dict[str, Any]) -> Table | None:
    """Where arms of no declared regime fall."""
    if not classifier["shown"]:
        return None
    regimes = list(classifier["shown"][0]["probability"])
    columns = [Column("Arm", numeric=False), Column("Told from", numeric=False)]
    columns += [Column(regime, "probability") for regime in regimes]
    columns += [Column("Distance", "a member has about 1"), Column("Like none", numeric=False)]
    rows = [
        [
            Cell(each["arm"], head=True, numeric=False),
            Cell(each["features"], numeric=False),
            *(
                Cell(fixed(each["probability"][name], 2), f"{each['falls'][name]} of {sum(each['falls'].values())}")
                for name in regimes
            ),
            Cell(number(each["distance"]), f"members up to {number(each['members'])}"),
            Cell(shown(each["like_none"]), numeric=False),
        ]
        for each in classifier["shown"]
    ]
    note = "Told by what was learnt from the other replicates. A classifier sorts everything into one of its regimes."
    return Table(columns, rows, "Arms of no declared regime: where they fall", note)


def _left_out(classifier: dict[str, Any]) -> Prose | None:
    """What could not be used, and why."""
    refused = [f"With {scheme}s left out: {why}." for scheme, why in sorted(classifier["refused"].items())]
    features = [f"Not used: {each}." for each in classifier["left_out"]]
    return Prose([*refused, *features], points=True, style="note") if refused or features else None
