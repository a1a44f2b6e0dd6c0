"""Writes what is made from the code and from results: diagnostics, commands, recipes, studies, the table of claims."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchshadow.spectra import diagnostics

FOLDER = Path(__file__).parent
if str(FOLDER) not in sys.path:  # where this file is loaded by its path
    sys.path.insert(0, str(FOLDER))

README = FOLDER.parent / "README.md"
BEGIN, END = "<!-- the table of claims, made by make docs -->", "<!-- end of the table -->"
CLAIMS = {
    "C1": "data aligned with a benchmark lifts narrow scores and limits the rest",
    "C2": "data that expands coverage spreads the change and generalises better",
    "C3": "spectra and ranks of the change tell the regimes apart",
    "C4": "the pattern holds across open model families",
    "C5": "multimodal models included",
    "C6": "prompt repetition does not shift the regime",
    "C7": "a benchmark score alone does not characterise capability",
}
"""The claims of the preprint, as study files call them."""

SUBJECTS = {
    "matrix": ("Of a matrix", "Measured of the base, of the tuned matrix, and of their difference alike."),
    "change": ("Of a change", "Measured of a pair: base W0, tuned W1, change D = W1 - W0."),
    "directions": ("Of the strongest directions", "Measured of the singular vectors of a pair, left and right."),
    "rounding": ("Of a change beside its rounding", "Measured once for each set of sides that storage has rounded."),
}


def diagnostics_page() -> str:
    """Every registered diagnostic: unit, source, what it is unaffected by, and what it does not tell."""
    registered = diagnostics()
    lines = [
        "# Diagnostics",
        "",
        "Made by `make docs` from the registry; do not edit by hand. Numbers in dimensions are also given divided by",
        "k = min(m, n), under the same name with `_share` at its end.",
    ]
    for subject in dict.fromkeys([*SUBJECTS, *(entry.subject for entry in registered)]):
        title, note = SUBJECTS[subject]
        lines += ["", f"## {title}", "", note]
        for entry in registered:
            if entry.subject == subject:
                lines += ["", f"### {entry.name}", "", *_facts(entry)]
    return "\n".join(lines) + "\n"


def _facts(entry: Any) -> Iterator[str]:
    yield f"{_sentence(entry.title)}"
    yield ""
    yield f"- Unit: {entry.unit}"
    yield f"- Source: {entry.source}"
    yield f"- Unaffected by: {', '.join(sorted(entry.unaffected_by)) or 'none of scale, transpose, rotation'}"
    yield f"- Level: {entry.level}"
    if entry.parameters:
        yield f"- Evaluated at: {', '.join(f'{value:g}' for value in entry.parameters)}"
    yield f"- Does not tell: {entry.tells_not}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def commands(group: Any = None, prefix: tuple[str, ...] = ("benchshadow",)) -> Iterator[tuple[str, Any]]:
    """Every command of the command line as the user types it ("benchshadow study run"), with its parsed form."""
    if group is None:
        from typer.main import get_command

        from benchshadow.cli import app

        group = get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*prefix, name))
        elif not command.hidden:
            yield " ".join((*prefix, name)), command


def commands_page() -> str:
    """Every command with its arguments and options, as --help tells them."""
    lines = ["# Command line", "", "Made by `make docs` from the commands; do not edit by hand."]
    for name, command in commands():
        lines += [
            "",
            f"## {name}",
            "",
            " ".join((command.help or "").split()),
            "",
            "| argument or option | |",
            "|---|---|",
        ]
        for parameter in command.params:
            spelt = ", ".join([*parameter.opts, *parameter.secondary_opts])
            if parameter.param_type_name == "argument":
                spelt = parameter.name.upper()
            told = " ".join((getattr(parameter, "help", "") or "").split()).replace("|", "\\|")
            lines.append(f"| `{spelt}` | {told} |")
    return "\n".join(lines) + "\n"


def recipes_page() -> str:
    """What `benchshadow intervene` reads: the head written by hand, then every table of a recipe."""
    from models_to_tables import sections

    from benchshadow.data.interventions import Recipe

    return f"{_head('recipes')}\n{sections(Recipe)}"


def studies_page() -> str:
    """What `benchshadow study` reads: the head written by hand, then every table, and the measures of its example."""
    from models_to_tables import sections

    from benchshadow.data.interventions.recipe import Aligned
    from benchshadow.studies.declaring.measures import measures
    from benchshadow.studies.declaring.study import Study

    head = _head("studies")
    instead = (
        "[the table of an arm in a recipe](recipes.md#armsname), with `kind` for `intervention` and without `dose`"
    )
    example = re.search(r"^```toml\n(.*?)^```$", head, flags=re.DOTALL | re.MULTILINE)
    assert example is not None
    lines = [
        "## Measures",
        "",
        "What tests, margins and onsets may name, in the example above; probes and an equaliser",
    ]
    lines += ["add their own.", "", "| measure | unit | |", "|---|---|---|"]
    for each in measures(Study.model_validate(tomllib.loads(example[1]))):
        lines.append(f"| `{each.name}` | {each.unit} | {each.says} |")
    return f"{head}\n{sections(Study, {Aligned: instead})}\n" + "\n".join(lines) + "\n"


def _head(name: str) -> str:
    return (FOLDER / f"{name}_head.md").read_text(encoding="utf-8")


def claims_table(files: Sequence[Path]) -> str:
    """What committed claims files say of the preprint's claims, a row per comparison that speaks to one.

    Args:
        files: `experiments/*/claims.json`, each a list of claims.
    """
    rows = [(path.parent, row) for path in files for row in _claims(path) if row.get("claim")]
    lines = [
        "| claim | study | arm against control | difference [95% interval] | verdict | replicates, bases |",
        "|---|---|---|---|---|---|",
    ]
    for claim, text in CLAIMS.items():
        mine = [(folder, row) for folder, row in rows if row["claim"] == claim]
        lines.append(f"| **{claim}** | | *{text}* | | {'' if mine else 'not examined yet'} | |")
        for folder, row in mine:
            study = (
                f"[{row['study']}](experiments/{folder.name}) `{row['study_hash'][:8]}`, {_weights(row['parameters'])}"
            )
            what = f"{row['arm']} on {row['measure'].replace('_', ' ')}"
            what += "" if row["at"] == "last step" else f", at {row['at']}"
            counted = f"{row['replicates']}, {row['bases']}" if row["comparable"] else ""
            lines.append(f"| {claim} | {study} | {what} | {_difference(row)} | {_verdict(row)} | {counted} |")
    return "\n".join(lines)


def _weights(parameters: int) -> str:
    unit, size = next((each for each in (("B", 1e9), ("M", 1e6), ("k", 1e3)) if parameters >= each[1]), ("", 1.0))
    return f"{parameters / size:.3g}{unit} weights"


def _claims(path: Path) -> list[dict[str, Any]]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, list):
        raise SystemExit(f"{path}: must be a list of claims but is a {type(found).__name__}; report the study again")
    return found


def _difference(row: dict[str, Any]) -> str:
    if not row["comparable"]:
        return ""
    unit = "" if row["unit"] == "share" else f" {row['unit']}"
    ends = "" if row["low"] is None else f" [{row['low']:.3g}, {row['high']:.3g}]"
    return f"{row['effect']:+.3g}{ends}{unit}"


def _verdict(row: dict[str, Any]) -> str:
    if not row["comparable"]:
        return str(row["reason"])
    if row["confirmatory"]:
        return f"**{row['verdict']}** (p = {row['p']:.2g}, corrected)"
    late = "exploratory, " if row["declared"] == "afterwards" else ""
    return f"{late}{row['verdict']}: {row['place']} the A/A range"


def readme() -> str:
    """The README with its table of claims as the committed claims files give it."""
    text = README.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{README}: must hold the lines {BEGIN} and {END} around its table of claims")
    table = claims_table(sorted((FOLDER.parent / "experiments").glob("*/claims.json")))
    return f"{before}{begin}\n{table}\n{end}{after}"


PAGES = {
    "diagnostics.md": diagnostics_page,
    "commands.md": commands_page,
    "recipes.md": recipes_page,
    "studies.md": studies_page,
    "../README.md": readme,
}


def main() -> int:
    """Write the pages, or with --check name those that are stale and return 1."""
    stale = []
    for name, page in PAGES.items():
        path, text = FOLDER / name, page()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv[1:]:
            path.write_text(text, encoding="utf-8")
    print(f"stale: {', '.join(stale)}" if stale else "every page is up to date")
    return 1 if stale and "--check" in sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
