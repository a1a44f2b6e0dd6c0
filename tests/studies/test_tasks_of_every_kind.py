"""A study with a task of every kind and an equaliser runs through, and its records say what was scored and how."""

import json

import polars as pl
import pytest
from small_study import write_study

from benchshadow.errors import InputError
from benchshadow.records import read, read_json
from benchshadow.studies.declaring.measures import measures, values
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_run
from benchshadow.studies.preparing.suite import suite
from benchshadow.studies.running.runs import plan_runs

TASKS = """
[[tasks]]
name = "generated items"
kind = "skills"
tier = "held-out"
skills = ["reverse", "sort"]
formats = ["equals"]
items = 6
by = "generation"
shots = 1
[[tasks]]
name = "letters"
kind = "choices"
file = "{choices}"
form = "letters"
items = 6
shots = 1
[[tasks]]
name = "per byte"
kind = "choices"
file = "{choices}"
items = 7
compete = "byte"
tier = "sibling"
[[tasks]]
name = "answers"
kind = "answers"
file = "{answers}"
items = 5
most_tokens = 3
alike = ["numbers", "punctuation", "space"]
take = "last number"
[[tasks]]
name = "puzzles"
kind = "reasoning-gym"
dataset = "chain_sum"
settings = {{ max_terms = 2 }}
items = 3
most_tokens = 4
[[tasks]]
name = "harness"
kind = "lm-eval"
tasks = ["study_choice"]
include = "{include}"
items = 4

[equaliser]
steps = 2
examples = 12
learning_rate = 1e-2
sequences = 2

[arms.control]
"""


def files(folder):
    """A file of choices, one of answers, and a folder with a task for the harness."""
    rows = {
        "choices": [{"query": f"Question: {i}?", "choices": [f"yes {i}", "no"], "gold": i % 2} for i in range(16)],
        "answers": [{"question": f"what is {i} plus {i}", "answer": str(2 * i)} for i in range(9)],
    }
    for name, given in rows.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    include = folder / "harness"
    include.mkdir()
    (include / "a.yaml").write_text(
        f"""
task: study_choice
dataset_path: json
dataset_kwargs: {{data_files: {{test: {folder / "choices.jsonl"}}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{query}}}} Answer:"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{gold}}}}"
metric_list: [{{metric: acc}}]
""",
        encoding="utf-8",
    )
    return {name: str(folder / f"{name}.jsonl") for name in rows} | {"include": str(include)}


CHANGES = (
    ('[tokenizer]\nkind = "skills"', '[tokenizer]\nkind = "bpe"\nsource = "broad"\nsize = 300'),
    ("replicates = [0, 1]", "replicates = [0]"),
    ("length = 32", "length = 96"),
    ('kind = "skills"\nlengths = [4, 6]\n', 'kind = "skills"\nlengths = [4, 6]\npool = 400\n'),
)


@pytest.fixture(scope="module", autouse=True)
def own_cache_of_data_sets(tmp_path_factory):
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    tasks = TASKS.format(**files(folder))
    return write_study(folder, *CHANGES, ("[arms.control]\n", tasks.lstrip()))


@pytest.fixture(scope="module")
def done(file, tmp_path_factory):
    found = study_run(file, out=tmp_path_factory.mktemp("out"), workers=1)
    assert found.failed == {}
    return found.folder


def run(folder, arm="control"):
    (found,) = (folder / "runs").glob(f"{arm}.0.*[0-9a-f]/")
    return found


@pytest.mark.slow
def test_every_task_is_scored_before_and_after_the_equaliser(file, done):
    records = read(run(done)).filter(pl.col("of") == "outcome")
    study = read_study(file)
    names = {task.name for task in study.tasks}
    last = records.filter(pl.col("step") == study.settings.steps)
    for split in (None, "equalised"):
        here = last.filter(pl.col("split").eq_missing(pl.lit(split, pl.String)))
        assert names <= set(here["benchmark"])
    early = records.filter(pl.col("step") == 1)
    assert early["split"].to_list() == [None] * early.height
    own = last.filter(pl.col("benchmark") == "harness: study_choice", pl.col("split").is_null())
    assert own.select("diagnostic", "items").rows() == [("acc", 4)]
    methods = dict(last.select("benchmark", "method").unique().iter_rows())
    assert methods["puzzles"] == methods["generated items"] == "greedy generation"
    assert methods["harness"] == "lm-evaluation-harness"


@pytest.mark.slow
def test_the_equaliser_moves_scores_and_its_measures_are_read_apart(file, done):
    records, study = read(run(done)), read_study(file)
    known = {measure.name: measure for measure in measures(study)}
    plain, after = (values(records, known[name]) for name in ("broad text", "broad text, equalised"))
    assert plain.keys() > after.keys() == {("control", 0, 4), ("base", 0, 0)}
    assert all(after[place] != plain[place] for place in after)
    claims = read_json(done / "claims.json")
    assert "broad text, equalised" in json.dumps(claims)


@pytest.mark.slow
def test_items_keep_the_answers_that_were_given(done):
    items = pl.read_parquet(run(done) / "items.parquet")
    last = items.filter(pl.col("step") == 4, pl.col("split").is_null())
    given = {name: part for (name,), part in last.group_by("benchmark")}
    assert given["seen items"]["prediction"].null_count() == given["seen items"].height
    assert set(given["letters"]["prediction"]) <= {" A", " B"}
    for name in ("per byte", "letters", "answers", "puzzles", "harness", "generated items"):
        assert given[name]["prediction"].null_count() == 0
    assert given["puzzles"]["log_probability"].null_count() == 3
    assert given["answers"]["log_probability"].null_count() == 0
    assert items["correct"].drop_nulls().is_between(0, 1).all()


@pytest.mark.slow
def test_the_manifest_tells_the_equaliser_and_the_scoring_and_all_arms_have_the_same(done):
    one, two = (read_json(run(done, arm) / "manifest.json") for arm in ("control", "aligned"))
    assert one["equaliser"] == two["equaliser"]
    assert one["equaliser"]["examples"] == 12
    assert one["equaliser"]["settings"]["steps"] == 2
    told = {task["benchmark"]: task for task in one["evaluation"]}
    assert told["per byte"]["scoring"]["compete"] == "byte"
    assert told["puzzles"]["scoring"]["judge"]["dataset"] == "chain_sum"
    assert told["harness"]["scoring"]["harness"]["versions"]["study_choice"]
    assert told["letters"]["majority"] >= told["letters"]["baseline"] == 0.5
    assert one["evaluation"] == two["evaluation"]


def test_whatever_decides_a_score_decides_the_measurement_key_and_no_weight(file, tmp_path):
    text = file.read_text(encoding="utf-8")
    keys = {}
    for old, new in (
        ("", ""),
        ("examples = 12", "examples = 11"),
        ('compete = "byte"', 'compete = "token"'),
        ("most_tokens = 3", "most_tokens = 4"),
        ('form = "letters"', 'form = "cloze"'),
        ("max_terms = 2", "max_terms = 3"),
        ("shots = 1", "shots = 2"),
    ):
        changed = tmp_path / "study.toml"
        changed.write_text(text.replace(old, new, 1), encoding="utf-8")
        found = plan_runs(read_study(changed))[1][0]
        keys[old] = (found.key, found.measurement)
    assert len({key for key, _ in keys.values()}) == 1
    assert len({measurement for _, measurement in keys.values()}) == len(keys)


def test_examples_are_no_items_and_the_same_whenever_they_are_drawn(file):
    study = read_study(file)
    one, again = (suite(study, 0) for _ in range(2))
    assert one.equaliser == again.equaliser
    items = {item.prompt + item.options[item.gold] for task in one.tasks for item in task.items}
    assert not items & {each.text for each in one.equaliser.documents}
    assert len({each.text for each in one.equaliser.documents}) == 12
    assert one.equaliser.settings.learning_rate == 1e-2
    assert one.equaliser.settings.length == study.settings.length


def test_letters_examples_and_tiers_are_as_the_file_asks(file):
    tasks = {task.name: task for task in suite(read_study(file), 0).tasks}
    letters, generated = tasks["letters"].items[0], tasks["generated items"].items[0]
    assert letters.options == (" A", " B")
    assert letters.prompt.count("Answer:") == 2
    assert generated.prompt.count(" = ") == 2
    asked = {item.id for item in tasks["letters"].items}
    assert not asked & {item.id for item in tasks["per byte"].items}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("examples = 12", "examples = 900", "equaliser.examples: must be at most the .* but is 900"),
        ("sequences = 2\n\n[arms", 'sequences = 2\nsource = "brod"\n\n[arms', "equaliser.source.*did you mean 'broad'"),
        ("items = 6\nshots = 1", "items = 6\nshots = 99", "tasks.letters.shots: must be at most the 10 examples"),
        ("most_tokens = 3", "most_token = 3", "most_token: no such key; did you mean 'most_tokens'"),
        ('take = "last number"', 'take = "first"', "take"),
        ('dataset = "chain_sum"', 'dataset = "chain_sun"', "dataset: must name a data set of reasoning-gym"),
    ],
)
def test_what_cannot_be_is_one_sentence(file, tmp_path, old, new, said):
    text = file.read_text(encoding="utf-8")
    assert old in text
    changed = tmp_path / "study.toml"
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        suite(read_study(changed), 0)
