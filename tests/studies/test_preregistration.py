"""What was declared before the first outcome is sealed; what was changed afterwards is exploratory and says so."""

import shutil

import pytest
from planted import records, study_of
from test_families import MARGIN, PILOT, family, told, varied

from benchshadow.errors import InputError
from benchshadow.records import read_json, write_json
from benchshadow.studies.conclusions.claim_rows import claim_rows
from benchshadow.studies.conclusions.claims import AT_END, claims
from benchshadow.studies.conclusions.preregistration import PREREGISTERED, beforehand, changed_afterwards, preregister
from benchshadow.studies.conclusions.statements import level, statements

TWO = MARGIN + PILOT + family(told()) + family(told(arm="half")).replace('"main"', '"second"')
CHANGES = {
    "a test is added": (told(), f"{told()}\n[[families.tests]]\n{told(measure='broad')}"),
    "its alpha is changed": ('name = "main"', 'name = "main"\nalpha = 0.06'),
    "its kind is changed": (told(), told(kind="equivalence")),
    "its name is changed": ('"main"', '"other"'),
}


def study(folder, more=TWO):
    folder.mkdir(exist_ok=True)
    return study_of(folder, 8, bases=True, more=more)


def manifest(of):
    return {"study": {"content": of.model_dump(mode="json")}}


def measured(out):
    run = out / "runs" / "control.0.abc"
    run.mkdir(parents=True)
    (run / "records.parquet").touch()


@pytest.fixture
def first(tmp_path):
    """A study whose first run has been measured."""
    declared = study(tmp_path / "first")
    preregister(declared, tmp_path)
    measured(tmp_path)
    return declared


def test_what_was_declared_first_is_beforehand(first, tmp_path):
    assert beforehand(first, tmp_path, [manifest(first)]) == {"main", "second"}
    sealed = read_json(tmp_path / PREREGISTERED)
    assert (sealed["study"], sealed["design"]) == (first.sha256, first.design)
    assert [each["name"] for each in sealed["families"]] == ["main", "second"]


@pytest.mark.parametrize(("old", "new"), CHANGES.values(), ids=CHANGES.keys())
def test_a_family_that_was_changed_afterwards_is_not(first, tmp_path, old, new):
    changed = study(tmp_path / "changed", TWO.replace(old, new, 1))
    preregister(changed, tmp_path)
    assert changed.design == first.design
    assert beforehand(changed, tmp_path, [manifest(first)]) == {"second"}


def test_a_margin_that_was_changed_afterwards_touches_every_family_that_uses_it(first, tmp_path):
    changed = study(tmp_path / "changed", TWO.replace("0.02", "0.01"))
    assert beforehand(changed, tmp_path, [manifest(first)]) == frozenset()
    other = study(tmp_path / "other", "[margins]\nbroad = 0.01\n" + TWO)
    assert beforehand(other, tmp_path, [manifest(first)]) == {"main", "second"}


def test_what_is_dropped_or_regrouped_afterwards_is_said(first, tmp_path):
    assert changed_afterwards(first, tmp_path, [manifest(first)]) == ()
    one = study(tmp_path / "one", MARGIN + PILOT + family(told()))
    assert changed_afterwards(one, tmp_path, [manifest(first)]) == ("the family 'second', which is gone",)
    row = '[onsets.dose]\narms = ["half", "aligned"]\nlevels = [1, 2]\nmeasures = ["narrow"]\n'
    regimes = '[signature.regimes]\nnarrow = ["aligned"]\nbroad = ["half"]\n'
    other = study(tmp_path / "other", TWO + row + regimes)
    said = ("the signature's regimes", "the rows of onsets")
    assert changed_afterwards(other, tmp_path, [manifest(first)]) == said
    assert changed_afterwards(other, tmp_path, []) == said


def test_before_the_first_outcome_everything_may_be_changed(tmp_path):
    preregister(study(tmp_path / "first"), tmp_path)
    changed = study(tmp_path / "changed", TWO.replace("0.02", "0.01"))
    preregister(changed, tmp_path)
    assert beforehand(changed, tmp_path, [manifest(changed)]) == {"main", "second"}


def test_runs_that_were_set_aside_are_an_outcome_too(tmp_path):
    measured(tmp_path / "superseded")
    late = study(tmp_path / "late")
    preregister(late, tmp_path)
    assert not (tmp_path / PREREGISTERED).exists()


def test_the_manifests_betray_a_seal_that_was_made_anew(first, tmp_path):
    """Whoever deletes the seal and the records and seals again still has the manifests against him."""
    changed = study(tmp_path / "changed", TWO.replace("0.02", "0.01"))
    shutil.rmtree(tmp_path / "runs")
    preregister(changed, tmp_path)
    assert beforehand(changed, tmp_path, []) == {"main", "second"}
    assert beforehand(changed, tmp_path, [manifest(changed), manifest(first)]) == frozenset()


def test_an_altered_seal_is_refused(first, tmp_path):
    sealed = read_json(tmp_path / PREREGISTERED)
    sealed["families"][0]["alpha"] = 0.5
    write_json(tmp_path / PREREGISTERED, sealed)
    with pytest.raises(InputError, match=r"preregistered\.json: was altered after it was sealed"):
        beforehand(first, tmp_path, [])


def test_what_is_exploratory_is_descriptive_and_said_to_be_so(tmp_path):
    declared = study(tmp_path / "first")
    data = records(declared, varied)
    rows = {}
    for late in (frozenset(), frozenset({"second"}), frozenset({"main", "second"})):
        made = claims(declared, data, late)
        said = {each["code"]: each["text"] for each in statements(declared, made, [], late)}
        rows[len(late)] = {
            r["arm"]: r for r in claim_rows(declared, made) if (r["measure"], r["at"]) == ("narrow", AT_END)
        }
        left = [name for name in ("main", "second") if name not in late]
        assert said.get("exploratory", "").endswith(" and ".join(left) + "." * bool(left))
        assert ("exploratory" in said) == bool(left)
        assert level(declared, late)[0] == ("confirmatory" if late else "descriptive")
    aligned = [rows[count]["aligned"] for count in (0, 1, 2)]
    assert [row["verdict"] for row in aligned] == ["descriptive", "descriptive", "shift"]
    assert [row["declared"] for row in aligned] == ["afterwards", "afterwards", "beforehand"]
    assert [row["confirmatory"] for row in aligned] == [False, False, True]
    assert [rows[count]["half"]["verdict"] for count in (0, 1, 2)] == ["descriptive", "no shift", "no shift"]


def test_words_and_margins_may_be_changed_in_a_folder_and_nothing_is_trained_anew(whole, tmp_path, monkeypatch):
    from benchshadow.studies.grid import study_run
    from benchshadow.train import loop

    def no_training(*_, **__):
        raise AssertionError("nothing is to be trained")

    out = shutil.copytree(whole.out, tmp_path / "out")
    monkeypatch.setattr(loop, "train", no_training)
    text = whole.file.read_text(encoding="utf-8").replace('title = "A', 'title = "B')
    file = tmp_path / "study.toml"
    file.write_text(f"{text}\n{MARGIN}", encoding="utf-8")
    assert study_run(file, out=out, workers=1).failed == {}
    assert read_json(out / "study.json")["title"].startswith("B")
    assert (out / PREREGISTERED).read_bytes() == (whole.out / PREREGISTERED).read_bytes()
    rows = [row for row in read_json(out / "claims.json") if row["measure"] == "narrow"]
    assert {row["margin"] for row in rows if row["comparable"]} == {0.02}
