"""The examples of the documentation run as they stand there, and no key of a TOML file is left without a word."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import polars as pl
import pytest

from benchshadow.cli import main
from benchshadow.data.interventions import Recipe
from benchshadow.studies.declaring.study import Study
from benchshadow.studies.grid import study_plan

DOCS = Path(__file__).parents[1] / "docs"


def block(page: str, language: str) -> str:
    """The only code block of a page in a language; "" is one of commands."""
    blocks = re.findall(r"^```(.*?)\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    (found,) = [content for named, content in blocks if named == language]
    return found


def test_the_recipe_of_the_page_runs_with_the_page_s_own_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(block("recipes.md", "python"), "recipes.md", "exec"), {})
    Path("recipe.toml").write_text(block("recipes.md", "toml"), encoding="utf-8")
    ran = []
    for line in block("recipes.md", "").splitlines():
        program, *words = shlex.split(line)
        if program == "export":
            monkeypatch.setenv(*words[0].split("=", 1))
            continue
        arguments = [
            path for word in words for path in (sorted(map(str, Path().glob(word))) if "*" in word else [word])
        ]
        monkeypatch.setattr(sys, "argv", [program, *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code in (0, None)
        ran.append(words[0])
    assert ran == ["intervene", "verify"]
    assert capsys.readouterr().out.endswith("the manifests differ in the declared treatment and in nothing else\n")
    made = sorted(path.name for path in Path("made/arms").iterdir())
    assert made == ["aligned", "control", "coverage", "format-only", "items", "placebo", "repeated"]
    told = dict(pl.read_parquet("made/items.parquet").group_by("side").len().iter_rows())
    assert told == {"seen": 300, "held out": 300}


def test_the_table_of_what_comes_out_names_files_that_are_written():
    page = (DOCS / "recipes.md").read_text(encoding="utf-8")
    from benchshadow.data.interventions.build import ITEMS, MANIFEST
    from benchshadow.data.packing import TOKENS
    from benchshadow.data.packing.store import DOCUMENTS

    for name in (f"arms/<name>/{TOKENS}", f"arms/<name>/{DOCUMENTS}", f"arms/<name>/{MANIFEST}", ITEMS):
        assert f"| `{name}` |" in page


def test_the_study_of_the_page_holds_to_every_rule(tmp_path):
    file = tmp_path / "study.toml"
    file.write_text(block("studies.md", "toml"), encoding="utf-8")
    plan = study_plan(file)
    assert (plan.runs, plan.bases) == (24, 6)
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


@pytest.mark.parametrize("model", [Recipe, Study], ids=["recipe", "study"])
def test_every_key_says_what_it_is(model, monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    from models_to_tables import undescribed

    assert undescribed(model) == []


def test_a_key_without_a_word_is_found_wherever_it_stands(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    from models_to_tables import sections, undescribed
    from pydantic import BaseModel, Field

    class Inner(BaseModel):
        """Below."""

        silent: int = 1
        told: float = Field(0.5, gt=0, description="a | b")

    class Outer(BaseModel):
        """Above."""

        by_name: dict[str, Inner] = Field({}, description="some")
        listed: tuple[Inner, ...] = Field((), description="more")

    assert undescribed(Outer) == ["Inner.silent"]
    page = sections(Outer)
    assert "## `[by_name.NAME]` and `[[listed]]`" in page
    assert "| `told` | number, above 0 | `0.5` | a \\| b |" in page
    assert "| `listed` | list of [`[[listed]]`](#by_namename-and-listed) | none | more |" in page
