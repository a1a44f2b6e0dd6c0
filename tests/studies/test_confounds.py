"""An arm under settings of its own: the control's documents and budget, and the differences that it declares."""

import json
import shutil

import numpy as np
import polars as pl
import pytest
from small_study import write_study

from benchshadow.errors import InputError
from benchshadow.records import read_json, seal, write_json
from benchshadow.studies.declaring.confounds import checkpoints_of, recut
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_run
from benchshadow.studies.running.verification import verify

ARMS = """
[arms.hot]
source = "broad"
settings = { learning_rate_times = 3, optimiser = "muon" }
[arms.small-batches]
source = "broad"
settings = { sequences = 2, length = 16 }
[arms.aligned-cold]
source = "benchmark"
dose = 0.5
settings = { learning_rate = 1e-3, sequences = 2 }
"""
HALF = '[arms.half]\nsource = "benchmark"\ndose = 0.5\n'
BASE = "[base.settings]\nsteps = 3\nsequences = 4\nlength = 32"


def changed(folder, settings, *more):
    return write_study(folder, (HALF, f'[arms.half]\nsource = "broad"\nsettings = {{ {settings} }}\n'), *more)


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    folder = tmp_path_factory.mktemp("confounds")
    file = write_study(folder, (HALF, HALF + ARMS), ("replicates = [0, 1]", "replicates = [0]"))
    done = study_run(file, out=folder / "out", workers=1)
    assert done.failed == {}
    return file, done.folder


def run_of(out, arm):
    (found,) = (out / "runs").glob(f"{arm.replace('/', '-')}.0.*[0-9a-f]/")
    return found


def manifest(out, arm):
    return read_json(run_of(out, arm) / "manifest.json")


def test_its_documents_are_the_controls_and_its_budget_is_equal(ran):
    _, out = ran
    control = manifest(out, "control")
    for arm in ("hot", "small-batches"):
        told = manifest(out, arm)
        assert told["data"]["order_sha256"] == control["data"]["order_sha256"]
        assert told["data"]["treated_sequences"] == 0
        assert told["data"]["budget"]["tokens"] == control["data"]["budget"]["tokens"] == 512
        assert told["results"]["weights_sha256"] != control["results"]["weights_sha256"]
        assert told["key"] != control["key"]
    cold, half = manifest(out, "aligned-cold")["data"], manifest(out, "half")["data"]
    for place in ("treated_positions_sha256", "treated_sequences", "control_order_sha256"):
        assert cold[place] == half[place]
    assert cold["treated_sequences"] == 8


def test_its_settings_are_the_studys_with_what_it_declares(ran):
    file, out = ran
    shared = manifest(out, "control")["settings"]
    assert manifest(out, "hot")["settings"] == {**shared, "learning_rate": 0.03, "optimiser": "muon"}
    small = {**shared, "steps": 16, "sequences": 2, "length": 16, "warmup": 4}
    assert manifest(out, "small-batches")["settings"] == small
    assert manifest(out, "small-batches")["checkpoint_steps"] == [4, 8, 16]
    assert len(pl.read_parquet(run_of(out, "small-batches") / "losses.parquet")) == 16
    assert checkpoints_of(read_study(file), "small-batches") == {1: 4, 2: 8, 4: 16}


def test_its_records_stand_at_equal_budget(ran):
    _, out = ran
    records = pl.read_parquet(run_of(out, "small-batches") / "records.parquet")
    here = records.filter(pl.col("of") == "outcome").select("step", "checkpoint").unique().sort("step")
    assert here["step"].to_list() == [1, 2, 4]
    assert [name.rpartition("/")[2] for name in here["checkpoint"]] == ["step-000004", "step-000008", "step-000016"]
    claims = [claim for claim in read_json(out / "claims.json") if claim["at"] == "last step"]
    assert {claim["arm"] for claim in claims if claim["comparable"]} >= {"hot", "small-batches", "aligned-cold"}
    (narrow,) = [claim for claim in claims if (claim["arm"], claim["measure"]) == ("small-batches", "narrow")]
    last = records.filter(pl.col("benchmark") == "held-out items", pl.col("diagnostic") == "centred_score")
    assert narrow["arm_mean"] == pytest.approx(last.filter(pl.col("step") == 4)["value"].item())


def test_tokens_are_cut_anew_in_their_order(ran):
    study = read_study(ran[0])
    ids = np.arange(512, dtype=np.int32).reshape(16, 32)
    found = recut(ids, study.settings_of("small-batches"))
    assert found.shape == (32, 16)
    assert np.array_equal(found.ravel(), ids.ravel())
    assert recut(ids, study.settings) is not None
    assert np.array_equal(recut(ids, study.settings), ids)


@pytest.mark.parametrize("arm", ["hot", "small-batches", "aligned-cold"])
def test_it_differs_from_its_control_as_declared(arm, ran):
    found = verify([run_of(ran[1], "control"), run_of(ran[1], arm)])
    assert found.undeclared == ()
    places = {each.field for each in found.declared}
    wanted = {
        "hot": {"settings.learning_rate", "settings.optimiser"},
        "small-batches": {"settings.sequences", "settings.length", "settings.steps", "data.budget.length"},
        "aligned-cold": {"settings.learning_rate", "settings.sequences", "data.treated_sequences"},
    }[arm]
    assert wanted <= places
    assert "settings.clip" not in places


def altered(folder, out, arm, change):
    content = manifest(out, arm)
    change(content)
    write_json(folder / f"{arm}.json", seal(content))
    return folder / f"{arm}.json"


CHANGES = {
    "settings.clip": lambda m: m["settings"].update(clip=2.0),
    "settings.learning_rate": lambda m: m["settings"].update(learning_rate=0.02),
    "settings.optimiser": lambda m: m["settings"].update(optimiser="sgd"),
    "data.budget.tokens": lambda m: m["data"]["budget"].update(tokens=500),
    "checkpoint_steps.0": lambda m: m["checkpoint_steps"].__setitem__(0, 3),
    "seeds.steps": lambda m: m["seeds"].update(steps=1),
}


@pytest.mark.parametrize(("field", "change"), CHANGES.items(), ids=CHANGES.keys())
def test_what_it_does_not_declare_is_found(field, change, ran, tmp_path):
    _, out = ran
    found = verify([run_of(out, "control"), altered(tmp_path, out, "hot", change)])
    assert field in {each.field for each in found.undeclared}


def test_an_arm_that_declares_nothing_may_not_have_anothers_settings(ran, tmp_path):
    _, out = ran
    given = altered(tmp_path, out, "half", lambda m: m["settings"].update(optimiser="muon"))
    found = verify([run_of(out, "control"), given])
    assert "settings.optimiser" in {each.field for each in found.undeclared}


REFUSED = {
    "sequences = 3": "arms.half.settings: sequences x length must divide the budget of 512 tokens but is 96",
    "sequences = 16": "arms.half.settings: steps must be enough for the study's 3 checkpoints but 1 have 1",
    "length = 64, sequences = 2": "arms.half.settings.length must be at most the base's 32 but is 64",
    "learning_rate_times = 3, learning_rate = 0.1": "must not stand together but are 0.1 and 3",
    "learning_rte = 3": "arms.half.settings.learning_rte: no such key; did you mean 'learning_rate'?",
    "micro_sequences = 3": "arms.half.settings: sequences must be a multiple of micro_sequences but is 4 with 3",
    "steps = 9": "arms.half.settings.steps: no such key",
    "": "settings must change something but are empty",
}


@pytest.mark.parametrize(("settings", "said"), REFUSED.items(), ids=REFUSED.keys())
def test_settings_that_cannot_be_are_refused(settings, said, tmp_path):
    with pytest.raises(InputError) as caught:
        read_study(changed(tmp_path, settings))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("arm", ["control", '"A/A"'])
def test_the_control_and_its_second_draw_have_the_studys_settings(arm, tmp_path):
    line = f'[arms.{arm}]\nsource = "broad"\n'
    file = write_study(tmp_path, (line, line + "settings = { optimiser = 'sgd' }\n"))
    with pytest.raises(InputError, match="is trained under the study's own settings: leave out its settings"):
        read_study(file)


@pytest.mark.parametrize(
    ("settings", "steps", "warmup"),
    [("sequences = 2", 8, 2), ("sequences = 2, warmup = 5", 8, 5), ("clip = 2.0", 4, 1)],
)
def test_steps_and_warm_up_follow_from_the_budget(settings, steps, warmup, tmp_path):
    found = read_study(changed(tmp_path, settings)).settings_of("half")
    assert (found.steps, found.warmup, found.tokens) == (steps, warmup, 512)


def test_its_settings_are_in_its_key_and_in_no_others(ran, tmp_path):
    _, out = ran
    text = (out / "study.toml").read_text().replace("learning_rate_times = 3", "learning_rate_times = 2")
    (tmp_path / "study.toml").write_text(text)
    from benchshadow.studies.running.runs import plan_runs

    keys = {run.arm: run.key for run in plan_runs(read_study(tmp_path / "study.toml"))[1]}
    before = {arm: manifest(out, arm)["key"] for arm in keys}
    assert [arm for arm in keys if keys[arm] != before[arm]] == ["hot"]


def test_a_confound_that_is_run_again_gives_the_same_bits(ran, tmp_path):
    file, out = ran
    again = tmp_path / "out"
    shutil.copytree(out, again)
    for arm in ("hot", "small-batches"):
        shutil.rmtree(run_of(again, arm))
    study_run(file, out=again, workers=1)
    for arm in ("hot", "small-batches"):
        assert json.dumps(manifest(again, arm)) == json.dumps(manifest(out, arm))
