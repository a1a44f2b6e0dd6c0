"""Writes the pages of docs/ that are made from the code: the diagnostics and the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchshadow.spectra import diagnostics

FOLDER = Path(__file__).parent

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


PAGES = {"diagnostics.md": diagnostics_page, "commands.md": commands_page}


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
