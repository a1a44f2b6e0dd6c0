"""The command line: what it prints where, the codes it exits with, and one sentence for every error."""

import shutil
from pathlib import Path

import pytest
from small_study import write_study
from typer.testing import CliRunner

from benchshadow.cli import app
from benchshadow.train import loop

ONE = ("replicates = [0, 1]", "replicates = [0]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with the small study's file and its result."""
    from benchshadow.studies.grid import study_run

    place = tmp_path_factory.mktemp("cli")
    study_run(write_study(place, ONE), out=place / "out", workers=1)
    return place


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return shutil.copytree(folder, tmp_path / "copy")


def run_of(folder: Path, arm: str) -> Path:
    (found,) = (path for path in folder.glob(f"out/runs/{arm}.0.*") if path.is_dir())
    return found


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_the_verbs(flag):
    said = CliRunner().invoke(app, [flag])
    assert said.exit_code == 0
    for verb in ("demo", "study", "footprint", "verify", "report", "cite"):
        assert verb in said.output
    assert all(verb in CliRunner().invoke(app, ["study", flag]).output for verb in ("run", "status", "report"))


def test_every_verb_has_help_that_ends_well():
    for verb in (["demo"], ["footprint"], ["verify"], ["report"], ["cite"], *(["study", v] for v in ("run", "status"))):
        said = CliRunner().invoke(app, [*verb, "--help"])
        assert said.exit_code == 0
        assert "--json" in said.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"], ["study", "nonsense"], ["study", "run"], ["verify"], ["cite", "--nonsense"],
        ["study", "run", "study.toml", "--workers", "0"], ["study", "run", "study.toml", "--workers", "two"],
    ],
)  # fmt: skip
def test_wrong_usage_ends_with_two(say, arguments):
    said = say(*arguments)
    assert said.code == 2
    assert said.out == ""
    assert "Traceback" not in said.err


def test_a_plan_says_the_size_and_does_nothing(say, tmp_path):
    file = write_study(tmp_path)
    said = say("study", "run", file, "--plan")
    assert said.code == 0
    assert "nothing was done" in said.out
    planned = say("study", "run", file, "--plan", "--json")
    assert planned.only["runs"] == 8
    assert planned.only["tokens"] == 8 * 512 + 384
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_the_plan_of_a_footprint_names_its_parts_and_does_nothing(say, folder, tmp_path):
    (base,) = folder.glob("out/bases/base.*/checkpoints/*")
    said = say("footprint", base, "--out", tmp_path / "out", "--plan")
    assert said.code == 0
    assert "nothing was done" in said.out
    for part in ("read files", "read bytes", "compute spectra", "write", "estimate seconds"):
        assert part in said.out
    assert "{" not in said.out
    assert list(tmp_path.iterdir()) == []


def test_the_plan_of_the_demo_is_of_its_file(say, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    planned = say("demo", "--plan", "--json").only
    assert planned["runs"] == 18
    assert list(tmp_path.iterdir()) == []


def test_a_study_runs_and_prints_one_object_for_machines(say, folder):
    said = say("study", "run", folder / "study.toml", "--workers", "1", "--json")
    assert said.code == 0
    assert said.only["runs"] == {"whole": 4, "failed": 0, "planned": 4}
    assert (folder / "out" / "report.html").is_file()


def test_a_study_prints_its_tables_and_sentences_for_people(say, folder):
    said = say("study", "run", folder / "study.toml", "--workers", "1", "--strict")
    assert said.code == 0
    for part in (
        "Outcomes",
        "Footprint of the change",
        "What can be said",
        "aligned",
        "Everything here is descriptive",
    ):
        assert part in said.out
    assert said.err == ""


def test_status_counts_whole_runs(say, copy):
    shutil.rmtree(run_of(copy, "half"))
    said = say("study", "status", copy / "study.toml")
    assert said.code == 0
    assert "half, replicate 0: waiting" in said.out
    assert "4 of 5 whole" in said.out
    rows = say("study", "status", copy / "study.toml", "--json").only["runs"]
    assert rows["half, replicate 0"] == "waiting"
    assert rows["aligned, replicate 0"] == "whole"


def test_a_failed_run_is_a_remark_and_under_strict_an_incomplete_end(say, copy, monkeypatch):
    shutil.rmtree(run_of(copy, "half"))

    def train(*_, **__):
        raise loop.Diverged("half.0: the loss is nan at step 2; lower the learning rate")

    monkeypatch.setattr(loop, "train", train)
    said = say("study", "run", copy / "study.toml", "--workers", "1", "--json")
    assert said.code == 0
    assert said.only["runs"]["failed"] == 1
    assert said.err == "half, replicate 0 failed: half.0: the loss is nan at step 2; lower the learning rate\n"
    strict = say("study", "run", copy / "study.toml", "--workers", "1", "--strict", "--json")
    assert strict.code == 4
    assert strict.only["runs"]["whole"] == 3
    assert "1 of 4 runs failed" in strict.err


def test_a_broken_study_file_is_one_sentence(say, tmp_path):
    file = write_study(tmp_path, ("dose = 0.5", "doze = 0.5"))
    for flags in ([], ["--json"], ["--plan"]):
        said = say("study", "run", file, *flags)
        assert said.code == 3
        assert said.sentence == f"benchshadow: {file}: arms.half.doze: no such key; did you mean 'dose'?"
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_what_is_not_there_is_one_sentence(say, tmp_path):
    for arguments in (
        ["study", "run", tmp_path / "nowhere.toml"],
        ["study", "status", tmp_path / "nowhere.toml"],
        ["study", "report", tmp_path / "nowhere.toml"],
        ["report", tmp_path / "nowhere"],
        ["verify", tmp_path / "a", tmp_path / "b"],
        ["footprint", tmp_path / "nowhere", "--out", tmp_path / "out"],
    ):
        said = say(*arguments)
        assert said.code == 3, arguments
        assert said.sentence.startswith(f"benchshadow: {tmp_path}")
    assert list(tmp_path.iterdir()) == []


def test_other_work_in_the_folder_is_one_sentence(say, folder, tmp_path):
    said = say("study", "run", write_study(tmp_path, ("seed = 3", "seed = 4")), "--out", folder / "out")
    assert said.code == 3
    assert "holds other work" in said.sentence


def test_verify_passes_on_arms_and_fails_on_what_was_altered(say, copy):
    runs = [run_of(copy, arm) for arm in ("control", "aligned", "half", "A-A")]
    said = say("verify", *runs)
    assert said.code == 0
    assert "the manifests differ in the declared treatment and in nothing else" in said.out
    assert say("verify", *runs, "--json").only["undeclared"] == []
    manifest = runs[1] / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    assert text.count('"clip": 1.0') == 3
    manifest.write_text(text.replace('"clip": 1.0', '"clip": 2.0', 1), encoding="utf-8")
    altered = say("verify", *runs)
    assert altered.code == 3
    assert "UNDECLARED" in altered.out
    assert altered.err.startswith("undeclared difference: ")
    assert len(say("verify", *runs, "--json").only["undeclared"]) >= 2
    assert say("verify", runs[0]).code == 3


def test_a_report_is_written_anew_and_its_place_printed(say, copy):
    (copy / "out" / "report.html").unlink(missing_ok=True)
    for arguments in (["report", copy / "out"], ["study", "report", copy / "study.toml"]):
        said = say(*arguments)
        assert (said.code, said.out) == (0, f"{copy / 'out' / 'report.html'}\n")
        assert (copy / "out" / "report.html").is_file()
    assert say("report", copy / "out", "--json").only["report"] == str(copy / "out" / "report.html")


def test_the_figures_of_a_report_are_drawn_as_files(say, copy, tmp_path):
    said = say("report", copy / "out", "--figures", tmp_path / "figures", "--json")
    figures = [Path(each) for each in said.only["figures"]]
    assert len(figures) > 3
    assert all(figure.read_text(encoding="utf-8").startswith("<svg") for figure in figures)


def test_a_report_of_what_is_no_study_is_refused(say, tmp_path):
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    said = say("report", tmp_path)
    assert said.code == 3
    assert "must hold a study" in said.sentence
    assert say("report", tmp_path / "letter.txt").code == 3


def test_cite_prints_the_software_and_the_preprint(say):
    said = say("cite")
    assert said.code == 0
    assert said.out.count("@") == 2
    assert "2604.07363" in said.out
    assert say("cite", "--json").only["bibtex"] in said.out


def test_an_interruption_ends_with_130_and_says_how_to_go_on(say, folder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("benchshadow.studies.grid.study_run", interrupted)
    said = say("study", "run", folder / "study.toml")
    assert said.code == 130
    assert said.sentence == "benchshadow: interrupted; the same command goes on from here"


def test_an_unknown_side_of_rounding_is_one_sentence(say, tmp_path):
    said = say("footprint", tmp_path, "--rounded-sides", "left")
    assert said.code == 3
    assert said.sentence == "benchshadow: --rounded-sides: must be one of tuned, both, unknown but is 'left'"
