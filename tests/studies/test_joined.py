"""Runs that were trained elsewhere join a study: measured like its own, with scores brought along where they are."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from small_study import write_study

from benchshadow.errors import InputError
from benchshadow.records import read, read_json, sealed, write_json
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_run
from benchshadow.studies.running.verification import verify
from benchshadow.train import loop

LESS = (
    ("replicates = [0, 1]", "replicates = [0]"),
    ('[arms.half]\nsource = "benchmark"\ndose = 0.5\n', ""),
    ('"half", ', ""),
)
ENTRY = '\n[[runs]]\narm = "aligned"\nreplicate = {replicate}\nstep = {step}\ncheckpoint = "{checkpoint}"\n'
SCORES = {"held-out items": {"accuracy": 0.75}, "broad text": {"bits_per_byte": 3.5}}


def with_runs(folder: Path, *entries: str) -> Path:
    file = write_study(folder, *LESS)
    file.write_text(file.read_text(encoding="utf-8") + "".join(entries), encoding="utf-8")
    return file


def entry(checkpoint, step=4, replicate=0, results=None) -> str:
    text = ENTRY.format(checkpoint=checkpoint, step=step, replicate=replicate)
    return text + (f'results = "{results}"\n' if results else "")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """The study without its arm's runs named, and the checkpoints that it trained of that arm."""
    folder = tmp_path_factory.mktemp("elsewhere")
    done = study_run(with_runs(folder), out=folder / "out", workers=1)
    (run,) = (path for path in done.folder.glob("runs/aligned.0.*") if path.is_dir())
    return done.folder, run


@pytest.fixture(scope="module")
def joined(elsewhere, tmp_path_factory):
    """The study that takes two of these checkpoints, with scores brought along for the last."""
    folder = tmp_path_factory.mktemp("joined")
    (folder / "scores.json").write_text(json.dumps(SCORES), encoding="utf-8")
    places = [elsewhere[1] / "checkpoints" / f"step-{step:06d}" for step in (2, 4)]
    entries = entry(places[0], 2), entry(places[1], 4, results=folder / "scores.json")
    with pytest.MonkeyPatch.context() as patch:
        trained = []
        real = loop.train

        def train(*args, **settings):
            trained.append(args[3].name)
            return real(*args, **settings)

        patch.setattr(loop, "train", train)
        done = study_run(with_runs(folder, *entries), out=folder / "out", workers=1)
    assert done.failed == {}
    assert not [name for name in trained if name.startswith("aligned")]
    return done


def values(folder, **wanted) -> dict[tuple, float]:
    table = read(folder).filter(pl.col("role") != "study" if wanted.get("step") is None else pl.lit(True))
    for key, value in wanted.items():
        table = table.filter(pl.col(key) == value)
    keys = ["of", "benchmark", "tensor", "role", "depth", "tower", "side", "diagnostic", "parameter", "method"]
    return {tuple(row[:-1]): row[-1] for row in table.select(*keys, "value").iter_rows()}


def run_of(folder: Path) -> Path:
    (found,) = (path for path in folder.glob("runs/aligned.0.*") if path.is_dir())
    return found


def test_the_footprint_of_a_joined_checkpoint_is_that_of_the_trained_one(elsewhere, joined):
    for step in (2, 4):
        for of in ("change", "model"):
            wanted = values(elsewhere[1], step=step, of=of)
            assert len(wanted) > 10
            assert values(run_of(joined.folder), step=step, of=of) == wanted
    assert set(read(run_of(joined.folder))["step"]) == {2, 4}


def test_scores_that_were_brought_along_take_the_place_of_ours_and_others_are_scored(elsewhere, joined):
    ours, theirs = (read(folder).filter(pl.col("of") == "outcome") for folder in (elsewhere[1], run_of(joined.folder)))
    last = theirs.filter(pl.col("step") == 4)
    brought = last.filter(pl.col("method") == "elsewhere")
    baseline = next(
        task["baseline"]
        for task in read_json(run_of(joined.folder) / "manifest.json")["evaluation"]
        if task["benchmark"] == "held-out items"
    )
    assert {tuple(row) for row in brought.select("benchmark", "diagnostic", "value").iter_rows()} == {
        ("held-out items", "accuracy", 0.75),
        ("held-out items", "centred_score", (0.75 - baseline) / (1 - baseline)),
        ("broad text", "bits_per_byte", 3.5),
    }
    columns = ["benchmark", "diagnostic", "value"]
    for step, tasks in ((4, ["seen items", "other skills"]), (2, ["seen items", "held-out items", "broad text"])):
        chosen = pl.col("benchmark").is_in(tasks), pl.col("step") == step
        wanted = {tuple(row) for row in ours.filter(*chosen).select(columns).iter_rows()}
        assert {tuple(row) for row in theirs.filter(*chosen).select(columns).iter_rows()} == wanted
    items = pl.read_parquet(run_of(joined.folder) / "items.parquet").filter(pl.col("step") == 4)
    assert set(items["benchmark"]) == {"seen items", "other skills"}


def test_claims_rest_on_the_scores_that_were_brought_along(joined):
    (row,) = (row for row in joined.summary["table"] if (row["arm"], row["measure"]) == ("aligned", "held-out items"))
    assert row["mean"] == 0.75


def test_the_manifest_says_that_nothing_proves_what_the_run_was_fed(joined):
    manifest = read_json(run_of(joined.folder) / "manifest.json")
    assert sealed(manifest)
    assert manifest["kind"] == "joined run"
    assert [each["step"] for each in manifest["joined"]] == [2, 4]
    assert "data" not in manifest
    control = next(path for path in joined.folder.glob("runs/control.0.*") if path.is_dir())
    with pytest.raises(InputError, match="was trained elsewhere, so that nothing proves what it was fed"):
        verify([control, run_of(joined.folder)])


def test_another_file_of_scores_is_another_run(joined, elsewhere, tmp_path):
    from benchshadow.studies.running.runs import plan_runs

    scores = tmp_path / "scores.json"
    keys = set()
    for accuracy in (0.5, 0.25):
        scores.write_text(json.dumps({"held-out items": {"accuracy": accuracy}}), encoding="utf-8")
        file = with_runs(tmp_path, entry(elsewhere[1] / "checkpoints" / "step-000004", results=scores))
        keys |= {run.key for run in plan_runs(read_study(file))[1] if run.arm == "aligned"}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ([entry("x", step=2)], "runs must hold step 4 of 'aligned', replicate 0, but hold others only"),
        ([entry("x", step=3)], "runs.0.step must be one of 1, 2, 4 but is 3"),
        ([entry("x", replicate=5)], "runs.0.replicate must be one of 0 but is 5"),
        ([entry("x")] * 2, "runs.1 must be the only one of its arm, replicate and step but is named twice"),
        ([entry("x").replace('"aligned"', '"aligne"')], "did you mean 'aligned'"),
        ([entry("x") + 'checkpont = "y"\n'], "checkpoint"),
    ],
)
def test_entries_that_do_not_fit_the_grid_are_refused(entries, sentence, tmp_path):
    with pytest.raises(InputError) as refused:
        read_study(with_runs(tmp_path, *entries))
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        ({"held-out item": {"accuracy": 0.5}}, "names 'held-out item'; did you mean 'held-out items'?"),
        ({"held-out items": {"acuracy": 0.5}}, "names 'acuracy'; did you mean 'accuracy'?"),
        ({"held-out items": {"accuracy": 1.5}}, "held-out items.accuracy: must be in [0, 1] but is 1.5"),
        ({"held-out items": {"accuracy": "high"}}, "must be a finite number but is 'high'"),
        ([0.5], "must hold an object of tasks"),
    ],
)
def test_scores_that_do_not_fit_the_study_fail_the_run_in_one_sentence(elsewhere, scores, sentence, tmp_path):
    (tmp_path / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    last = elsewhere[1] / "checkpoints" / "step-000004"
    file = with_runs(tmp_path, entry(last, results=tmp_path / "scores.json"))
    shutil.copytree(elsewhere[0] / "bases", tmp_path / "out" / "bases")
    done = _joined_into(file, tmp_path)
    assert sentence in done


def _joined_into(file: Path, folder: Path) -> str:
    """The sentence that the joined run fails with."""
    from benchshadow.studies.running.runs import execute, plan_runs

    study = read_study(file)
    run = next(run for run in plan_runs(study)[1] if run.arm == "aligned")
    with pytest.raises(InputError) as refused:
        execute(study, run, folder / "out")
    return str(refused.value)


def test_where_all_scores_were_brought_along_nothing_is_scored(elsewhere, tmp_path):
    from benchshadow.studies.running.runs import execute, plan_runs

    exact = {task: {"accuracy": 0.5} for task in ("seen items", "held-out items", "other skills")}
    scores = {**exact, "broad text": {"bits_per_byte": 2.0}}
    (tmp_path / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    shutil.copytree(elsewhere[0] / "bases", tmp_path / "out" / "bases")
    last = elsewhere[1] / "checkpoints" / "step-000004"
    study = read_study(with_runs(tmp_path, entry(last, results=tmp_path / "scores.json")))
    run = next(run for run in plan_runs(study)[1] if run.arm == "aligned")
    execute(study, run, tmp_path / "out")
    records = read(tmp_path / "out" / "runs").filter(pl.col("of") == "outcome")
    assert set(records["method"]) == {"elsewhere"}
    assert set(records["benchmark"]) == set(scores)
    assert pl.read_parquet(run_of(tmp_path / "out") / "items.parquet").height == 0


EQUALISER = "\n[equaliser]\nsteps = 1\nexamples = 4\nlearning_rate = 1e-2\nsequences = 2\n"


def test_after_the_equaliser_every_task_is_scored_here(elsewhere, tmp_path):
    from benchshadow.studies.running.runs import execute, plan_runs

    (tmp_path / "scores.json").write_text(json.dumps(SCORES), encoding="utf-8")
    shutil.copytree(elsewhere[0] / "bases", tmp_path / "out" / "bases")
    last = elsewhere[1] / "checkpoints" / "step-000004"
    study = read_study(with_runs(tmp_path, EQUALISER, entry(last, results=tmp_path / "scores.json")))
    run = next(run for run in plan_runs(study)[1] if run.arm == "aligned")
    execute(study, run, tmp_path / "out")
    records = read(tmp_path / "out" / "runs").filter(pl.col("of") == "outcome")
    before, after = (records.filter(pl.col("split").eq_missing(pl.lit(split))) for split in (None, "equalised"))
    assert set(after["benchmark"]) == {task.name for task in study.tasks} == set(before["benchmark"])
    assert "elsewhere" not in set(after["method"])
    assert set(before.filter(pl.col("method") == "elsewhere")["benchmark"]) == set(SCORES)


def test_a_checkpoint_of_another_vocabulary_is_refused(elsewhere, tmp_path):
    from transformers import LlamaConfig, LlamaForCausalLM

    small = LlamaConfig(vocab_size=7, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2)
    LlamaForCausalLM(small).save_pretrained(tmp_path / "strange")
    shutil.copytree(elsewhere[0] / "bases", tmp_path / "out" / "bases")
    file = with_runs(tmp_path, entry(tmp_path / "strange"))
    assert "but has a vocabulary of 7" in _joined_into(file, tmp_path)


def test_a_checkpoint_of_another_vocabulary_is_refused_before_anything_runs(elsewhere, tmp_path):
    shutil.copytree(elsewhere[1] / "checkpoints" / "step-000004", tmp_path / "strange")
    config = tmp_path / "strange" / "config.json"
    write_json(config, {**read_json(config), "vocab_size": 7})
    with pytest.raises(InputError, match=r"strange: must have a row for each of the study's \d+ tokens but has .* 7"):
        study_run(with_runs(tmp_path, entry(tmp_path / "strange")), out=tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()
