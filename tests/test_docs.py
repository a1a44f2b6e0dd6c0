"""What is written stays true: every command, diagnostic and public name is told of, and every link leads somewhere."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
from layout import sources

from benchshadow.checkpoints import families
from benchshadow.spectra import diagnostics

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "benchshadow"
HIDDEN = {".venv", "demo", "out", "build", "dist", "work"}
MARKDOWN = [
    path
    for path in sorted(ROOT.rglob("*.md"))
    if not any(part in HIDDEN or part.startswith(".") for part in path.relative_to(ROOT).parts)
]
LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")


def generator():
    """The module docs/generate.py, which no package holds."""
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def public_names() -> list[tuple[str, str]]:
    """Every `from .x import y as y` of a room's front door, as (room, name)."""
    return [
        (source.module, alias.asname)
        for source in sources(PACKAGE).values()
        if source.front_door
        for node in source.tree.body
        if isinstance(node, ast.ImportFrom) and node.level
        for alias in node.names
        if alias.asname == alias.name
    ]


def broken_links(path: Path, root: Path) -> list[str]:
    """Relative links of a page that lead to no file, or out of the project; code blocks are not read."""
    text = re.sub(r"^(```|~~~).*?^\1", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", text)
    broken = []
    for target in LINK.findall(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        there = (path.parent / name).resolve() if name else path
        if (
            not there.is_relative_to(root.resolve())
            or not there.exists()
            or (anchor and there.suffix == ".md" and anchor not in anchors(there))
        ):
            broken.append(target)
    return broken


def anchors(path: Path) -> set[str]:
    """The anchors that headings of a page get: lower case, punctuation dropped, spaces to hyphens."""
    headings = re.findall(r"^#+\s+(.*)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_command_stands_in_the_readme():
    names = [name for name, _ in generator().commands()]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(names) > 1
    assert [name for name in names if not re.search(rf"{re.escape(name)}\b", readme)] == []


def test_every_command_and_option_says_what_it_does():
    silent = [
        f"{name} {parameter.name}"
        for name, command in generator().commands()
        for parameter in command.params
        if not (getattr(parameter, "help", None) or "").strip()
    ]
    silent += [name for name, command in generator().commands() if not (command.help or "").strip()]
    assert silent == []


@pytest.mark.parametrize("page", ["diagnostics.md", "commands.md", "recipes.md", "studies.md"])
def test_the_pages_made_from_the_code_are_up_to_date(page):
    written = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert written == generator().PAGES[page](), f"docs/{page} is stale: run make docs"


@pytest.mark.parametrize("entry", diagnostics(), ids=lambda entry: entry.name)
def test_every_diagnostic_is_told_of(entry):
    page = (ROOT / "docs" / "diagnostics.md").read_text(encoding="utf-8")
    assert f"### {entry.name}\n" in page
    for said in (entry.title, entry.unit, entry.source, entry.tells_not):
        assert said.strip()
    assert entry.source in page
    assert inspect.getdoc(entry.function)


@pytest.mark.parametrize(("room", "name"), public_names())
def test_every_public_name_has_a_docstring(room, name):
    thing = getattr(import_module(room), name)
    if inspect.isclass(thing) or inspect.isroutine(thing):
        # A dataclass without a docstring is given its signature for one.
        assert thing.__doc__
        assert not thing.__doc__.startswith(f"{name}(")
    else:
        assert described(thing, name), f"{room}.{name} has no docstring below its assignment"


def described(thing: object, name: str) -> bool:
    """Whether a constant has a string below its assignment, in some file of the package."""
    return any(
        _assigns(first, name) and isinstance(second, ast.Expr) and isinstance(second.value, ast.Constant)
        for source in sources(PACKAGE).values()
        for first, second in zip(source.tree.body, source.tree.body[1:], strict=False)
    )


def _assigns(node: ast.stmt, name: str) -> bool:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return any(isinstance(target, ast.Name) and target.id == name for target in targets)


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(path):
    assert broken_links(path, ROOT) == []


def test_broken_links_are_seen(tmp_path):
    page = tmp_path / "page.md"
    (tmp_path / "there.md").write_text("# One thing, told\n", encoding="utf-8")
    page.write_text(
        '[a](there.md) [b](gone.md) ![c](gone.png "t") [d](../outside.md) [e](there.md#one-thing-told)'
        " [f](there.md#other) [g](https://example.org/x)\n```\n[h](code.md)\n```\n`[i](code.md)`\n",
        encoding="utf-8",
    )
    assert broken_links(page, tmp_path) == ["gone.md", "gone.png", "../outside.md", "there.md#other"]


@pytest.mark.parametrize("verb", ["install", "demo", "test", "lint", "fix", "docs", "bench"])
def test_every_verb_of_the_makefile_can_be_planned(verb):
    assert re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_number_of_architectures_in_the_readme_is_that_of_the_family_files():
    known = {name for family in families() for name in family.architectures}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"knows {len(known)} architectures" in " ".join(readme.split())
