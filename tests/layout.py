"""Reads which module imports which from the source alone, so that a deferred import counts like any other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One import: where it stands, and the module it names ("benchshadow.data.tasks", "torch.nn")."""

    importer: str
    imported: str
    line: int
    deferred: bool = False

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


@dataclass(frozen=True)
class Source:
    """One file of a package: its module's name, its text, its tree, and whether it is an __init__."""

    module: str
    path: Path
    text: str
    tree: ast.Module
    front_door: bool

    @property
    def package(self) -> str:
        return self.module if self.front_door else self.module.rpartition(".")[0]


def sources(root: Path) -> dict[str, Source]:
    """Every file of the package in folder `root`, by module name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        front_door = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if front_door else parts)
        text = path.read_text(encoding="utf-8")
        found[module] = Source(module, path, text, ast.parse(text, str(path)), front_door)
    return found


def imports(files: dict[str, Source]) -> list[Import]:
    """Every import statement, and every import_module and __import__ of a literal name, wherever it stands."""
    return [found for source in files.values() for found in _of_file(source, files)]


def _of_file(source: Source, files: dict[str, Source]) -> Iterator[Import]:
    deferred = {
        id(inner)
        for outer in ast.walk(source.tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(source.tree):
        for name in _names(node, source, files):
            yield Import(source.module, name, getattr(node, "lineno", 0), id(node) in deferred)


def _names(node: ast.AST, source: Source, files: dict[str, Source]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = _absolute(node.module or "", node.level, source.package)
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield inner if inner in files else base
    elif isinstance(node, ast.Call) and _called(node) in {"import_module", "__import__"}:
        given = [*node.args, *(keyword.value for keyword in node.keywords if keyword.arg == "name")]
        if given and isinstance(given[0], ast.Constant) and isinstance(given[0].value, str):
            name = given[0].value
            level = len(name) - len(name.lstrip("."))
            yield _absolute(name.lstrip("."), level, source.package)


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _absolute(name: str, level: int, package: str) -> str:
    if not level:
        return name
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - level + 1], *([name] if name else [])])


def cycles(edges: list[tuple[str, str]]) -> list[list[str]]:
    """The groups of modules that import each other, directly or by way of others (Tarjan's components)."""
    graph: dict[str, set[str]] = {}
    for start, end in edges:
        graph.setdefault(start, set()).add(end)
        graph.setdefault(end, set())
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(module: str) -> None:
        order[module] = low[module] = len(order)
        stack.append(module)
        for other in sorted(graph[module]):
            if other not in order:
                visit(other)
                low[module] = min(low[module], low[other])
            elif other in stack:
                low[module] = min(low[module], order[other])
        if low[module] == order[module]:
            group = stack[stack.index(module) :]
            del stack[stack.index(module) :]
            if len(group) > 1 or module in graph[module]:
                groups.append(sorted(group))

    for module in sorted(graph):
        if module not in order:
            visit(module)
    return groups
