"""Control is proven where manifests differ as declared; every leaf that is altered alone is found."""

import copy
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchshadow.errors import InputError
from benchshadow.records import read_json, seal, sealed, write_json
from benchshadow.studies.running.verification import verify

Place = tuple[str | int, ...]


def leaves(value: Any, place: Place = ()) -> Iterator[Place]:
    """Places of all values that hold no others; an empty list or object is a leaf."""
    if isinstance(value, dict) and value:
        for key, part in value.items():
            yield from leaves(part, (*place, key))
    elif isinstance(value, list) and value:
        for index, part in enumerate(value):
            yield from leaves(part, (*place, index))
    else:
        yield place


def other(value: Any) -> Any:
    """A value of the same kind that differs."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return hashlib.sha256(value.encode()).hexdigest()[: len(value)] if value else "x"
        case None:
            return 1
        case list():
            return ["x"]
        case _:
            return {"x": 1}


def altered(manifest: dict[str, Any], place: Place, value: Any = None) -> dict[str, Any]:
    made = copy.deepcopy(manifest)
    at = made
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = other(at[place[-1]]) if value is None else value
    return made


def dotted(place: Place) -> str:
    return ".".join(map(str, place))


def beside(folder: Path, manifest: dict[str, Any]) -> Path:
    folder.mkdir(exist_ok=True)
    write_json(folder / "manifest.json", manifest)
    return folder


@pytest.fixture(scope="module")
def control(whole) -> Path:
    return whole.run("control")


@pytest.mark.parametrize("arm", ["aligned", "half", "A/A"])
def test_an_arm_differs_from_its_control_as_declared(whole, control, arm):
    found = verify([control, whole.run(arm)])
    assert found.undeclared == ()
    fields = {each.field for each in found.declared}
    assert {"arm", "key", "data.order_sha256", "results.weights_sha256"} <= fields
    assert found.sentence == "the manifests differ in the declared treatment and in nothing else"
    assert found.summary()["undeclared"] == []


def test_all_arms_of_a_replicate_are_verified_at_once_by_folder_or_by_file(whole, control):
    runs = [whole.run(arm) for arm in ("aligned", "half", "A/A")]
    assert verify([control, *runs]).undeclared == ()
    assert verify([path / "manifest.json" for path in (control, *runs)]).undeclared == ()


def test_a_manifest_does_not_differ_from_itself(control):
    found = verify([control, control])
    assert found.declared == found.undeclared == ()
    assert found.sentence == "the manifests do not differ"


def test_replicates_of_one_arm_are_no_control_of_each_other(whole):
    found = verify([whole.run("aligned", 0), whole.run("aligned", 1)])
    fields = {each.field for each in found.undeclared}
    assert {"replicate", "seeds.positions", "data.order_sha256", "results.weights_sha256"} <= fields
    assert found.declared == ()
    assert found.sentence.startswith("undeclared difference: ")


def test_arms_of_different_replicates_are_no_control_of_each_other(whole):
    fields = {each.field for each in verify([whole.run("control", 0), whole.run("aligned", 1)]).undeclared}
    assert {"replicate", "seeds.positions", "data.control_order_sha256"} <= fields


def test_every_leaf_that_is_altered_without_sealing_breaks_the_seal(whole, control, tmp_path):
    manifest = read_json(whole.run("aligned") / "manifest.json")
    places = list(leaves(manifest))
    assert len(places) > 300
    assert sealed(manifest)
    unseen = [dotted(place) for place in places if sealed(altered(manifest, place))]
    assert unseen == []
    # The whole way through files, for one leaf of every part.
    for part in manifest:
        place = next(each for each in places if each[0] == part)
        if part == "schema":
            continue
        found = verify([control, beside(tmp_path / "altered", altered(manifest, place))])
        assert any(each.field == "sha256" and "altered" in str(each.now) for each in found.undeclared), part


# Leaves that may be altered and sealed again without a contradiction. None of them can be worked out from a manifest:
# hashes of what training gave, the order of a stream that only drawing it again would give, and
# what is reported of the stream because it cannot be equal. A run's folder still holds its weights and losses.
TAKEN_AS_TOLD = ("results.", "data.reported.", "data.order_sha256")


@pytest.mark.parametrize("arm", ["aligned", "half", "control"])
def test_every_leaf_that_is_altered_and_sealed_again_is_found_unless_only_training_could_tell(
    whole, control, arm, tmp_path
):
    first = whole.run("aligned") if arm == "control" else control
    manifest = read_json(whole.run(arm) / "manifest.json")
    untold = []
    for place in leaves(manifest):
        if place in {("schema",), ("sha256",)}:  # another schema is refused; another seal is the test above
            continue
        path = beside(tmp_path / "sealed", seal(altered(manifest, place)))
        if not verify([first, path]).undeclared:
            untold.append(dotted(place))
    assert [field for field in untold if not field.startswith(TAKEN_AS_TOLD)] == []
    expected = {"results.weights_sha256", "results.losses_sha256"}
    expected |= {dotted(place) for place in leaves(manifest) if place[:2] == ("data", "reported")}
    # The control's order is told twice, and nothing of an arm that is treated whole is untreated.
    expected |= {
        "aligned": {"data.order_sha256"},
        "half": {"data.order_sha256"},
        "control": set(),
    }[arm]
    assert set(untold) == expected


@pytest.mark.parametrize("value", [None, 3, "x", [], {}], ids=repr)
def test_a_part_that_was_replaced_is_found_and_never_a_crash(whole, control, value, tmp_path):
    manifest = read_json(whole.run("half") / "manifest.json")
    parts: list[Place] = [(key,) for key in manifest if key not in {"schema", "sha256"}]
    parts += [("study", "content"), ("data", "budget"), ("treatment", "files"), ("environment", "code")]
    parts += [("evaluation", 0), ("results", "weights_sha256"), ("data", "order_sha256"), ("data", "treated_sequences")]
    for place in parts:
        made = copy.deepcopy(manifest)
        at: Any = made
        for step in place[:-1]:
            at = at[step]
        if at[place[-1]] == value:
            continue
        at[place[-1]] = value
        assert verify([control, beside(tmp_path / "replaced", seal(made))]).undeclared, place


def test_an_arm_under_anothers_name_is_found(whole, control, tmp_path):
    manifest = read_json(whole.run("half") / "manifest.json")
    renamed = seal(manifest | {"arm": "aligned"})
    fields = {each.field for each in verify([control, beside(tmp_path / "renamed", renamed)]).undeclared}
    assert {"key", "treatment.treatment.dose", "data.treated_sequences", "data.treated_positions_sha256"} <= fields


def test_a_treatment_that_was_declared_afterwards_is_found(whole, control, tmp_path):
    """Study, treatment and counts altered together still contradict the key, and the study of the control."""
    manifest = read_json(whole.run("half") / "manifest.json")
    made = altered(manifest, ("study", "content", "arms", "half", "dose"), 0.25)
    made = altered(made, ("treatment", "treatment", "dose"), 0.25)
    fields = {each.field for each in verify([control, beside(tmp_path / "later", seal(made))]).undeclared}
    assert {"key", "study.sha256", "study.content.arms.half.dose", "data.treated_sequences"} <= fields


def test_both_manifests_altered_alike_still_contradict_their_keys(whole, control, tmp_path):
    paths = []
    for name, run in (("one", control), ("two", whole.run("aligned"))):
        manifest = read_json(run / "manifest.json")
        made = altered(manifest, ("environment", "libraries", "torch"), "0.0.1")
        paths.append(beside(tmp_path / name, seal(made)))
    assert {each.field for each in verify(paths).undeclared} == {"key"}


def test_one_true_is_not_one(whole, control, tmp_path):
    made = seal(altered(read_json(whole.run("half") / "manifest.json"), ("environment", "deterministic_algorithms"), 1))
    fields = {each.field for each in verify([control, beside(tmp_path / "typed", made)]).undeclared}
    assert fields == {"environment.deterministic_algorithms"}


def test_what_is_no_manifest_is_refused(control, tmp_path):
    with pytest.raises(InputError, match="needs two manifests or more but was given 1"):
        verify([control])
    for name, text in {"list": "[]", "object": '{"key": 1}', "cut": '{"key": ', "number": "3"}.items():
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError, match=rf"{name}\.json"):
            verify([control, tmp_path / f"{name}.json"])
    with pytest.raises(InputError, match=r"nowhere"):
        verify([control, tmp_path / "nowhere"])
    later = read_json(control / "manifest.json") | {"schema": 2}
    with pytest.raises(InputError, match="must be the manifest of a run or of an arm, schema 1"):
        verify([control, beside(tmp_path / "later", seal(later))])


def test_a_base_is_no_arm(whole, control):
    (base,) = (path for path in (whole.out / "bases").iterdir() if path.is_dir())
    found = verify([control, base])
    assert any("base" in str(each) for each in found.undeclared)


def test_a_manifest_holds_what_decides_a_run(whole):
    manifest = json.loads((whole.run("aligned") / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["base"]["weights_sha256"] != manifest["results"]["weights_sha256"]
    assert manifest["settings"]["threads"] == 1
    assert manifest["treatment"]["sources"]["benchmark"]["pool"] == 60
    assert [task["benchmark"] for task in manifest["evaluation"]] == [
        "seen items", "held-out items", "other skills", "broad text",
    ]  # fmt: skip
    both = [read_json(whole.run(arm) / "manifest.json") for arm in ("control", "aligned")]
    assert both[0]["base"] == both[1]["base"]
