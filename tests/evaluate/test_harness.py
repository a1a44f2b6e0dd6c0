"""lm-evaluation-harness asks local tasks of our loaded model, offline, and its scores agree with ours."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small_models import TOKENIZER, small

from benchshadow.data.harness import Harness, harness_items, place_of
from benchshadow.data.scoring import Scoring
from benchshadow.data.tasks import Task
from benchshadow.errors import InputError, MissingExtra
from benchshadow.evaluate import generate, score

LETTERS = "abcdefgh"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A choice, a text to be generated, one without a measure per item, and choices with and without examples."""
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    place = tmp_path_factory.mktemp("tasks")
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(12):
        word = "".join(rng.choice(list(LETTERS), size=4))
        rows.append({"word": word, "options": [word[::-1], word], "gold": int(rng.integers(2)), "answer": word[0]})
    file = place / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    shared = f"""
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
"""
    choice = """
task: world_choice
output_type: multiple_choice
doc_to_text: "reverse {{word}} ="
doc_to_choice: "{{options}}"
doc_to_target: "{{gold}}"
metadata: {version: 3.0}
metric_list: [{metric: acc}, {metric: acc_norm}]
"""
    answer = """
task: world_answer
output_type: generate_until
doc_to_text: "first {{word}} = "
doc_to_target: "{{answer}}"
generation_kwargs: {until: ["\\n"], max_gen_toks: 4, do_sample: false}
metric_list: [{metric: exact_match}]
"""
    text = """
task: world_text
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{word}}"
metric_list: [{metric: bits_per_byte}]
"""
    example = place / "example.jsonl"
    example.write_text(json.dumps({**rows[0], "word": "abcd", "options": ["dcba", "abcd"], "gold": 0}) + "\n")
    examples = f"""
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}, train: {example}}}}}
test_split: test
fewshot_split: train
"""
    shown = choice.replace("world_choice", "world_shown") + examples
    never = shown.replace("world_shown", "world_never") + "num_fewshot: 0\n"
    for name, whole in (("shown", shown), ("never", never)):
        (place / f"{name}.yaml").write_text(whole, encoding="utf-8")
    elsewhere = choice.replace("world_choice", "world_elsewhere") + "dataset_path: nobody/nothing\ntest_split: test\n"
    (place / "elsewhere.yaml").write_text(elsewhere, encoding="utf-8")
    for name, body in (("choice", choice), ("answer", answer), ("text", text)):
        (place / f"{name}.yaml").write_text(body + shared, encoding="utf-8")
    return place


@pytest.fixture(autouse=True)
def own_cache_of_data_sets(tmp_path_factory, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("datasets"))


def task(folder, *names, metric="", items=12, kept=None, shots=None):
    harness = Harness(names, str(folder), shots, metric=metric)
    found = harness_items(harness, most=items)
    return Task("world", "unrelated", "harness", found[:kept], Scoring(harness=harness))


def test_items_are_those_of_the_file(folder):
    items = task(folder, "world_choice", "world_answer").items
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert len(items) == 24
    assert items[0].prompt == f"reverse {rows[0]['word']} ="
    assert items[0].options == tuple(rows[0]["options"])
    assert [item.gold for item in items[:12]] == [row["gold"] for row in rows]
    assert items[12].options == (rows[0]["answer"],)
    assert place_of(items[12].id) == ("world_answer", 0)
    assert len(task(folder, "world_choice", items=5).items) == 5


def test_a_choice_is_scored_as_ours(folder):
    asked = task(folder, "world_choice")
    found = score(small(), TOKENIZER, asked)
    # The harness puts a space between the question and an option.
    own = tuple(item._replace(options=tuple(f" {option}" for option in item.options)) for item in asked.items)
    ours = score(small(), TOKENIZER, Task("t", "unrelated", "choice", own))
    assert found.log_probability == pytest.approx(ours.log_probability, abs=1e-4)
    assert found.correct.tolist() == ours.correct.tolist()
    assert [f" {text}" for text in found.predictions] == list(ours.predictions)
    assert found.others[("world_choice", "acc")] == pytest.approx(ours.correct.mean())
    assert found.others.keys() == {("world_choice", "acc"), ("world_choice", "acc_norm")}
    assert found.summary()["accuracy"][0] == pytest.approx(ours.correct.mean())
    assert asked.baseline == 0.5
    assert 0 < found.correct.mean() < 1


def test_a_generated_answer_is_ours(folder):
    asked = task(folder, "world_answer")
    found = score(small(), TOKENIZER, asked)
    ours = generate(small(), TOKENIZER, [item.prompt for item in asked.items], most_tokens=4)
    assert list(found.predictions) == [answer.text for answer in ours]
    right = [answer.text == item.options[0] for answer, item in zip(ours, asked.items, strict=True)]
    assert found.correct.tolist() == [float(each) for each in right]
    assert "answer_log_probability" not in found.summary()


def test_only_the_items_that_are_left_are_asked_and_another_measure_can_count(folder):
    whole = score(small(), TOKENIZER, task(folder, "world_choice"))
    asked = task(folder, "world_choice", metric="acc_norm")
    few = replace(asked, items=tuple(asked.items[i] for i in (1, 4, 7)))
    found = score(small(), TOKENIZER, few)
    assert found.log_probability == pytest.approx(whole.log_probability[[1, 4, 7]], abs=1e-5)
    assert found.others[("world_choice", "acc_norm")] == pytest.approx(found.correct.mean())


def test_examples_stand_before_the_questions_that_ask_for_them_and_before_no_others(folder):
    bare, shown = (task(folder, "world_shown", shots=shots) for shots in (None, 1))
    first, found, again = (score(small(), TOKENIZER, each).log_probability for each in (bare, shown, bare))
    before = "reverse abcd = dcba\n\n"
    own = tuple(
        item._replace(prompt=before + item.prompt, options=tuple(f" {each}" for each in item.options))
        for item in shown.items
    )
    ours = score(small(), TOKENIZER, Task("t", "unrelated", "choice", own)).log_probability
    assert found == pytest.approx(ours, abs=1e-4)
    assert again == pytest.approx(first, abs=1e-6)
    assert not np.allclose(found, first, atol=0.01)


def test_examples_for_a_task_that_takes_none_are_refused(folder):
    with pytest.raises(InputError, match=r"shots: must be 0 or left out for 'world_never', which .* but are 2"):
        task(folder, "world_never", shots=2)
    assert len(task(folder, "world_never", shots=0).items) == 12


def test_a_measure_that_is_none_per_item_is_refused(folder):
    with pytest.raises(InputError, match="metric: must name a measure per item between 0 and 1, one of acc, acc_norm"):
        score(small(), TOKENIZER, task(folder, "world_choice", metric="f1"))
    with pytest.raises(InputError, match=r"metric: must name a measure per item .* but names none"):
        score(small(), TOKENIZER, task(folder, "world_text"))


@pytest.mark.slow
def test_a_task_that_is_not_there_is_named_with_its_neighbour(folder):
    with pytest.raises(InputError, match=r"tasks: must name tasks .* 'world_chioce'; did you mean 'world_choice'"):
        task(folder, "world_chioce")


def test_a_folder_that_is_not_there_is_named(folder):
    with pytest.raises(InputError, match="none: no such folder"):
        task(folder / "none", "world_choice")


def test_data_that_are_not_on_this_machine_are_not_fetched(folder):
    with pytest.raises(InputError, match="tasks world_elsewhere: cannot be opened on this machine"):
        task(folder, "world_elsewhere")


def test_versions_and_names_stand_in_the_hash(folder):
    told = task(folder, "world_choice").scoring.described["harness"]
    assert told["versions"] == {"world_choice": "3.0"}
    assert told["lm_eval"].count(".") >= 2
    hashes = {task(folder, "world_choice", metric=metric).sha256 for metric in ("", "acc_norm")}
    assert len(hashes) == 2


def test_without_the_library_the_sentence_says_how_to_get_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "lm_eval.tasks", None)
    with pytest.raises(MissingExtra, match=r"pip install 'benchshadow\[lm-eval\]'"):
        harness_items(Harness(("never_opened",)), most=1)


def test_the_model_and_the_random_generators_are_left_as_they_were(folder):
    import torch

    torch.manual_seed(5)
    before = torch.get_rng_state()
    made = small(seed=4)
    made.train()
    score(made, TOKENIZER, task(folder, "world_choice", kept=2))
    assert made.training
    assert torch.equal(torch.get_rng_state(), before)
