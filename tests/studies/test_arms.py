"""Arms differ in the declared sequences alone: one budget, the same places, the control's bits elsewhere."""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_study import write_study

from benchshadow.data.tokenization import skills_tokenizer
from benchshadow.errors import InputError
from benchshadow.studies.declaring.study import Study, read_study
from benchshadow.studies.preparing.arms import Fed, arm_stream, base_stream, recipe, treated_positions
from benchshadow.studies.preparing.suite import suite

MORE = """
[arms.quarter]
source = "benchmark"
dose = 0.25
[arms.once]
source = "benchmark"
epochs = 1
[arms.five]
source = "benchmark"
epochs = 0.5
[arms.few]
source = "few"
[sources.few]
kind = "zipf"
of = "broad"
documents = 3
"""
LARGER = ("steps = 4\nsequences = 4", "steps = 16\nsequences = 4")


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    file = write_study(tmp_path_factory.mktemp("arms"), LARGER)
    file.write_text(file.read_text(encoding="utf-8") + MORE, encoding="utf-8")
    return read_study(file)


@pytest.fixture(scope="module")
def fed(study) -> dict[str, Fed]:
    tokenizer, sources = skills_tokenizer(), suite(study, 0).sources
    return {arm: arm_stream(study, sources, tokenizer, arm, 0) for arm in study.arms}


def treated(fed, arm) -> set[int]:
    return set(np.flatnonzero((fed[arm].ids != fed["control"].ids).any(axis=1)).tolist())


def test_all_arms_have_the_same_budget(fed):
    assert {each.ids.shape for each in fed.values()} == {(64, 32)}
    budgets = [each.data["budget"] for each in fed.values()]
    assert all(budget == budgets[0] for budget in budgets)
    assert budgets[0]["tokens"] == 64 * 32
    assert {each.data["control_order_sha256"] for each in fed.values()} == {fed["control"].data["order_sha256"]}


@pytest.mark.parametrize(("arm", "count"), [("quarter", 16), ("half", 32), ("aligned", 64), ("few", 64), ("A/A", 64)])
def test_as_many_sequences_are_treated_as_the_dose_says_and_the_others_are_the_controls(study, fed, arm, count):
    assert len(treated(fed, arm)) == count == fed[arm].data["treated_sequences"]
    untreated = sorted(set(range(64)) - treated(fed, arm))
    assert (fed[arm].ids[untreated] == fed["control"].ids[untreated]).all()
    theirs = hashlib.sha256(np.ascontiguousarray(fed["control"].ids[untreated], "<i4").tobytes()).hexdigest()
    assert fed[arm].data["untreated_sha256"] == theirs
    assert treated(fed, arm) == set(treated_positions(study, 0, count).tolist())


def test_a_smaller_dose_is_treated_in_a_part_of_the_places_of_a_larger_one(fed):
    assert treated(fed, "quarter") < treated(fed, "half") < treated(fed, "aligned") == set(range(64))


def test_replicates_are_treated_in_other_places_with_other_text(study, fed):
    tokenizer = skills_tokenizer()
    other = {arm: arm_stream(study, suite(study, 1).sources, tokenizer, arm, 1) for arm in ("control", "half")}
    assert treated(other, "half") != treated(fed, "half")
    assert other["control"].data["order_sha256"] != fed["control"].data["order_sha256"]


def test_epochs_treat_as_many_sequences_as_so_many_passes_fill(study, fed):
    tokenizer, pool = skills_tokenizer(), suite(study, 0).sources.pool("benchmark")
    tokens = sum(len(tokenizer.encode(document.text).ids) + 1 for document in pool)
    for arm, epochs in (("once", 1), ("five", 0.5)):
        assert len(treated(fed, arm)) == int(epochs * tokens / 32) < 64


@pytest.mark.parametrize("epochs", [0.001, 1000])
def test_epochs_that_cannot_be_had_are_refused_with_those_that_can(epochs, tmp_path):
    file = write_study(tmp_path, LARGER)
    more = f'[arms.x]\nsource = "benchmark"\nepochs = {epochs}\n'
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    study, tokenizer = read_study(file), skills_tokenizer()
    sources = suite(study, 0).sources
    said = rf"arms\.x\.epochs: must fill 1 to 64 sequences, that is be (\S+) to (\S+), but are {epochs:g}$"
    with pytest.raises(InputError, match=said) as refused:
        arm_stream(study, sources, tokenizer, "x", 0)
    for number, count in zip(re.search(said, str(refused.value)).groups(), (1, 64), strict=True):
        arm = study.arms["x"].model_copy(update={"epochs": float(number)})
        had = study.model_copy(update={"arms": study.arms | {"x": arm}})
        there = arm_stream(had, sources, tokenizer, "x", 0).data["treated_sequences"]
        assert abs(there - count) <= 1
        assert 1 <= there <= 64


def test_a_dose_that_treats_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"arms.half.dose must treat at least one of 64 sequences but is 0.005"):
        read_study(write_study(tmp_path, LARGER, ("dose = 0.5", "dose = 0.005")))


def test_one_epoch_meets_no_document_twice_and_more_meet_all_of_them_again(fed):
    """Whole passes are counted by the account of the stream: sequences are cut at their edges."""
    once, all_of_it = fed["once"].data["reported"], fed["aligned"].data["reported"]
    assert once["epochs_per_document"].keys() == {"1"}
    assert all_of_it["unique_documents"] == 60
    assert all_of_it["mean_epochs"] == pytest.approx(64 * 32 / (len_of_pool(fed) * 32), rel=0.1)


def len_of_pool(fed) -> float:
    """Sequences that one pass over the pool fills, as the arm of one epoch was told to treat."""
    return fed["once"].data["treated_sequences"]


def test_the_second_draw_differs_from_the_control_everywhere_but_is_of_its_recipe(study, fed):
    assert treated(fed, "A/A") == set(range(64))
    sources = suite(study, 0).sources
    first, second = recipe(study, sources, "control"), recipe(study, sources, "A/A")
    assert first == second
    same, other = fed["A/A"].data["reported"], fed["control"].data["reported"]
    assert same["mean_epochs"] == pytest.approx(other["mean_epochs"], abs=0.1)


def test_few_documents_are_few(fed):
    assert fed["few"].data["reported"]["unique_documents"] == 3
    assert fed["control"].data["reported"]["unique_documents"] > 60


def test_the_base_is_fed_another_stream_than_the_control(study, fed):
    base = base_stream(study, suite(study, 0).sources, skills_tokenizer(), 0)
    assert base.ids.shape == (12, 32)
    rows = {row.tobytes() for row in fed["control"].ids}
    assert not any(row.tobytes() in rows for row in base.ids)


def test_a_fresh_process_feeds_the_same_bits(study, fed, tmp_path):
    file = write_study(tmp_path, LARGER)
    file.write_text(file.read_text(encoding="utf-8") + MORE, encoding="utf-8")
    text = (
        "import json, sys; from pathlib import Path\n"
        "from benchshadow.data.tokenization import skills_tokenizer\n"
        "from benchshadow.studies.preparing.arms import arm_stream\n"
        "from benchshadow.studies.declaring.study import read_study\n"
        "from benchshadow.studies.preparing.suite import suite\n"
        "study = read_study(Path(sys.argv[1]))\n"
        "streams = {a: arm_stream(study, suite(study, 0).sources, skills_tokenizer(), a, 0) for a in study.arms}\n"
        "print(json.dumps({a: each.data for a, each in streams.items()}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", text, str(file)],
        env={"PYTHONHASHSEED": "5", "OMP_NUM_THREADS": "1", "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {arm: each.data for arm, each in fed.items()}
