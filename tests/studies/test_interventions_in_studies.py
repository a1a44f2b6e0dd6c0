"""Arms that an intervention makes stand in a study as any other: one budget, the same places, the control elsewhere."""

import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from small_study import OTHER, write_study

from benchshadow.data.documents import file_hash
from benchshadow.data.interventions import by_rules
from benchshadow.data.interventions.streams import Bench
from benchshadow.data.stream import Stream
from benchshadow.data.tokenization import skills_tokenizer
from benchshadow.errors import InputError
from benchshadow.records import digest, read_json, seal, write_json
from benchshadow.studies.declaring.study import Study, read_study
from benchshadow.studies.grid import study_run
from benchshadow.studies.preparing import interventions
from benchshadow.studies.preparing.arms import (
    Fed,
    arm_stream,
    control_stream,
    intervened_stream,
    recipe,
    treated_positions,
)
from benchshadow.studies.preparing.intervened import bench, intervened
from benchshadow.studies.preparing.suite import suite
from benchshadow.studies.running.verification import verify

LARGER = ("steps = 4\nsequences = 4", "steps = 64\nsequences = 4")
TOKENIZER = skills_tokenizer()
KINDS = {
    "by-score": 'kind = "aligned"',
    "by-template": 'kind = "aligned", by = "template", epochs = 4',
    "copies": 'kind = "aligned", by = "copies", copies = 2',
    "placebo": 'kind = "placebo", of = "by-score"',
    "off-target": 'kind = "off-target", of = "by-score", source = "other"',
    "off-copies": 'kind = "off-target", of = "copies", source = "other"',
    "length-matched": 'kind = "length-matched", of = "by-score"',
    "format-only": 'kind = "format-only", of = "copies"',
    "narrow-other": 'kind = "narrow-other", of = "copies", source = "other"',
    "domains": 'kind = "coverage"',
    "clusters": 'kind = "coverage", by = "clusters", clusters = 4',
    "farthest": 'kind = "coverage", by = "farthest first", centres = 20',
    "zipf": 'kind = "concentrated", by = "zipf", documents = 5',
    "subset": 'kind = "concentrated", repeats = 8, when = "first half"',
    "repeated": 'kind = "repeated prompts", source = "broad", share = 1, repeats = 4',
    "inside": 'kind = "repeated prompts", source = "broad", share = 1, repeats = 3, place = "inside"',
    "answers": 'kind = "repeated prompts", source = "broad", share = 1, repeats = 3, answers = "other"',
    "deduplicated": 'kind = "deduplicated"',
    "normalised": 'kind = "normalised"',
    "second": 'kind = "a/a"',
    "novel": 'kind = "novel-broad"',
}
DOSE = 0.5
COUNT = 128


def arms(kinds: dict[str, str], dose: float = DOSE) -> str:
    return OTHER + "".join(
        f'[arms.{name}]\nsource = "broad"\ndose = {dose}\nintervention = {{ {settings} }}\n'
        for name, settings in kinds.items()
    )


def written(folder, more: str, *changes) -> Study:
    file = write_study(folder, *changes)
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    return read_study(file)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Study:
    return written(tmp_path_factory.mktemp("kinds"), arms(KINDS), LARGER)


@pytest.fixture(scope="module")
def both(study) -> dict[str, tuple[Fed, Stream]]:
    """What every arm is fed, and the treated sequences alone with their documents."""
    sources = suite(study, 0).sources
    control = control_stream(study, sources, TOKENIZER, 0)
    found = {"control": (arm_stream(study, sources, TOKENIZER, "control", 0), control)}
    with bench(study, sources, TOKENIZER, control, next(iter(KINDS)), 0) as at:
        for arm in KINDS:
            alone = intervened(study, sources, at, arm, 0, treated_positions(study, 0, COUNT), {})[0].stream
            found[arm] = intervened_stream(study, sources, TOKENIZER, at, arm, 0, {}), alone
    return found


@pytest.fixture(scope="module")
def fed(both) -> dict[str, Fed]:
    return {arm: fed for arm, (fed, _) in both.items()}


@pytest.fixture(scope="module")
def treated(both) -> dict[str, Stream]:
    return {arm: stream for arm, (_, stream) in both.items()}


def texts(stream: Stream) -> list[str]:
    """Every document that stands in a stream, as often as it does."""
    return [stream.documents[i].text for i in np.unique(stream.owners)]


def on_benchmark(stream: Stream) -> float:
    return float(np.mean([text.startswith(("reverse ", "sort ")) for text in texts(stream)]))


@pytest.mark.parametrize("arm", KINDS)
def test_every_kind_keeps_the_budget_the_places_and_the_controls_bits(study, fed, arm):
    control, data = fed["control"], fed[arm].data
    places = treated_positions(study, 0, COUNT)
    assert fed[arm].ids.shape == control.ids.shape
    assert data["budget"] == control.data["budget"]
    assert data["treated_sequences"] == COUNT
    assert data["treated_positions_sha256"] == digest(places.tolist())
    assert (np.delete(fed[arm].ids, places, axis=0) == np.delete(control.ids, places, axis=0)).all()
    assert data["untreated_sha256"] == data["control_untreated_sha256"] != control.data["untreated_sha256"]
    assert (fed[arm].ids[places] != control.ids[places]).any()
    assert data["intervention"]["candidates"]["documents"] > 1000


@pytest.mark.parametrize("arm", KINDS)
def test_every_token_of_a_treated_sequence_is_of_the_document_that_owns_it(treated, arm):
    stream = treated[arm]
    for ids, owners in zip(stream.ids[::16].tolist(), stream.owners[::16].tolist(), strict=True):
        for owner in set(owners):
            part = TOKENIZER.decode([i for i, o in zip(ids, owners, strict=True) if o == owner and i])
            assert part in stream.documents[owner].text


def test_aligned_documents_are_the_benchmarks_and_its_placebo_is_the_mix(treated):
    assert on_benchmark(treated["by-score"]) > 2 * on_benchmark(treated["control"])
    assert abs(on_benchmark(treated["placebo"]) - on_benchmark(treated["control"])) < 0.1
    shares = {
        arm: np.mean(["copy" in text or "upper" in text for text in texts(treated[arm])])
        for arm in ("control", "by-score", "off-target")
    }
    assert shares["off-target"] > 1.5 * shares["control"]
    assert shares["off-target"] > 1.3 * shares["by-score"]


def test_copies_are_the_seen_half_and_format_only_gives_it_others_answers(study, treated):
    pool = {document.text for document in suite(study, 0).sources.pool("benchmark")}
    there = Counter(text for text in texts(treated["copies"]) if text in pool)
    assert set(there) == pool
    assert set(there.values()) <= {2, 3}  # a copy that is cut at an edge and continues elsewhere counts once
    prompts = {text.rpartition(" ")[0] for text in pool}
    shuffled = [text for text in texts(treated["format-only"]) if text.rpartition(" ")[0] in prompts]
    assert len(set(shuffled)) == len(pool)
    assert not pool.intersection(shuffled)
    assert Counter(t.rpartition(" ")[2] for t in set(shuffled)) == Counter(t.rpartition(" ")[2] for t in pool)


def test_format_only_and_other_items_stand_among_the_documents_of_the_copies(study, fed, treated):
    """The last document is cut, and texts of other lengths may cut others."""
    items = {name: {d.text for d in suite(study, 0).sources.pool(name)} for name in ("benchmark", "other")}
    prompts = {text.rpartition(" ")[0] for text in items["benchmark"] | items["other"]}
    rest = {
        arm: {text for text in texts(treated[arm]) if text.rpartition(" ")[0] not in prompts}
        for arm in ("copies", "format-only", "off-copies")
    }
    assert len(rest["copies"]) > 50
    assert len(rest["copies"] ^ rest["format-only"]) <= 2
    assert len(rest["copies"] ^ rest["off-copies"]) <= 4
    told = {arm: fed[arm].data["intervention"]["told"] for arm in ("copies", "off-copies")}
    assert told["off-copies"]["injected_tokens_of_parent"] == told["copies"]["injected_tokens"]
    assert told["off-copies"]["injected_tokens"] == pytest.approx(told["copies"]["injected_tokens"], rel=0.02)
    there = Counter(text for text in texts(treated["off-copies"]) if text in items["other"])
    assert set(there.values()) <= {2, 3}


def test_templates_keep_the_line_end_that_belongs_to_the_answer(treated):
    found = texts(treated["by-template"])
    assert all(text.endswith("\n") for text in found)
    assert {text.startswith("Q: ") for text in found} == {True, False}


def test_prompts_are_repeated_as_often_as_told_with_their_answers_or_with_others(treated):
    """The last documents are cut by the budget, so that some stand less often."""
    times = Counter(texts(treated["repeated"]))
    assert Counter(times.values()).most_common(1)[0][0] == 4
    assert max(times.values()) == 4
    asked = Counter(text.rpartition(" ")[0] for text in texts(treated["answers"]))
    answered = {(text.rpartition(" ")[0], text.rpartition(" ")[2]) for text in texts(treated["answers"])}
    assert Counter(asked.values()).most_common(1)[0][0] == 3
    assert len(answered) == sum(asked.values())
    for text in texts(treated["inside"]):
        assert len(text.splitlines()) == 3
        assert len(set(text.splitlines())) == 1


def test_few_documents_are_few_and_half_the_time_means_the_first_half(study, treated):
    assert len(set(texts(treated["zipf"]))) == 5
    stream, early = treated["subset"], int(np.searchsorted(treated_positions(study, 0, COUNT), 128))
    first = [stream.documents[i].text for i in np.unique(stream.owners[:early])]
    second = [stream.documents[i].text for i in np.unique(stream.owners[early:])]
    assert max(Counter(first).values()) == 8
    assert max(Counter(second).values()) == 1
    assert not set(first).intersection(second)


def test_new_documents_are_new_and_normalised_ones_are_the_controls(study, treated):
    control = {document.text for document in treated["control"].documents}
    assert not control.intersection(texts(treated["novel"]))
    places = treated_positions(study, 0, COUNT)
    stream = treated["control"]
    untreated = set(np.delete(stream.owners, places, axis=0).ravel().tolist())
    displaced = {stream.documents[i].text for i in np.unique(stream.owners[places]) if i not in untreated}
    kept = {by_rules(text) for text in displaced}.intersection(texts(treated["normalised"]))
    assert len(kept) > 0.95 * len(displaced) > 50
    assert max(Counter(texts(treated["deduplicated"])).values()) == 1


def test_arms_that_repeat_prompts_repeat_the_same_ones_first(tmp_path):
    kinds = {f"r{r}": f'kind = "repeated prompts", source = "broad", share = 1, repeats = {r}' for r in (2, 8)}
    study = written(tmp_path, arms(kinds), LARGER)
    sources = suite(study, 0).sources
    control = control_stream(study, sources, TOKENIZER, 0)
    found = {}
    for arm in kinds:
        with bench(study, sources, TOKENIZER, control, arm, 0) as at:
            found[arm] = set(
                texts(intervened(study, sources, at, arm, 0, treated_positions(study, 0, COUNT), {})[0].stream)
            )
    assert found["r8"] < found["r2"]


def test_replicates_draw_other_documents_and_a_second_time_the_same(study, fed):
    again = arm_stream(study, suite(study, 0).sources, TOKENIZER, "by-score", 0)
    other = arm_stream(study, suite(study, 1).sources, TOKENIZER, "by-score", 1)
    assert again.data == fed["by-score"].data
    assert other.data["order_sha256"] != again.data["order_sha256"]
    assert other.data["intervention"]["items"] == again.data["intervention"]["items"]  # the pool of the small world


def test_a_study_survives_being_written_and_read_again(study):
    content = study.model_dump(mode="json")
    assert content["arms"]["placebo"]["intervention"] == {"kind": "placebo", "of": "by-score"}
    assert Study.model_validate(content) == study


# Keys.


def key(study, arm) -> str:
    return digest(recipe(study, suite(study, 0).sources, arm))


def test_a_recipe_follows_settings_parents_items_and_code_and_no_others(study, tmp_path, monkeypatch):
    before = {arm: key(study, arm) for arm in study.arms}
    places = [tmp_path / name for name in ("lengths", "pool", "code")]
    for place in places:
        place.mkdir()
    lengths = KINDS | {"by-score": 'kind = "aligned", lengths = false'}
    changed = written(places[0], arms(lengths), LARGER)
    of = {"by-score", "placebo", "off-target", "length-matched"}
    assert {arm for arm in study.arms if key(changed, arm) != before[arm]} == of
    pool = written(places[1], arms(KINDS).replace("pool = 400", "pool = 401"), LARGER)
    assert {arm for arm in study.arms if key(pool, arm) != before[arm]} == {"off-target", "off-copies", "narrow-other"}
    monkeypatch.setattr(interventions, "code", lambda rooms: "other" if "data/likeness" in rooms else "same")
    here = {arm: recipe(study, suite(study, 0).sources, arm).get("intervention", {}).get("code") for arm in study.arms}
    assert {arm for arm, code in here.items() if code == "other"} == of | {"clusters", "farthest"}
    assert {arm for arm, code in here.items() if code is None} == {"control", "A/A", "aligned", "half"}


def test_an_arm_of_paraphrases_follows_the_file_that_holds_them(tmp_path):
    sources = suite(written(tmp_path, OTHER, LARGER), 0).sources
    file = tmp_path / "said.jsonl"
    settings = f'kind = "aligned", by = "paraphrase", epochs = 4, rewriter = {{ kind = "file", path = "{file}" }}'
    keys = []
    for form in ("please", "do"):
        lines = [{"id": each.id, "text": f"{form} {each.text}"} for each in sources.pool("benchmark")]
        file.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
        file_hash.cache_clear()
        study = written(tmp_path, arms({"x": settings}, 0.25), LARGER)
        fed = arm_stream(study, sources, TOKENIZER, "x", 0)
        keys.append(key(study, "x"))
        said = TOKENIZER.decode(fed.ids[treated_positions(study, 0, 64)].ravel().tolist())
        assert f"\n<|end|>{form} sort" in said
    assert keys[0] != keys[1]


# Refusals.

WRONG = {
    "a misspelt key": ('kind = "aligned", lenghts = false', "arms.x.intervention.lenghts: no such key; did you mean"),
    "an unknown kind": ('kind = "alligned"', "arms.x.intervention: kind must be one of aligned, coverage, "),
    "no kind": ('by = "score"', "arms.x.intervention: kind must be one of "),
    "a dose inside": (
        'kind = "aligned", dose = 0.5',
        "arms.x.intervention: dose must be left out here but is 0.5; use",
    ),
    "the recipe's own word": ('intervention = "aligned"', "arms.x.intervention: intervention must be left out here"),
    "a control of nothing": ('kind = "placebo", of = "y"', "arms.x.of must be among [] but is 'y'"),
    "an unknown source": (
        'kind = "repeated prompts", source = "brod"',
        "arms.x.intervention.source must be among ['benchmark', 'broad', 'other'] but is 'brod'",
    ),
}


@pytest.mark.parametrize(("settings", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_intervention_is_named_with_its_place(settings, sentence, tmp_path):
    with pytest.raises(InputError) as refused:
        written(tmp_path, arms({"x": settings}))
    assert f"study.toml: {sentence}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_cannot_stand_beside_an_intervention_is_refused(tmp_path):
    for more, sentence in (
        ('[arms.x]\nsource = "benchmark"\nepochs = 1\nintervention = { kind = "a/a" }', "epochs must be left out"),
        ('[arms.x]\nsource = "broad"\ncandidates = 0\nintervention = { kind = "a/a" }', "arms.x.candidates: "),
    ):
        with pytest.raises(InputError, match=sentence):
            written(tmp_path, more)
    drawn = ('[arms."A/A"]\nsource = "broad"', '[arms."A/A"]\nsource = "broad"\nintervention = { kind = "a/a" }')
    with pytest.raises(InputError, match=r"arms\.A/A is drawn by its recipe: leave out the intervention"):
        written(tmp_path, "", drawn)
    doses = arms({"x": 'kind = "aligned"', "y": 'kind = "placebo", of = "x"'}).replace("dose = 0.5", "dose = 0.25", 1)
    with pytest.raises(InputError, match=r"arms.y.dose must be that of 'x', 0.25, but is 0.5"):
        written(tmp_path, doses)
    other = ("[sources.benchmark]", "[sources.seen]")
    with pytest.raises(InputError, match="so sources must not call another source 'benchmark'"):
        written(
            tmp_path,
            arms({"x": 'kind = "aligned"'}) + '[sources.benchmark]\nkind = "skills"\n',
            other,
            ('seen = "benchmark"', 'seen = "seen"'),
            ('source = "benchmark"\ndose = 1.0', 'source = "seen"\ndose = 1.0'),
            ('source = "benchmark"\ndose = 0.5', 'source = "seen"\ndose = 0.5'),
        )


UNMATCHED = {
    "too few documents": ('kind = "a/a"', r"arms\.x: must fill 4096 tokens but the recipe gives \d+ without further"),
    "too narrow": (
        'kind = "narrow-other", of = "y", source = "other"',
        r"arms\.x: source: must hold 4096 tokens to be",
    ),
    "too many copies": ('kind = "aligned", by = "copies", copies = 99', r"arms\.x: must fit \d+ tokens of copies into"),
    "no such tool": ('kind = "aligned", by = "paraphrase"', r"arms\.x: needs a tool 'paraphraser' but none was given"),
}


@pytest.mark.parametrize(("settings", "sentence"), UNMATCHED.values(), ids=UNMATCHED.keys())
def test_an_arm_that_cannot_be_matched_is_refused_before_anything_runs(settings, sentence, tmp_path):
    few = arms({"x": settings, "y": KINDS["by-score"]}, 0.5).replace("pool = 400", "pool = 20")
    few = few.replace('source = "broad"\ndose', 'source = "other"\ndose')
    written(tmp_path, few, LARGER)
    with pytest.raises(InputError, match=sentence):
        study_run(tmp_path / "study.toml", out=tmp_path / "out", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('source = "benchmark"\nepochs = 1000', r"arms\.x\.epochs: must fill 1 to 256 sequences, that is be "),
        ('source = "benchmark"\nepochs = 0.001', r"arms\.x\.epochs: must fill 1 to 256 sequences, that is be "),
        ('source = "few"', r"sources\.few\.documents: must be at most what 'benchmark' holds but is 99, and 60 were"),
    ],
)
def test_so_is_an_arm_that_is_drawn_from_a_source_alone(settings, sentence, tmp_path):
    few = '[sources.few]\nkind = "zipf"\nof = "benchmark"\ndocuments = 99\n'
    written(tmp_path, f"{few}[arms.x]\n{settings}\n", LARGER)
    with pytest.raises(InputError, match=sentence):
        study_run(tmp_path / "study.toml", out=tmp_path / "out", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_a_control_that_chooses_from_other_documents_than_its_arm_is_refused(tmp_path):
    of = arms({"y": KINDS["copies"], "x": 'kind = "length-matched", of = "y"'})
    for other in (('source = "broad"', 'source = "other"'), ("dose = 0.5", "dose = 0.5\ncandidates = 2.0")):
        with pytest.raises(InputError, match=r"arms\.x must have the source and the candidates of 'y', whose control"):
            written(tmp_path, of.replace(*other, 1))


def test_a_control_is_matched_to_its_arm_as_it_is_built(study):
    """Whatever generator the control draws with, what it is matched to is what the arm itself holds."""
    sources = suite(study, 0).sources
    control, places = control_stream(study, sources, TOKENIZER, 0), treated_positions(study, 0, COUNT)
    with bench(study, sources, TOKENIZER, control, "copies", 0) as at:
        pool = at.pool(places)
        made = {
            arm: interventions.workshop(study, sources, at, replicate=0, arm=arm, known={})
            for arm in ("copies", "narrow-other")
        }
        own = made["copies"].intervention("copies")(pool, rng=made["copies"].drawing("copies"))
        matched = made["narrow-other"].intervention("narrow-other").of(pool, rng=np.random.default_rng(9))
        assert matched.segments[0].order.tolist() == own.segments[0].order.tolist()


def test_candidates_that_share_an_id_are_told_apart_by_their_texts(study):
    sources = suite(study, 0).sources
    control = control_stream(study, sources, TOKENIZER, 0)
    first = control.documents[0]
    others = [first, first._replace(text=control.documents[1].text)]
    with tempfile.TemporaryDirectory() as folder:
        at = Bench.of(control, others, Path(folder), tokenizer=TOKENIZER)
        found = [each for each in at.documents if each.id == first.id]
    assert found == others


# Through a run to its manifest, and from two manifests to the proof.


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A study of one replicate, run, with arms of two kinds."""
    folder = tmp_path_factory.mktemp("run")
    few = {name: KINDS[name] for name in ("by-score", "off-target")}
    changes = (("replicates = [0, 1]", "replicates = [0]"), ("checkpoints = 3", "checkpoints = 1"))
    written(folder, arms(few), *changes)
    done = study_run(folder / "study.toml", out=folder / "out", workers=1)
    assert done.failed == {}
    return {path.name.partition(".")[0]: path for path in (done.folder / "runs").iterdir() if path.is_dir()}


@pytest.mark.parametrize("arm", ["by-score", "off-target"])
def test_an_arm_differs_from_its_control_as_declared_and_in_nothing_else(runs, arm):
    found = verify([runs["control"], runs[arm], runs["half"]])
    assert found.undeclared == ()
    assert "data.intervention" in {each.field for each in found.declared}


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (("treatment", "intervention", "code"), "key"),
        (("treatment", "intervention", "tools", "scorer"), "key"),
        (("treatment", "intervention", "sources", "other"), "treatment.intervention.sources.other"),
        (("treatment", "intervention", "of", "by-score", "dose"), "treatment.intervention.of.by-score.dose"),
        (("data", "intervention", "tools", "scorer"), "data.intervention.tools.scorer"),
        (("data", "untreated_sha256"), "data.untreated_sha256"),
        (("data", "control_untreated_sha256"), "data.untreated_sha256"),
    ],
)
def test_what_is_altered_and_sealed_again_is_found(runs, place, field, tmp_path):
    manifest = read_json(runs["off-target"] / "manifest.json")
    at = manifest
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = "0" * 64
    (tmp_path / "altered").mkdir()
    write_json(tmp_path / "altered" / "manifest.json", seal(manifest))
    fields = {each.field for each in verify([runs["control"], tmp_path / "altered"]).undeclared}
    assert field in fields
