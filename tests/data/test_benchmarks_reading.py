"""A benchmark's items are known by their fields; the view that is compared is said; rows that are none are refused."""

import gzip
import json

import polars as pl
import pytest

from benchshadow.data.benchmarks import read_benchmark
from benchshadow.data.documents import Document
from benchshadow.errors import InputError


def write(path, *rows):
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


CHOICE = {"question": "Which?", "choices": ["this", "that", 3], "answer": 1, "subject": "words", "id": "q-7"}
KNOWN = {
    "query": (
        {"query": "Which?", "choices": ["a", "b"], "gold": 0},
        "Which? a b",
        "question with options: query, choices",
    ),
    "choices": (CHOICE, "Which? this that 3", "question with options: question, choices"),
    "context": (
        {"context": "Once", "continuation": " more"},
        "Once more",
        "question with answer: context, continuation",
    ),
    "answer": ({"question": "How many?", "answer": "Two."}, "How many?", "question: question"),
    "pair": ({"sentence_good": "It is.", "sentence_bad": "It are.", "UID": "x"}, "It is.", "question: sentence_good"),
    "text": ({"text": " words "}, "words", "question: text"),
}


@pytest.mark.parametrize(("row", "text", "fields"), KNOWN.values(), ids=KNOWN.keys())
def test_known_schemas_are_found_by_their_fields_and_said(row, text, fields, tmp_path):
    found = read_benchmark(write(tmp_path / "a.jsonl", row))
    assert [item.text for item in found.items] == [text]
    assert found.fields == fields
    assert found.name == f"{tmp_path.name}/a"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"view": "question"}, "Which?"),
        ({"view": "question with answer"}, "Which? that"),
        ({"question": "subject"}, "words"),
        ({"question": "subject", "choices": "choices"}, "words this that 3"),
        ({"question": "subject", "answer": "id", "view": "question with answer"}, "words q-7"),
        ({"text": "{subject}: {choices}"}, "words: this that 3"),
    ],
)
def test_another_view_and_other_fields_can_be_named(settings, text, tmp_path):
    (item,) = read_benchmark(write(tmp_path / "a.jsonl", CHOICE), **settings).items
    assert item == Document("q-7", text, "words")


@pytest.mark.parametrize("answer", [1, "B", "b", "that", " that "])
def test_an_answer_is_a_place_a_letter_or_the_option_itself(answer, tmp_path):
    path = write(tmp_path / "a.jsonl", {**CHOICE, "answer": answer})
    (item,) = read_benchmark(path, view="question with answer").items
    assert item.text == "Which? that"


def test_options_may_stand_in_a_table_of_texts_and_labels(tmp_path):
    row = {"question": "Which?", "choices": {"text": ["this", "that"], "label": ["A", "B"]}, "answerKey": "A"}
    path = write(tmp_path / "a.jsonl", row)
    (item,) = read_benchmark(path, answer="answerKey", view="question with answer").items
    assert item.text == "Which? this"


def test_ids_are_the_rows_own_or_name_and_line(tmp_path):
    path = write(tmp_path / "a.jsonl", {"text": "x", "category": "k"}, "", {"text": "y"}, {"text": "z", "id": 0})
    found = read_benchmark(path, name="mine")
    assert found.items == (Document("mine#1", "x", "k"), Document("mine#3", "y", ""), Document("0", "z", ""))


def test_every_kind_of_file_gives_the_same_items_with_the_same_hash(tmp_path):
    rows = [{**CHOICE, "id": f"q{i}", "choices": ["a", str(i)]} for i in range(5)]
    plain = read_benchmark(write(tmp_path / "a.jsonl", *rows), name="b")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    for suffix in (".jsonl.gz", ".parquet"):
        assert read_benchmark(tmp_path / f"a{suffix}", name="b") == plain
    other = read_benchmark(write(tmp_path / "b.jsonl", *rows[::-1]), name="b")
    assert other.sha256 != plain.sha256


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("not json", "must be a JSON object but is not"),
        ({"question": "Which?", "choices": "ab", "answer": 0}, "must have a list of texts as 'choices' but has 'ab'"),
        ({"question": None, "choices": ["a", "b"], "answer": 0}, "must have a text as 'question' but has None"),
        ({"question": "Which?"}, r"must have the field 'choices' but has \['question'\]"),
        ({"question": " ", "choices": [""], "answer": 0}, "must have a text but has none"),
        (CHOICE, "must have an id of its own but 'q-7' was met before"),
    ],
)
def test_a_row_that_is_no_item_is_refused_by_line_and_the_others_are_read(row, said, tmp_path):
    path = write(tmp_path / "a.jsonl", CHOICE, row, {**CHOICE, "id": "last"})
    found = read_benchmark(path)
    assert [item.id for item in found.items] == ["q-7", "last"]
    (refused,) = found.refused
    assert (refused.file, refused.line) == (str(path), 2)
    with pytest.raises(InputError, match=said) as caught:
        read_benchmark(path, strict=True)
    assert (caught.value.where, caught.value.problem) == (f"{path}:2", refused.reason)


@pytest.mark.parametrize("answer", [3, -1, "D", "other", True, None, 1.0])
def test_an_answer_that_is_none_of_the_options_is_refused(answer, tmp_path):
    path = write(tmp_path / "a.jsonl", CHOICE, {**CHOICE, "id": "x", "answer": answer})
    (refused,) = read_benchmark(path, view="question with answer").refused
    assert refused.reason.startswith("must have one of 3 options as 'answer' but has")


@pytest.mark.parametrize(
    ("row", "settings", "said"),
    [
        ({"a": 1, "b": 2}, {}, r"must have the fields query\+choices\+gold; .*text, but has \['a', 'b'\]; name its"),
        (CHOICE, {"question": "prompt"}, r"a.jsonl:1: must have the field 'prompt' but has \['answer', "),
        (CHOICE, {"text": "{prompt}"}, r"a.jsonl:1: must have the field 'prompt' but has \['answer', "),
        (CHOICE, {"text": "{question}", "view": "question"}, "must stand alone, without a view"),
        (CHOICE, {"view": "all"}, "view: must hold some of question, question with options, question with answer"),
        ({"text": "x"}, {"view": "question with answer"}, "must have a field for the answer but there is none"),
        ({"text": "x"}, {"view": "question with options"}, "must have a field for the options but there is none"),
        ({"text": ""}, {}, "must hold at least one item but holds none of 1 rows, the first: .*must have a text"),
        ("", {}, "must hold at least one item but holds none of 0 rows$"),
    ],
)
def test_what_is_no_benchmark_is_one_sentence(row, settings, said, tmp_path):
    with pytest.raises(InputError, match=said):
        read_benchmark(write(tmp_path / "a.jsonl", row), **settings)


def test_a_folder_is_no_benchmark(tmp_path):
    write(tmp_path / "a.jsonl", CHOICE)
    with pytest.raises(InputError, match="must be one file of items but is a folder"):
        read_benchmark(tmp_path)


@pytest.mark.parametrize(
    ("file", "count", "fields"),
    [
        ("mmlu/test", 14_042, "question with options: question, choices"),
        ("gsm8k/test", 1_319, "question: question"),
        ("eval_suite/arc_challenge", 1_172, "question with options: query, choices"),
        ("eval_suite/lambada_openai", 5_153, "question with answer: context, continuation"),
        ("opentriviaqa/opentriviaqa", 49_716, "question with options: question, choices"),
        ("blimp/blimp", 67_000, "question: sentence_good"),
    ],
)
def test_real_benchmarks_are_read_whole(file, count, fields, data_folder):
    found = read_benchmark(data_folder / f"{file}.jsonl.gz", strict=True)
    assert (found.name, len(found.items), found.fields) == (file, count, fields)
    if "options" in fields:
        asked, answered = (
            read_benchmark(data_folder / f"{file}.jsonl.gz", strict=True, view=view)
            for view in ("question", "question with answer")
        )
        for item, question, answer in zip(found.items, asked.items, answered.items, strict=True):
            assert item.text.startswith(question.text)
            assert answer.text.startswith(question.text)
            assert item.text[len(question.text) :].count(answer.text[len(question.text) :]) > 0
