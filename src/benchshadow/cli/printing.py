"""What the verbs print on standard output: tables for people, one JSON object for machines."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchshadow.records import read_json

from .arm_tables import arm_tables

if TYPE_CHECKING:
    from benchshadow.studies.grid import Standing
    from benchshadow.studies.running.estimate import Estimate
    from benchshadow.studies.running.verification import Verification

__all__ = [
    "console_of",
    "print_citation",
    "print_footprint",
    "print_json",
    "print_pairs",
    "print_plan",
    "print_standing",
    "print_study",
    "print_verification",
]

_LEAST_WIDTH = 110
_PLAIN, _MOST_ALIKE = ("whole", "waiting"), 12
"""States of a run that say no more than themselves, and the most runs of one that are listed one by one."""
_MOST_ROLES, _MOST_REASONS = 16, 4
_KINDS = {"checkpoint": "", "change": "", "adapter": "adapter ", "adapter on its base": "adapter on its base: "}
_SUBJECTS = {"checkpoint": "Of the checkpoint", "adapter": "Of the adapter's change"}
# What a reader of one screen wants of a footprint, in this order; the rest is in the records.
_ON_THE_PAGE = frozenset(
    (
        "size",
        "equal-loss",
        "signature",
        "classifier",
        "added",
        "one-arm",
        "classifier-level",
        "shown",
        "overlap",
        "layers",
    )
)
"""Statements that a terminal leaves to the report: footprints side by side, in numbers that need their tables."""
_LEADING = (
    "relative_change",
    "unchanged_share",
    "stable_rank",
    "participation_ratio",
    "energy_rank",
    "effective_rank",
    "effective_rank_change",
    "spectral_shift",
    "signal_rank:tuned",
    "signal_rank:both",
    "rounding_share:tuned",
    "rounding_share:both",
    "tail_exponent",
    "outliers",
    "effective_layers",
    "depth_of_change",
    "subspace_agreement(8):left",
    "intruder_dimensions:left",
)
_LEADING_FIELDS = (
    "arm",
    "treatment.treatment",
    "data.treated_sequences",
    "data.reported.documents",
    "data.reported.unique_documents",
    "data.reported.mean_epochs",
    "data.reported.effective_domains",
    "data.reported.entropy_per_token",
)
_BY_ROLE = ("relative_change", "frobenius_norm", "stable_rank", "participation_ratio", "effective_rank")

CITATION = """@software{benchshadow,
  title = {benchshadow: what training data did to a model},
  author = {{The benchshadow developers}},
  license = {Apache-2.0}
}
@misc{zou2026benchmarkshadows,
  title = {Benchmark Shadows: Data Alignment, Parameter Footprints, and Generalization in Large Language Models},
  author = {Zou and Wang and Ding and Liao and Chen},
  year = {2026},
  eprint = {2604.07363},
  archivePrefix = {arXiv}
}"""


def console_of() -> Console:
    """Never narrower than a table of eight arms; a terminal that is narrower scrolls or wraps it."""
    width = Console().width
    return Console(highlight=False, width=max(width, _LEAST_WIDTH))


def print_json(summary: Mapping[str, Any]) -> None:
    """One JSON object and a line end."""
    print(json.dumps(summary, ensure_ascii=False, allow_nan=False))


def print_study(folder: Path, summary: Mapping[str, Any], page: Path | None) -> None:
    """The table of tiers, the footprints, and what can be said."""
    console, told = console_of(), read_json(folder / "study.json")
    width = Console().width if console.is_terminal else None
    outside = {
        (claim["arm"], claim["measure"])
        for claim in read_json(folder / "claims.json")
        if claim["comparable"] and claim["at"] == "last step" and claim["place"] == "outside"
    }
    kinds = {
        "outcome": "Outcomes",
        "footprint": "Footprint of the change against the base",
        "representation": "States and gradients on the probes",
        "behaviour": "Expectations on the probes",
    }
    for kind, title in kinds.items():
        measures = [measure for measure in told["measures"] if measure["kind"] == kind]
        if not measures:
            continue
        console.print(f"[bold]{title}, mean over replicates[/bold] (* outside the A/A range)")
        for table in arm_tables(measures, summary, outside, width):
            console.print(table)
            console.print()
    console.print("[bold]What can be said[/bold]")
    said = read_json(folder / "statements.json")["statements"]
    here = [each["text"] for each in said if each["code"] not in _ON_THE_PAGE]
    for sentence in here:
        console.print(f"- {sentence}", soft_wrap=True, markup=False)
    if len(here) < len(said):
        console.print(f"- {len(said) - len(here)} more, of footprints side by side, in the report and statements.json")
    console.print(f"\nrecords and claims: {folder}", markup=False)
    if page is not None:
        console.print(f"report: {page}", markup=False)


def print_footprint(folder: Path, summary: Mapping[str, Any], page: Path | None, *, plan: bool) -> None:
    """What was covered, the numbers over the blocks, and the roles side by side; or the plan."""
    console = console_of()
    if plan:
        console.print("nothing was done; a footprint would")
        print_pairs(console, {part: summary[part] for part in ("level", "read", "compute", "write", "estimate")})
        return
    _print_covered(console, folder, summary)
    subject = _SUBJECTS.get(summary["kind"], "Of the change")
    if any(name in summary["model"] for name in _LEADING):
        console.print(f"\n[bold]{subject}, over the matrices inside blocks[/bold]")
        console.print(_leading(summary["model"], summary["model_random"]))
    console.print(f"\n[bold]{subject}, by role[/bold]")
    console.print(_roles(summary["by_role"]))
    more = len(summary["by_role"]) - _MOST_ROLES
    if more > 0:
        console.print(f"and {more} more {'role' if more == 1 else 'roles'} in {folder / 'summary.json'}", markup=False)
    console.print(f"every diagnostic of every matrix, beside its nulls: {folder / 'records.parquet'}", markup=False)
    if page is not None:
        console.print(f"report: {page}", markup=False)


def _print_covered(console: Console, folder: Path, summary: Mapping[str, Any]) -> None:
    """What was looked at, at which level, and what was left out and why."""
    tensors, parameters = summary["tensors"], summary["parameters"]
    level = read_json(folder / "manifest.json").get("level")
    what = f"{_KINDS[summary['kind']]}{summary['base']}" + (f" -> {summary['tuned']}" if summary.get("tuned") else "")
    console.print(f"{what}, level {level}", markup=False, soft_wrap=True)
    counted = ", ".join(f"{count} {state}" for state, count in tensors.items() if count)
    roles = f"{summary['family']} family" if summary["family"] else "guessed"
    console.print(
        f"{parameters['total']:,} parameters, {parameters['analysed']:,} of them in matrices that were measured; "
        f"tensors: {counted}; roles: {roles}",
        soft_wrap=True,
    )
    # That vectors have no spectrum is no surprise; the rest is.
    odd = [row for row in summary["left_out"] if row["state"] != "skipped"]
    for row in odd[:_MOST_REASONS]:
        count = f"{row['tensors']} tensors, the first {row['first']}" if row["tensors"] > 1 else row["first"]
        text = f"{row['state']}: {count}, {row['parameters']:,} parameters: {row['reason']}"
        console.print(text, markup=False, soft_wrap=True)
    if len(odd) > _MOST_REASONS:
        console.print(f"and {len(odd) - _MOST_REASONS} more reasons in {folder / 'summary.json'}", markup=False)


def _leading(values: Mapping[str, float], random: Mapping[str, float]) -> Table:
    """The numbers of the model, each beside what chance alone gives where that is known."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=bool(random))
    table.add_column("", no_wrap=True)
    for name in ("value", "random") if random else ("value",):
        table.add_column(name, no_wrap=True)
    for name in _LEADING:
        if name in values:
            beside = [_shown(random[name]) if name in random else ""] if random else []
            table.add_row(_spelt(name), _shown(values[name]), *beside)
    return table


def _roles(rows: Sequence[Mapping[str, Any]]) -> Table:
    """One line per role, in the order of the report; empty cells are undefined."""
    from benchshadow.report.roles import in_order, parts

    # A tower or a stack is named where there are several.
    called = parts((row["tower"], row["stack"]) for row in rows)
    places, roles = list(dict.fromkeys(called.values())), in_order(row["role"] for row in rows)
    placed = [(called[row["tower"], row["stack"]], row) for row in rows]
    placed.sort(key=lambda each: (places.index(each[0]), roles.index(each[1]["role"])))
    names = [name for name in _BY_ROLE if any(row.get(name) is not None for row in rows)]
    if "relative_change" in names:
        names.remove("frobenius_norm")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in (["part"] if any(places) else []) + ["role"]:
        table.add_column(name, no_wrap=True)
    for name in ("matrices", *names):
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    for part, row in placed[:_MOST_ROLES]:
        cells = ["" if row.get(name) is None else f"{row[name]:.4g}" for name in names]
        table.add_row(*([part] if any(places) else []), row["role"], str(row["matrices"]), *cells)
    return table


def print_pairs(console: Console, values: Mapping[str, Any]) -> None:
    """One line per value, with its name."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in _flat(values):
        table.add_row(name, _shown(value))
    console.print(table)


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Every value with its name, behind the names of the parts that it stands in."""
    for key, value in values.items():
        name = f"{above} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, name)
        else:
            yield name, value


def _spelt(name: str) -> str:
    """A number of the model by its name, with the side that was rounded or read."""
    stem, _, side = name.replace("_", " ").partition(":")
    return f"{stem}, {'rounded: ' if side in ('tuned', 'both') else ''}{side}" if side else stem


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return f"{value:.5g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def print_plan(plan: Estimate, out: Path, as_json: bool) -> None:
    """A study's size before it runs."""
    if as_json:
        print_json({"verb": "study", "out": str(out), **asdict(plan)})
        return
    console = console_of()
    console.print(f"would run in {out}; nothing was done", markup=False)
    print_pairs(console, asdict(plan))


def print_standing(standing: Standing, rows: Mapping[str, str]) -> None:
    """One line per run, and the share of the work that is done."""
    console = console_of()
    alike = {state: many for state, many in Counter(rows.values()).items() if state in _PLAIN and many > _MOST_ALIKE}
    for title, state in rows.items():
        if state not in alike:
            console.print(f"{title}: {state}", markup=False, soft_wrap=True)
    for state, many in alike.items():
        console.print(f"{many} runs: {state}", markup=False)
    whole = sum(share == 1 for share in standing.shares.values())
    counts = f"{whole} of {len(standing.runs)} whole, {len(standing.running)} running, {len(standing.failed)} failed"
    console.print(f"{counts}, {standing.work / standing.total:.0%} of the steps done")
    if standing.seconds_left is not None and standing.running:
        from benchshadow.studies.running.pace import in_words

        console.print(f"{in_words(standing.seconds_left)} left at the pace of the runs under way")
    for need in standing.needs:
        console.print(f"- {need.sentence}", soft_wrap=True, markup=False)


def print_verification(found: Verification) -> None:
    """The treatment and its largest consequences, manifest by manifest; then everything that was not declared."""
    console = console_of()
    console.print(f"compared: {', '.join(found.names)}", markup=False)
    for manifest in dict.fromkeys(each.manifest for each in (*found.declared, *found.undeclared)):
        console.print(f"\n{manifest}", markup=False, soft_wrap=True)
        declared = [each for each in found.declared if each.manifest == manifest]
        leading = [each for each in declared if each.field.startswith(_LEADING_FIELDS)]
        for each in leading:
            console.print(f"  declared    {each.said}", markup=False, soft_wrap=True)
        if len(declared) > len(leading):
            console.print(f"  declared    {len(declared) - len(leading)} more fields that follow from it; see --json")
        for each in found.undeclared:
            if each.manifest == manifest:
                console.print(f"  UNDECLARED  {each.said}", markup=False, soft_wrap=True)
    if not found.undeclared:
        console.print(f"\n{found.sentence}", markup=False)


def print_citation(as_json: bool) -> None:
    """How to cite the software and the preprint."""
    if as_json:
        print_json({"bibtex": CITATION})
    else:
        print(CITATION)
