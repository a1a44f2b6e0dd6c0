"""A small study that declares regimes: they are told with runs left out, and arms of no regime are shown to that."""

from __future__ import annotations

from html import unescape

import pytest
from small_study import OTHER, write_study

from benchshadow import report
from benchshadow.records import read_json
from benchshadow.studies.conclusions.classifier import ALPHA, LEAST
from benchshadow.studies.conclusions.regime_rows import OF_LOSS, OF_SIZE, SPECTRA
from benchshadow.studies.grid import study_run

SHOWN = ("off-target", "narrow-other", "concentrated")
PLAIN = '[arms.aligned]\nsource = "benchmark"\ndose = 1.0\n[arms.half]\nsource = "benchmark"\ndose = 0.5\n'
KINDS = {
    "chosen": 'kind = "aligned"',
    "copies": 'kind = "aligned", by = "copies", copies = 1',
    "domains": 'kind = "coverage"',
    "clusters": 'kind = "coverage", by = "clusters", clusters = 4',
    "off-target": 'kind = "off-target", of = "chosen", source = "other"',
    "narrow-other": 'kind = "narrow-other", of = "copies", source = "other"',
    "concentrated": 'kind = "concentrated", by = "zipf", documents = 5',
}
MORE = (
    OTHER
    + """
[signature]
regimes = { aligned = ["chosen", "copies"], coverage = ["domains", "clusters"] }
permutations = 99
"""
)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signature")
    arms = "".join(
        f'[arms.{name}]\nsource = "broad"\ndose = 0.5\nintervention = {{ {kind} }}\n' for name, kind in KINDS.items()
    )
    file = write_study(
        folder,
        ("replicates = [0, 1]", "replicates = [0, 1, 2]"),
        ("steps = 4\nsequences = 4", "steps = 8\nsequences = 8"),
        ("checkpoints = 3", "checkpoints = 2"),
        (PLAIN, arms),
        ('[doses]\nalignment = ["control", "half", "aligned"]\n', MORE),
    )
    done = study_run(file, out=folder / "out", workers=1)
    assert done.failed == {}
    return done.folder


@pytest.fixture(scope="module")
def told(out):
    return read_json(out / "signature.json")["classifier"]


@pytest.fixture(scope="module")
def page(out):
    return unescape(report.write(out).read_text(encoding="utf-8"))


@pytest.mark.slow
def test_regimes_are_told_with_a_replicate_and_with_an_arm_left_out_beside_both_baselines(told):
    results = {(each["left_out"], each["features"]): each for each in told["results"]}
    for left_out, groups in (("replicate", 3), ("arm", 4)):
        for features in (SPECTRA, OF_SIZE, OF_LOSS):
            one = results[left_out, features]
            assert one["groups"] == groups
            assert one["accuracy"]["n"] == groups
            assert 0 <= one["accuracy"]["low"] <= one["accuracy"]["mean"] <= one["accuracy"]["high"] <= 1
            assert one["p"]["floor"] <= one["p"]["p"] <= 1
        assert {each["over"] for each in told["gains"] if each["left_out"] == left_out} >= {OF_SIZE, OF_LOSS}
    # A number that every run has is there from every set: with none the classifier would have nothing to go by.
    assert len(told["features"][SPECTRA]) == 8
    assert told["left_out"] == []


@pytest.mark.slow
def test_arms_of_no_regime_are_shown_and_it_is_said_where_they_fall(out, told, page):
    shown = {each["arm"]: each for each in told["shown"] if each["features"] == SPECTRA}
    assert set(shown) == {*SHOWN, "A/A"}
    assert told["not_shown"] == {}
    said = {each["about"]: each["text"] for each in said_of(out, "shown")}
    for arm in SHOWN:
        falls = shown[arm]["falls"]
        assert sum(falls.values()) == 3
        assert sum(shown[arm]["probability"].values()) == pytest.approx(1)
        where = ", ".join(f"{regime} in {many}" for regime, many in falls.items() if many)
        assert f"it falls to {where} of 3 replicates" in said[arm]
        assert said[arm] in page


@pytest.mark.slow
def test_the_page_says_whether_the_spectra_add_anything(out, told, page):
    said = {each["id"].rpartition("-")[2]: each["text"] for each in said_of(out, "added")}
    assert set(said) == {"replicate", "arm"}
    p = {each["left_out"]: each["p"]["p"] for each in told["results"] if each["features"] == SPECTRA}
    for each in told["gains"]:
        adds = p[each["left_out"]] <= ALPHA and each["log_score"]["low"] > 0 and each["log_score"]["mean"] >= LEAST
        assert each["adds"] == adds
        verb = "add" if adds else "add nothing"
        assert f"The spectra {verb} to the {each['over']}" in said[each["left_out"]]
    assert all(text in page for text in said.values())


def said_of(out, code):
    return [each for each in read_json(out / "statements.json")["statements"] if each["code"] == code]
