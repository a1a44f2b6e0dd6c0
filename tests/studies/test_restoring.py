"""Runs of a study restored along directions: the trained model at scale one, less of the change at each step below."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from benchshadow.errors import InputError
from benchshadow.records import read
from benchshadow.report import figures, write
from benchshadow.studies.causal import restoring
from benchshadow.studies.causal.restoring import study_restore

DIRECTIONS = ("top:1", "random:1", "intruders")
SCALES = (0.0, 0.5)


@pytest.fixture(scope="module")
def done(whole, tmp_path_factory):
    out = tmp_path_factory.mktemp("restored") / "out"
    return study_restore(
        whole.file, of=whole.out, arm="aligned", out=out, directions=DIRECTIONS, scales=SCALES, workers=1
    )


def outcomes(table: pl.DataFrame) -> dict[tuple, float]:
    kept = table.filter(pl.col("of") == "outcome", pl.col("role").is_null())
    return {row[:-1]: row[-1] for row in kept.select("replicate", "benchmark", "diagnostic", "value").iter_rows()}


def test_at_scale_one_every_tier_is_as_the_study_found_it(whole, done):
    assert done.failed == {}
    ours = read(whole.out).filter(pl.col("arm") == "aligned", pl.col("step") == 4)
    wanted = outcomes(ours)
    assert len(wanted) > 8
    records = read(done.folder)
    for along in DIRECTIONS:
        found = outcomes(records.filter(pl.col("split") == along, pl.col("parameter") == 1.0))
        assert found == wanted


def test_what_is_left_of_the_change_follows_from_the_energy_along_the_directions(done):
    records = read(done.folder).filter(pl.col("replicate") == 0)
    shares = dict(records.filter(pl.col("diagnostic") == "restored_energy_share").select("split", "value").iter_rows())
    sizes = records.filter(pl.col("diagnostic") == "relative_change")
    assert 0.05 < shares["top:1"] < 1
    assert shares["random:1"] == pytest.approx(shares["top:1"], rel=1e-6)
    for along, tolerance in (("top:1", 1e-5), ("random:1", 0.02)):
        at = dict(sizes.filter(pl.col("split") == along).select("parameter", "value").iter_rows())
        for scale in SCALES:
            # What lies along the directions is orthogonal to what does not, but for the last random one, used in part.
            left = at[1.0] * np.sqrt(1 - (1 - scale**2) * shares[along])
            assert at[scale] == pytest.approx(left, rel=tolerance)


def test_the_summary_holds_a_curve_of_every_measure_and_sentences(done):
    summary = done.summary
    assert summary["scales"] == [0.0, 0.5, 1.0]
    keys = {(row["measure"], row["directions"], row["scale"]) for row in summary["curves"]}
    for measure in ("narrow", "broad", "gap", "relative_change"):
        for along in DIRECTIONS:
            assert {(measure, along, scale) for scale in summary["scales"]} <= keys
    assert summary["energy_share"]["top:1"] == pytest.approx(summary["energy_share"]["random:1"], rel=1e-6)
    assert [text for text in summary["statements"] if text.startswith("top:1, ") and "narrow went from" in text]


def test_the_page_draws_narrow_against_broad(done, tmp_path):
    page = write(done.folder).read_text(encoding="utf-8")
    assert "Causal test of" in page
    assert "Narrow against broad" in page
    drawn = figures(done.folder, tmp_path)
    assert {file.name for file in drawn} == {"scale-1.svg", "scale-2.svg", "against.svg"}


def test_it_goes_on_from_the_steps_that_are_done(whole, done, monkeypatch, tmp_path):
    before = (done.folder / "records.parquet").read_bytes()

    def nothing(*_, **__):
        raise AssertionError("nothing is to be measured")

    monkeypatch.setattr(restoring, "measured", nothing)
    again = study_restore(
        whole.file, of=whole.out, arm="aligned", out=done.folder, directions=DIRECTIONS, scales=SCALES, workers=1
    )
    assert (again.folder / "records.parquet").read_bytes() == before
    with pytest.raises(InputError, match="holds other work"):
        study_restore(whole.file, of=whole.out, arm="half", out=done.folder, directions=DIRECTIONS, workers=1)


def test_scores_by_other_definitions_are_other_work(whole, done, monkeypatch):
    real = restoring.plan_runs

    def tomorrow(study):
        bases, runs = real(study)
        return bases, [replace(each, measurement="of tomorrow") for each in runs]

    monkeypatch.setattr(restoring, "plan_runs", tomorrow)
    monkeypatch.setattr(restoring, "is_whole", lambda *_: True)
    how = {"of": whole.out, "arm": "aligned", "directions": DIRECTIONS, "scales": SCALES, "workers": 1}
    with pytest.raises(InputError, match="holds other work"):
        study_restore(whole.file, out=done.folder, **how)


def test_a_kill_between_two_scales_loses_nothing(whole, done, monkeypatch, tmp_path):
    class Killed(BaseException):
        pass

    real, calls = restoring.measured, []

    def measured(*args, **settings):
        calls.append(args)
        if len(calls) == 2:
            raise Killed
        return real(*args, **settings)

    how = {"of": whole.out, "arm": "aligned", "out": tmp_path / "out", "directions": DIRECTIONS, "scales": SCALES}
    with monkeypatch.context() as patch:
        patch.setattr(restoring, "measured", measured)
        with pytest.raises(Killed):
            study_restore(whole.file, **how, workers=1)
    resumed = study_restore(whole.file, **how, workers=1)
    assert read(resumed.folder).equals(read(done.folder))
    assert resumed.summary == done.summary


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"arm": "align"}, "--arm: must name one of .* but names 'align'; did you mean 'aligned'"),
        ({"directions": ["topp:1"]}, "directions: must be intruders"),
        ({"directions": []}, "--directions: must name some but names none"),
        ({"scales": [2.0]}, r"--scale: must be in \[0, 1\] but is 2"),
        ({"of": "nowhere"}, "holds no whole run of the arm 'aligned'; run the study first"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_written(whole, settings, sentence, tmp_path):
    given = {"of": whole.out, "arm": "aligned", "directions": DIRECTIONS, "scales": SCALES} | settings
    if given["of"] == "nowhere":
        given["of"] = tmp_path / "nowhere"
    with pytest.raises(InputError, match=sentence):
        study_restore(whole.file, out=tmp_path / "out", workers=1, **given)
    assert not (tmp_path / "out").exists()
