"""The page of a footprint: what was compared, how much of it was seen, the numbers beside their nulls, and where."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import polars as pl

from .elements import Block, Page, Point, Prose, Section, present
from .footprint_answer import answer, level_point
from .footprint_coverage import coverage_points, coverage_table, states_table
from .footprint_depth import depth_figures
from .footprint_figures import spectrum_figure
from .footprint_folder import FootprintFolder, open_footprint
from .footprint_methods import method_blocks
from .footprint_tables import MAIN, model_tables, roles_table
from .footprint_turned import TURNED, turned_blocks
from .footprint_where import where_blocks
from .numbers import counted
from .provenance import manifest_table
from .words import glossary, not_told

__all__ = ["footprint_page"]

_SHOWN_REMARKS = 8
_ONLY_STUDIES = ("A/A", "A/A range", "arm", "bits per byte", "centred score", "control", "descriptive", "dose")
_ONLY_STUDIES += ("margin", "replicate", "tier")
_OF = ["base", "tuned", "change"]
_DEFAULT_LEVEL = 2
_HUB = "models--"


def footprint_page(folder: Path) -> Page:
    """Everything a footprint's folder can show; what its level did not measure is left out."""
    footprint = open_footprint(folder)
    summary = footprint.summary
    base, tuned = summary.get("base"), summary.get("tuned")
    remarks = list(summary.get("remarks") or [])
    shown, held = remarks[:_SHOWN_REMARKS], []
    if len(remarks) > len(shown):
        shown.append(f"{counted(len(remarks) - len(shown), 'more remark')} below, under “What was looked at”.")
        held = [Prose(remarks, points=True, style="remark")]
    seen = [states_table(footprint), *held, coverage_table(footprint)]
    sections = [
        Section("model", "Over the model", _model(footprint)),
        Section("where", "Where the change sits", where_blocks(footprint)),
        Section("directions", "Which directions turned", turned_blocks(footprint)),
        Section("depth", "Matrix by matrix", present(*depth_figures(footprint), spectrum_figure(footprint))),
        Section("coverage", "What was looked at", seen),
        Section("methods", "How it was computed", method_blocks(footprint)),
        Section("limits", "What these numbers do not tell", _limits(footprint)),
        Section("provenance", "Where this comes from", _provenance(footprint)),
        Section("glossary", "Words", [glossary(without=_ONLY_STUDIES)]),
    ]
    return Page(
        _title(footprint, folder),
        _kicker(footprint),
        f"{base} → {tuned}" if tuned else str(base or ""),
        answer(footprint),
        _points(footprint),
        shown,
        [section for section in sections if section.blocks],
        warned=True,
    )


def _title(footprint: FootprintFolder, folder: Path) -> str:
    base, tuned = (footprint.summary.get(side) for side in ("base", "tuned"))
    if footprint.kind == "adapter on its base":
        return f"{_name(tuned)} on {_name(base)}"
    return f"From {_name(base)} to {_name(tuned)}" if tuned else _name(base or folder)


def _name(path: Any) -> str:
    """The last part of a path; of a snapshot in the hub's cache the id of the model."""
    found = Path(str(path))
    if found.parent.name == "snapshots" and found.parent.parent.name.startswith(_HUB):
        return found.parent.parent.name.removeprefix(_HUB).replace("--", "/", 1)
    return found.name or str(path)


def _kicker(footprint: FootprintFolder) -> str:
    what = {
        "checkpoint": "a checkpoint",
        "adapter": "an adapter, without its base",
        "adapter on its base": "an adapter on its base",
    }.get(footprint.kind, "a change")
    family = footprint.summary.get("family")
    coverage = footprint.coverage
    guessed = int(coverage["guessed"].sum()) if "guessed" in coverage.columns else 0
    if guessed == coverage.height:
        roles = "roles guessed from names and shapes"
    elif guessed:
        roles = f"roles as its family spells them, those of {counted(guessed, 'tensor')} guessed"
    else:
        roles = "roles as its family spells them"
    return " · ".join([f"Footprint of {what}", f"family {family}" if family else "no family named", roles])


def _points(footprint: FootprintFolder) -> list[Point]:
    return [*coverage_points(footprint), *level_point(footprint)]


def _model(footprint: FootprintFolder) -> list[Block]:
    tables: list[Block] = [*model_tables(footprint)]
    if not tables:
        empty = "No number can be given for the model: no matrix inside its blocks was measured."
        if footprint.level == 0 and footprint.of == "base":
            empty = "In one pass a checkpoint alone gives the norms of its matrices; level 1 gives their ranks."
        tables = [Prose([empty], style="note")]
    return present(*tables, roles_table(footprint))


def _limits(footprint: FootprintFolder) -> list[Block]:
    general = ["Means over matrices hide which layers differ; the profiles over depth tell that."]
    if footprint.of == "change":
        general = [
            "A footprint tells how weights changed. What the change does to the model's answers is not in it.",
            *general,
        ]
    there = footprint.records.filter(pl.col("value").is_not_null())
    used = there["diagnostic"].unique(maintain_order=True).to_list()
    main = [name for name in used if name in (*MAIN, *TURNED)]
    rest = not_told((name for name in used if name not in main), folded="Of the other diagnostics")
    return present(Prose(general, points=True), not_told(main), rest)


def _provenance(footprint: FootprintFolder) -> list[Block]:
    table = manifest_table(footprint.manifest, "Files, hashes, settings and versions")
    again = Prose(["To make it again:"])
    return present(table, again, Prose([_command(footprint)], style="command"))


def _command(footprint: FootprintFolder) -> str:
    """What a shell needs to make the footprint again, with the settings that differ from the defaults."""
    summary, manifest = footprint.summary, footprint.manifest
    words = ["benchshadow", "footprint", *(str(each) for each in (summary.get("base"), summary.get("tuned")) if each)]
    level, of, sides = manifest.get("level"), manifest.get("spectra_of") or [], manifest.get("rounded_sides") or []
    words += ["--level", str(level)] if level not in (None, _DEFAULT_LEVEL) else []
    words += ["--of", ",".join(of)] if of and sorted(of) != sorted(_OF) else []
    words += ["--rounded-sides", *sides] if len(sides) == 1 else []
    words += ["--device", str(manifest["device"])] if manifest.get("device") not in (None, "cpu") else []
    words += ["--seed", str(manifest["seed"])] if manifest.get("seed") else []
    return shlex.join([*words, "--out", "DIR"])
