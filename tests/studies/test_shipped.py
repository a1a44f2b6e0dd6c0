"""Studies that ship are found by name from anywhere, and write nothing into the package."""

from pathlib import Path

import pytest

from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_plan
from benchshadow.studies.shipped import SHIPPED, shipped_file, study_place

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_study_is_found_by_its_name_and_can_be_planned(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file, home = study_place(Path(name))
    assert file == shipped_file(name)
    assert home == Path(name) / "out"
    assert read_study(file).name == name
    assert study_plan(file).runs > 10
    assert list(tmp_path.iterdir()) == []


def test_a_file_or_folder_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "repetition").mkdir()
    assert study_place(Path("repetition")) == (shipped_file("repetition"), Path("repetition/out"))
    (tmp_path / "repetition" / "study.toml").touch()
    assert study_place(Path("repetition")) == (Path("repetition/study.toml"), Path("repetition/out"))
    (tmp_path / "demo").touch()
    assert study_place(Path("demo")) == (Path("demo"), Path("out"))
    assert study_place(Path("some/where.toml")) == (Path("some/where.toml"), Path("some/out"))


def test_the_experiments_copy_is_the_one_that_ships():
    there = (EXPERIMENTS / "repetition" / "study.toml").read_text(encoding="utf-8")
    assert shipped_file("repetition").read_text(encoding="utf-8") == there


def test_the_repetition_study_asks_what_it_says():
    study = read_study(shipped_file("repetition"))
    pilot = read_study(EXPERIMENTS / "repetition" / "pilot.toml")
    assert pilot.seed != study.seed
    assert (pilot.settings, pilot.base, pilot.architecture) == (study.settings, study.base, study.architecture)
    repeats = {name: arm.repeats for name, arm in study.interventions.items() if hasattr(arm, "repeats")}
    equal_tokens, equal_unique = study.onsets["equal tokens"], study.onsets["equal unique examples"]
    for row in (equal_tokens, equal_unique):
        assert [repeats[arm] for arm in row.arms] == list(row.levels)
    assert {study.arms[arm].dose for arm in equal_tokens.arms} == {1.0}
    assert len({study.arms[arm].dose / repeats[arm] for arm in equal_unique.arms}) == 1
    tested = {
        (test.arm, test.measure) for family in study.families for test in family.tests if test.kind == "equivalence"
    }
    asked = {(arm, measure) for row in study.onsets.values() for arm in row.arms for measure in row.measures}
    assert asked <= tested
