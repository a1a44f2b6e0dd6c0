"""Imports point down the table of rooms, nothing imports in a circle, and every file opens with its one idea."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from layout import Import, Source, cycles, imports, sources

PACKAGE = Path(__file__).parents[1] / "src" / "benchshadow"

# The table of ARCHITECTURE.md: a line may import those below it, never above, and never its neighbours.
LINES = [
    ["__main__"],
    ["cli"],
    ["studies", "report"],
    ["train", "evaluate"],
    ["checkpoints", "data"],
    ["spectra", "stats", "records"],
    ["_registry"],
    ["errors"],
]
LEVEL = {room: level for level, line in enumerate(LINES) for room in line}
# The same of the rooms inside studies.
INNER_LINES = [
    ["demo"],
    ["grid", "merge", "shipped"],
    ["causal"],
    ["conclusions"],
    ["running"],
    ["audits"],
    ["preparing"],
    ["declaring", "footprints", "engines"],
]
INNER_LEVEL = {room: level for level, line in enumerate(INNER_LINES) for room in line}

WITHOUT_TORCH = {"spectra", "checkpoints", "stats", "records", "report", "_registry", "errors"}
HEAVY = {"torch", "transformers", "accelerate", "tokenizers"}
# The files that know how to reach torch, each only inside functions that are called where it is wanted: an accelerator,
# a pickled checkpoint (torch's restricted unpickler is the only one we trust), tensors that live in torch.
REACHES_TORCH = {
    "benchshadow.spectra.engines",
    "benchshadow.spectra.device",
    "benchshadow.checkpoints.pickled",
    "benchshadow.checkpoints.torch_tensors",
}

LONGEST = 350


def room_of(module: str) -> str:
    """The room of a module: the name below the root; empty for the root itself."""
    return [*module.split("."), ""][1]


def wrong_rooms(files: dict[str, Source]) -> Iterator[str]:
    """Imports that the table forbids, and rooms that it does not know."""
    for module in files:
        if room_of(module) and room_of(module) not in LEVEL:
            yield f"{module} is in no room of the table"
    for each in imports(files):
        if each.imported.split(".")[0] == "benchshadow":
            yield from _wrong(each)


def _wrong(each: Import) -> Iterator[str]:
    room, other = room_of(each.importer), room_of(each.imported)
    if not room:  # the root is a front door: it may open every room, but only when asked
        if not each.deferred:
            yield f"{each}, at import and not when asked"
    elif not other:
        yield f"{each}: nothing inside imports the root"
    elif other != room and LEVEL.get(room, -1) >= LEVEL.get(other, -1):
        yield f"{each}: '{other}' is not below '{room}'"


def wrong_inner_rooms(files: dict[str, Source]) -> Iterator[str]:
    """The same between the rooms of studies."""
    inside = "benchshadow.studies."
    for module in files:
        if module.startswith(inside) and inner_room_of(module) not in INNER_LEVEL:
            yield f"{module} is in no room of the table"
    for each in imports(files):
        if each.importer.startswith(inside) and each.imported.startswith(inside):
            room, other = inner_room_of(each.importer), inner_room_of(each.imported)
            if room != other and INNER_LEVEL.get(room, -1) >= INNER_LEVEL.get(other, -1):
                yield f"{each}: '{other}' is not below '{room}'"


def inner_room_of(module: str) -> str:
    return module.split(".")[2]


def heavy_imports(files: dict[str, Source]) -> Iterator[str]:
    """Imports of torch and its kin where scanning a checkpoint must work without them."""
    for each in imports(files):
        if each.imported.split(".")[0] in HEAVY and room_of(each.importer) in WITHOUT_TORCH:
            allowed = each.importer in REACHES_TORCH and each.deferred
            if not allowed:
                yield str(each)


def circles(files: dict[str, Source]) -> list[list[str]]:
    """Files that import each other."""
    return cycles([(each.importer, each.imported) for each in imports(files) if each.imported in files])


def without_first_line(files: dict[str, Source]) -> Iterator[str]:
    """Files that do not open, on their first line, with a docstring."""
    for source in files.values():
        body = source.tree.body
        if not ast.get_docstring(source.tree) or body[0].lineno != 1:
            yield source.module


def too_long(files: dict[str, Source]) -> Iterator[str]:
    """Files in which some idea wants a file of its own."""
    for source in files.values():
        lines = len(source.text.splitlines())
        if lines > LONGEST:
            yield f"{source.module}: {lines} lines, at most {LONGEST}"


@pytest.fixture(scope="module")
def files() -> dict[str, Source]:
    return sources(PACKAGE)


def test_imports_point_down_the_table_of_rooms(files):
    assert list(wrong_rooms(files)) == []


def test_imports_point_down_the_rooms_of_studies(files):
    assert list(wrong_inner_rooms(files)) == []


def test_the_rooms_below_training_need_no_torch(files):
    assert list(heavy_imports(files)) == []


def test_no_file_imports_in_a_circle(files):
    assert circles(files) == []


def test_every_file_opens_with_its_one_idea(files):
    assert list(without_first_line(files)) == []


def test_no_file_is_longer_than_one_idea(files):
    assert list(too_long(files)) == []


def test_every_room_of_the_table_is_there_and_the_table_stands_in_the_map(files):
    rooms = LEVEL.keys() - {"__main__"}
    assert {room_of(module) for module in files} - {"", "__main__"} == rooms
    text = (PACKAGE.parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert sorted(room for room in rooms if room not in text) == []


# The test of the test: each rule is broken once, in a package made for it.


def planted(folder: Path, **texts: str) -> dict[str, Source]:
    """A package `benchshadow` with the given files (`data__tasks` is data/tasks.py) and empty front doors."""
    root = folder / "benchshadow"
    for name, text in {"__init__": "", **texts}.items():
        path = root.joinpath(*name.removesuffix("____init__").split("__")) if name != "__init__" else root / name
        path = path / "__init__.py" if name.endswith("____init__") else path.with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        for parent in path.relative_to(root).parents:
            (root / parent / "__init__.py").touch()
    return sources(root)


UPWARD = {
    "absolute": "from benchshadow.train import loop",
    "absolute name": "from benchshadow.train.loop import run",
    "plain": "import benchshadow.train.loop as loop",
    "root": "from benchshadow import train",
    "relative": "from ..train.loop import run",
    "relative room": "from .. import train",
    "deferred": "def later():\n    from ..train.loop import run",
    "in a method": "class A:\n    async def f(self):\n        import benchshadow.train",
    "type checking": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..train.loop import run",
    "import_module": "import importlib\nimportlib.import_module('benchshadow.train.loop')",
    "bare import_module": "from importlib import import_module\nimport_module('..train', __package__)",
    "named import_module": "from importlib import import_module\nimport_module(name='benchshadow.train')",
    "__import__": "__import__('benchshadow.train.loop')",
}


@pytest.mark.parametrize("text", UPWARD.values(), ids=UPWARD.keys())
def test_an_upward_import_is_seen_however_it_is_written(text, tmp_path):
    files = planted(tmp_path, data__tasks=text, train__loop="run = 1")
    (found,) = wrong_rooms(files)
    assert "benchshadow.data.tasks:" in found
    assert "'train' is not below 'data'" in found


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("evaluate", "train"),
        ("train", "evaluate"),
        ("report", "studies"),
        ("checkpoints", "data"),
        ("data", "checkpoints"),
        ("stats", "spectra"),
        ("spectra", "records"),
        ("records", "stats"),
        ("studies", "cli"),
        ("errors", "_registry"),
        ("_registry", "spectra"),
    ],
)
def test_neighbours_and_rooms_above_are_forbidden(importer, imported, tmp_path):
    files = planted(tmp_path, **{f"{importer}__a": f"from ..{imported} import b", f"{imported}__c": "b = 1"})
    assert len(list(wrong_rooms(files))) == 1


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("data", "spectra"),
        ("data", "stats"),
        ("checkpoints", "spectra"),
        ("train", "data"),
        ("evaluate", "data"),
        ("studies", "train"),
        ("report", "stats"),
        ("cli", "report"),
        ("spectra", "_registry"),
        ("stats", "errors"),
        ("data", "data"),
    ],
)
def test_what_the_table_allows_is_allowed(importer, imported, tmp_path):
    files = planted(tmp_path, **{f"{importer}__a": f"from ..{imported}.c import b", f"{imported}__c": "b = 1"})
    assert list(wrong_rooms(files)) == []


def test_the_root_opens_its_rooms_only_when_asked_and_nobody_inside_imports_it(tmp_path):
    eager = planted(tmp_path / "eager", __init__="from .data import a", data____init__="a = 1")
    lazy = planted(tmp_path / "lazy", __init__="def __getattr__(n):\n    from .data import a", data____init__="a = 1")
    inside = planted(tmp_path / "inside", __init__="version = 1", data__b="from benchshadow import version")
    (at_import,) = wrong_rooms(eager)
    (root,) = wrong_rooms(inside)
    assert "not when asked" in at_import
    assert list(wrong_rooms(lazy)) == []
    assert "nothing inside imports the root" in root


def test_a_room_that_the_table_does_not_know_is_named(tmp_path):
    assert list(wrong_rooms(planted(tmp_path, utils__text=""))) == [
        "benchshadow.utils is in no room of the table",
        "benchshadow.utils.text is in no room of the table",
    ]


def test_torch_is_seen_outside_the_files_that_may_reach_it(tmp_path):
    files = planted(
        tmp_path,
        spectra__engines="def f():\n    import torch",
        spectra__ranks="def f():\n    from torch import nn",
        checkpoints__reader="import transformers.models",
        train__loop="import torch",
    )
    assert list(heavy_imports(files)) == [
        "benchshadow.checkpoints.reader:1 imports transformers.models",
        "benchshadow.spectra.ranks:2 imports torch",
    ]
    at_import = planted(tmp_path / "other", spectra__engines="import torch")
    assert list(heavy_imports(at_import)) == ["benchshadow.spectra.engines:1 imports torch"]


def test_a_circle_of_files_is_seen_even_by_way_of_a_third_and_inside_functions(tmp_path):
    files = planted(
        tmp_path,
        data__a="from .b import x",
        data__b="def f():\n    from . import c",
        data__c="import benchshadow.data.a",
        data__d="from .a import y",
    )
    assert circles(files) == [["benchshadow.data.a", "benchshadow.data.b", "benchshadow.data.c"]]
    door = planted(tmp_path / "door", data____init__="from .a import x", data__a="from . import y")
    assert circles(door) == [["benchshadow.data", "benchshadow.data.a"]]


def test_a_missing_first_line_and_a_long_file_are_named(tmp_path):
    files = planted(
        tmp_path,
        __init__='"""A root."""',
        errors='"""Good."""',
        _registry='# a comment\n"""Late."""',
        cli='"""Long."""\n' + "x = 1\n" * LONGEST,
    )
    assert list(without_first_line(files)) == ["benchshadow._registry"]
    assert list(too_long(files)) == [f"benchshadow.cli: {LONGEST + 1} lines, at most {LONGEST}"]
