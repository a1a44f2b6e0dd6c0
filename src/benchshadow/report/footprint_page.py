"""The page of a footprint: what was compared, how much of it was seen, the numbers beside their nulls, and where."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import polars as pl

from .elements import Block, Page, Prose, Section, present
from .footprint_figures import profile_figure, spectrum_figure
from .footprint_folder import FootprintFolder, open_footprint
from .footprint_tables import MAIN, coverage_table, model_tables, roles_table, states_table
from .numbers import counted, number
from .provenance import manifest_table
from .words import glossary, not_told

__all__ = ["footprint_page"]

_SHOWN_REMARKS = 8
_ONLY_STUDIES = ("A/A", "A/A range", "arm", "bits per byte", "centred score", "control", "descriptive", "dose")
_ONLY_STUDIES += ("margin", "replicate", "tier")


def footprint_page(folder: Path) -> Page:
    """Everything a footprint's folder can show."""
    footprint = open_footprint(folder)
    summary = footprint.summary
    base, tuned = summary.get("base"), summary.get("tuned")
    title = f"From {_name(base)} to {_name(tuned)}" if tuned else _name(base or folder)
    guessed = "roles guessed from names and shapes" if summary.get("guessed") else "roles as its family spells them"
    what, family = "a change" if tuned else "a checkpoint", summary.get("family") or "unknown"
    kicker = f"Footprint of {what} · family {family}, {guessed}"
    sections = [
        Section("model", "Over the model", _model(footprint)),
        Section("depth", "Where in the model", present(profile_figure(footprint), spectrum_figure(footprint))),
        Section("coverage", "What was looked at", [states_table(footprint), coverage_table(footprint)]),
        Section("limits", "What these numbers do not tell", _limits(footprint)),
        Section("provenance", "Where this comes from", _provenance(footprint)),
        Section("glossary", "Words", [glossary(without=_ONLY_STUDIES)]),
    ]
    question = f"{base} → {tuned}" if tuned else str(base or "")
    remarks = list(summary.get("remarks") or [])
    shown = remarks[:_SHOWN_REMARKS]
    if len(remarks) > len(shown):
        shown.append(f"{counted(len(remarks) - len(shown), 'more remark')} below, under “What was looked at”.")
        sections[2].blocks.insert(1, Prose(remarks, points=True, style="remark"))
    kept = [section for section in sections if section.blocks]
    return Page(title, kicker, question, _lead(footprint), [], shown, kept, warned=True)


def _name(path: Any) -> str:
    return Path(str(path)).name or str(path)


def _lead(footprint: FootprintFolder) -> str:
    """How much was seen, how large the change is, over how many directions, and whether rounding could make it."""
    said = [_seen(footprint)]
    if footprint.of == "base":
        return said[0]
    size, rank = footprint.value("relative_change"), footprint.value("stable_rank")
    if size is not None:
        said.append(f"In the blocks the change is {number(100 * size['value'])}% of the size of the base.")
    if rank is not None:
        text = f"Its stable rank is {number(rank['value'])} dimensions on average"
        random = rank["null_random"]
        said.append(f"{text}, where a random update would have {number(random)}." if random is not None else f"{text}.")
    rounding = footprint.model.filter((pl.col("diagnostic") == "rounding_share") & pl.col("value").is_finite())
    if rounding.height:
        said.append(_rounding(float(rounding["value"].max())))  # type: ignore[arg-type]
    return " ".join(said)


def _rounding(share: float) -> str:
    """In words where rounding explains more than half of the energy of the change."""
    if share > 0.5:
        return (
            f"Not resolved: rounding of the stored numbers explains {number(100 * share)}% of the energy of the change."
        )
    if share < 1e-4:
        return "Rounding of the stored numbers explains less than 0.01% of its energy."
    return f"Rounding of the stored numbers explains {number(100 * share)}% of its energy."


def _seen(footprint: FootprintFolder) -> str:
    coverage = footprint.coverage
    own = coverage.filter(pl.col("stored").is_not_null()) if "stored" in coverage.columns else coverage
    total = int(own["parameters"].sum())
    parts = []
    for state in ("analysed", "equal", "skipped", "unmatched", "refused"):
        here = own.filter(pl.col("state") == state)
        if here.height:
            parts.append(f"{number(int(here['parameters'].sum()))} {state}")
    return f"All {number(total)} parameters are accounted for: {', '.join(parts)}."


def _model(footprint: FootprintFolder) -> list[Block]:
    empty = "No number can be given for the model: no matrix inside its blocks was measured."
    tables: list[Block] = [*model_tables(footprint)]
    return present(*(tables or [Prose([empty], style="note")]), roles_table(footprint))


def _limits(footprint: FootprintFolder) -> list[Block]:
    general = [
        "A footprint tells how weights changed. What the change does to the model's answers is not in it.",
        "Means over matrices hide which layers moved; the profiles over depth tell that.",
    ]
    used = footprint.model["diagnostic"].unique(maintain_order=True).to_list()
    main = [name for name in used if name in MAIN]
    rest = not_told((name for name in used if name not in MAIN), folded="Of the other diagnostics")
    return present(Prose(general, points=True), not_told(main), rest)


def _provenance(footprint: FootprintFolder) -> list[Block]:
    table = manifest_table(footprint.manifest, "Files, hashes, settings and versions")
    again = Prose(["To make it again:"])
    return present(table, again, Prose([_command(footprint)], style="command"))


def _command(footprint: FootprintFolder) -> str:
    """What a shell needs to make the footprint again, with the settings that differ from the defaults."""
    summary, manifest = footprint.summary, footprint.manifest
    words = ["benchshadow", "footprint", *(str(each) for each in (summary.get("base"), summary.get("tuned")) if each)]
    sides = manifest.get("rounded_sides") or []
    words += ["--rounded-sides", *sides] if len(sides) == 1 else []
    words += ["--seed", str(manifest["seed"])] if manifest.get("seed") else []
    return shlex.join([*words, "--out", "DIR"])
