"""Items in the form in which they are asked: letters, examples, and questions by templates."""

import json

import numpy as np
import pytest

from benchshadow.data.forms import lettered, with_examples
from benchshadow.data.questions import choice_items, questions
from benchshadow.data.tasks import Item, choices
from benchshadow.errors import InputError


def seeded(seed=0):
    return np.random.default_rng(seed)


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def test_letters_list_the_options_and_keep_the_right_one():
    item = lettered(Item("1", "Question: what?", (" tea", " milk", " rain"), 2))
    assert item.prompt == "Question: what?\nA. tea\nB. milk\nC. rain\nAnswer:"
    assert item.options == (" A", " B", " C")
    assert item.gold == 2
    assert lettered(Item("1", "", (" a", " b"))).prompt.startswith("A. a\n")
    with pytest.raises(InputError, match="must have at most 26 options but has 27"):
        lettered(Item("1", "q", tuple(f"o{i}" for i in range(27))))


def test_examples_stand_solved_before_every_item_and_are_none_of_them():
    items = (Item("1", "q1:", (" a", " b"), 1), Item("2", "q2:", (" c", " d")))
    examples = tuple(Item(f"e{i}", f"x{i}:", (" y", " z"), i % 2) for i in range(6))
    found = with_examples(items, examples, 2, rng=seeded())
    before = found[0].prompt.removesuffix("q1:")
    assert found[1].prompt == f"{before}q2:"
    assert [line[0] for line in before.splitlines()] == ["x", "x"]
    for line in before.splitlines():
        number = int(line[1])
        assert line == f"x{number}: {'yz'[number % 2]}"
    assert [item.options for item in found] == [item.options for item in items]
    assert with_examples(items, examples, 2, rng=seeded()) == found
    assert len({with_examples(items, examples, 2, rng=seeded(i))[0].prompt for i in range(9)}) > 3
    with pytest.raises(InputError, match="shots: must be at most the 6 examples there are but are 7"):
        with_examples(items, examples, 7, rng=seeded())
    with pytest.raises(InputError, match="shots: must not hold what is asked but hold '1'"):
        with_examples(items, items[:1], 1, rng=seeded())


def test_examples_of_several_lines_are_set_apart_by_an_empty_one():
    found = with_examples((Item("1", "q", (" a",)),), (Item("2", "one\ntwo", (" b\n",)),), 1, rng=seeded())
    assert found[0].prompt == "one\ntwo b\n\nq"


def test_choices_are_asked_and_left_over_by_one_sample(tmp_path):
    file = written(tmp_path / "a.jsonl", [{"q": f"q{i}", "o": ["a", "b"], "g": i % 2} for i in range(20)])
    fields = ("q", "o", "g")
    drawn = choice_items(file, fields=fields, most=6, rng=seeded(3))
    assert drawn.items == choices(file, most=6, rng=seeded(3), fields=fields)
    assert sorted(i.prompt for i in (*drawn.items, *drawn.rest)) == sorted(f"q{i}" for i in range(20))
    with pytest.raises(InputError, match="must have the field 'query' but has"):
        choice_items(file, fields=("query", "choices", "gold"), most=6, rng=seeded())


def test_questions_have_the_answers_of_their_field(tmp_path):
    rows = [
        {"question": "one?", "answer": "So 1 + 1 = 2\n#### 2"},
        {"question": "two?", "answer": "#### 1,000"},
        {"question": "three?", "answer": "#### 3 #### 4"},
    ]
    file = written(tmp_path / "a.jsonl", rows)
    given = {"question": "Q: {question}\nA:", "answer": "answer", "most": 9, "rng": seeded()}
    found = questions(file, after="####", **given)
    assert [(item.prompt, item.options) for item in found.items] == [
        ("Q: one?\nA:", (" 2",)),
        ("Q: two?\nA:", (" 1,000",)),
        ("Q: three?\nA:", (" 4",)),
    ]
    assert found.rest == ()
    listed = written(tmp_path / "b.jsonl", [{"question": "x", "answer": ["a", 2]}])
    assert questions(listed, after="", **given).items[0].options == (" a", " 2")


@pytest.mark.parametrize(
    ("row", "after", "said"),
    [
        ({"question": "x"}, "", "row 1: must have the field 'answer'"),
        ({"question": "x", "answer": "no mark"}, "####", "must have '####' in its answer but has 'no mark'"),
        ({"question": "x", "answer": []}, "", "must have an answer with text"),
        ({"question": "x", "answer": " "}, "", "must have an answer with text"),
        ({"question": "x", "answer": True}, "", "must have texts or numbers as answers but has True"),
        ({"answer": "a"}, "", "must have the field 'question'"),
    ],
)
def test_a_row_that_is_no_question_is_one_sentence(row, after, said, tmp_path):
    file = written(tmp_path / "a.jsonl", [row])
    with pytest.raises(InputError, match=said):
        questions(file, question="{question}", answer="answer", after=after, most=3, rng=seeded())
