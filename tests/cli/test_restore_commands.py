"""The verbs of the causal test and of merging: what they print, and the codes that they end with."""

import json
import shutil
from pathlib import Path

import pytest
from model_pairs import changed, llama, noise, save
from small_study import write_study


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[Path, Path]:
    folder, base = tmp_path_factory.mktemp("pair"), llama(layers=1)
    return save(base, folder / "base"), save(changed(base, noise), folder / "tuned")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """A small study of one replicate and three arms, and its result beside it."""
    from benchshadow.studies.grid import study_run

    place = tmp_path_factory.mktemp("study")
    less = ('[arms.half]\nsource = "benchmark"\ndose = 0.5\n', ""), ('"half", ', "")
    file = write_study(place, ("replicates = [0, 1]", "replicates = [0]"), *less)
    study_run(file, out=place / "out", workers=1)
    return file


def test_restore_says_how_much_lay_along_the_directions(say, pair, tmp_path):
    how = [*pair, "--directions", "top:2", "--scale", "0.5", "--out", tmp_path / "out"]
    code, out, _ = say("restore", *how)
    assert code == 0
    assert "directions top:2" in out
    assert "of the energy of the change of 7 matrices; they were scaled by 0.5" in out
    code, out, _ = say("restore", *how, "--json")
    summary = json.loads(out)
    assert (code, summary["directions"], summary["scale"]) == (0, "top:2", 0.5)
    assert summary["moved_norm"] == pytest.approx(0.5 * summary["change_norm"] * summary["energy_share"] ** 0.5)


def test_a_plan_of_restore_does_nothing(say, pair, tmp_path):
    how = ["restore", *pair, "--directions", "intruders", "--scale", "0", "--out", tmp_path / "out", "--plan"]
    code, out, _ = say(*how)
    assert code == 0
    assert "nothing was done" in out
    assert json.loads(say(*how, "--json")[1])["plan"] is True
    assert not (tmp_path / "out").exists()


def test_bad_directions_are_one_sentence_and_code_three(say, pair, tmp_path):
    code, out, err = say("restore", *pair, "--directions", "best:2", "--scale", "0", "--out", tmp_path / "out")
    assert (code, out) == (3, "")
    assert err.count("\n") == 1
    assert "directions: must be intruders, top:K, random:K or random:intruders with K at least 1 but is 'best:2'" in err


def test_study_restore_prints_the_main_measures_and_writes_a_page(say, study, tmp_path):
    how = ["--arm", "aligned", "--directions", "top:1,random:1", "--scales", "0,1", "--workers", "1"]
    plan = json.loads(say("study", "restore", study, *how, "--out", tmp_path / "out", "--plan", "--json")[1])
    assert (plan["checkpoints"], plan["runs"]) == (4, ["aligned, replicate 0"])
    assert not (tmp_path / "out").exists()
    code, out, _ = say("study", "restore", study, *how, "--out", tmp_path / "out")
    assert code == 0
    assert "scale 0" in out
    assert [line.split()[:2] for line in out.splitlines() if line.startswith(("narrow ", "broad "))] == [
        ["narrow", "top:1"], ["narrow", "random:1"], ["broad", "top:1"], ["broad", "random:1"],
    ]  # fmt: skip
    assert (tmp_path / "out" / "report.html").is_file()
    code, out, err = say("study", "restore", study, *how[:-4], "--scales", "0,x", "--out", tmp_path / "other")
    assert (code, out) == (3, "")
    assert "--scales: must be numbers in [0, 1] with commas between but holds 'x'" in err


def test_merge_prints_what_the_whole_says(say, study, tmp_path):
    again = shutil.copytree(study.parent / "out", tmp_path / "again")
    code, out, _ = say("study", "merge", study.parent / "out", again, "--out", tmp_path / "merged", "--json")
    assert code == 0
    assert json.loads(out)["runs"] == {"whole": 3, "failed": 0, "planned": 3}
    code, out, err = say("study", "merge", study.parent / "out", "--out", tmp_path / "other")
    assert (code, out) == (3, "")
    assert "study merge: needs two folders or more but was given 1" in err


def test_run_refuses_engines_and_replicates_that_are_none(say, study, tmp_path):
    code, _, err = say("study", "run", study, "--engine", "spark", "--out", tmp_path / "out")
    assert (code, "--engine: must be one of local, ray but is 'spark'" in err) == (3, True)
    code, _, err = say("study", "run", study, "--replicates", "0,x", "--out", tmp_path / "out")
    assert (code, "--replicates: must be whole numbers with commas between but is '0,x'" in err) == (3, True)
