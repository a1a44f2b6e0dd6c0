"""A small study with every kind of arm runs through: statements come out, every arm is proved against the control."""

from pathlib import Path
from typing import get_args

import pytest

from benchshadow.data.interventions import recipe
from benchshadow.records import read_json
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_run
from benchshadow.studies.running.verification import verify

FILE = Path(__file__).parents[2] / "experiments" / "every-arm" / "study.toml"


def test_the_study_has_every_kind_of_arm():
    """All kinds, and all ways of each, that a recipe knows; but for those that need a rewriter made beforehand."""
    study = read_study(FILE)
    known, there = set(), set()
    for settings in get_args(get_args(recipe.ArmSettings)[0]):
        ways = settings.model_fields.get("by")
        for kind in get_args(settings.model_fields["intervention"].annotation):
            known |= {(kind, way) for way in (get_args(ways.annotation) if ways else ("",))}
    for arm in study.interventions.values():
        there.add((arm.intervention, getattr(arm, "by", "")))
    assert known - there == {("aligned", "paraphrase")}
    repeated = [arm for arm in study.interventions.values() if isinstance(arm, recipe.Repeated)]
    assert {arm.answers for arm in repeated} == {"same", "other"}
    assert {arm.place for arm in repeated} == {"apart", "inside"}
    assert {arm.when for arm in study.interventions.values() if isinstance(arm, recipe.Concentrated)} == {
        "whole", "first half",
    }  # fmt: skip
    confounds = {key for arm in study.arms.values() if arm.settings for key in arm.settings.model_fields_set}
    assert {"learning_rate_times", "optimiser", "sequences", "length"} <= confounds


@pytest.mark.slow
def test_a_small_study_with_every_kind_of_arm_runs_through_and_every_arm_is_proved(tmp_path):
    study = read_study(FILE)
    done = study_run(FILE, out=tmp_path / "out", workers=2)
    assert done.failed == {}
    assert done.summary["runs"] == {"whole": len(study.arms), "failed": 0, "planned": len(study.arms)}
    runs = {read_json(path)["arm"]: path.parent for path in (done.folder / "runs").glob("*/manifest.json")}
    assert set(runs) == set(study.arms)
    found = verify([runs["control"], *(folder for arm, folder in runs.items() if arm != "control")])
    assert found.undeclared == ()
    said = done.summary["statements"]
    for arm in study.treated:
        assert any(text.startswith(f"{arm}: ") for text in said), arm
    weights = {arm: read_json(folder / "manifest.json")["results"]["weights_sha256"] for arm, folder in runs.items()}
    assert len(set(weights.values())) == len(study.arms)
    rows = [row for row in read_json(done.folder / "claims.json") if row["at"] == "last step" and row["comparable"]]
    assert {row["arm"] for row in rows if row["measure"] == "narrow"} == set(study.treated)
