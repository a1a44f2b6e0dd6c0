"""Tasks share no item, nearly the same ones included, whatever their kind, and the list says what went and why."""

import numpy as np
import pytest

from benchshadow.data.apart import TRAINED, apart, repeating_none
from benchshadow.data.documents import Document
from benchshadow.data.tasks import Item, Task
from benchshadow.errors import InputError

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
NEAR = LONG.replace("fifteen", "fifty")
FAR = "red green blue white black grey brown pink teal cyan lime gold plum rose sand"


def task(name, tier, kind, *texts, options=1):
    wrong = tuple(f"wrong {i}" for i in range(options - 1))
    return Task(name, tier, kind, tuple(Item(f"{name}{i}", "", (text, *wrong)) for i, text in enumerate(texts)))


def left(found):
    return {each.name: [item.id for item in each.items] for each in found.tasks}


@pytest.mark.parametrize(
    ("kind", "options"), [("exact", 1), ("choice", 3), ("text", 1), ("generated", 1), ("harness", 2)]
)
def test_near_duplicates_leave_the_farther_tier_whatever_the_kind(kind, options):
    tasks = [
        task("far", "unrelated", kind, NEAR, FAR, options=options),
        task("held", "held-out", "exact", LONG),
    ]
    found = apart(tasks, [])
    assert left(found) == {"far": ["far1"], "held": ["held0"]}
    assert [tuple(each) for each in found.removed] == [("far", "far0", "held", "held0")]
    assert found.of("far") == found.removed
    assert found.of("held") == ()


def test_the_nearer_tier_decides_and_not_the_order_of_the_file():
    tasks = [task("text", "general", "text", LONG, FAR), task("sib", "sibling", "exact", LONG)]
    assert left(apart(tasks, [])) == left(apart(tasks[::-1], [])) == {"text": ["text1"], "sib": ["sib0"]}


def test_what_was_trained_on_leaves_all_tiers_but_the_seen_one():
    tasks = [task("seen", "seen", "exact", LONG, LONG), task("held", "held-out", "exact", NEAR, FAR)]
    found = apart(tasks, [Document("t", LONG, "")])
    assert left(found) == {"seen": ["seen0", "seen1"], "held": ["held1"]}
    assert found.removed[0].kept_in in ("seen", TRAINED)
    only = apart([task("held", "held-out", "exact", NEAR, FAR)], [Document("t", LONG, "")])
    assert tuple(only.removed[0]) == ("held", "held0", TRAINED, "t")


def test_short_items_are_compared_by_their_words_and_a_task_holds_each_wording_once():
    tasks = [task("a", "held-out", "exact", "one", "One!", "two"), task("b", "sibling", "exact", "TWO", "three")]
    found = apart(tasks, [])
    assert left(found) == {"a": ["a0", "a2"], "b": ["b1"]}
    assert [(each.item, each.kept_item) for each in found.removed] == [("a1", "a0"), ("b0", "a2")]


def test_ids_need_not_differ():
    items = (Item("x", "", (LONG,)), Item("x", "", (FAR,)), Item("x", "", ("short",)))
    found = apart([task("held", "held-out", "exact", LONG), Task("far", "unrelated", "exact", items)], [])
    assert [item.options[0] for item in found.tasks[1].items] == [FAR, "short"]


def test_no_pair_is_missed_among_many():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(400)]
    texts = [" ".join(rng.choice(words, size=30)) for _ in range(300)]
    edited = [text.split() for text in texts]
    for each in edited:
        each[0] = "other"
    tasks = [task("held", "held-out", "exact", *texts), task("far", "unrelated", "exact", *map(" ".join, edited), FAR)]
    found = apart(tasks, [])
    assert len(found.removed) == 300
    assert left(found)["far"] == ["far300"]


def test_a_task_of_which_nothing_is_left_is_named():
    with pytest.raises(InputError, match="task 'far': must hold at least one item but holds none"):
        apart([task("held", "held-out", "exact", LONG), task("far", "unrelated", "exact", NEAR)], [])


def test_documents_that_repeat_an_item_are_left_out_seen_items_included():
    tasks = [task("seen", "seen", "exact", LONG), task("held", "held-out", "exact", "a b")]
    documents = [Document(str(i), text, "") for i, text in enumerate([NEAR, "A, b!", FAR, "c d", "c d"])]
    assert [each.id for each in repeating_none(documents, tasks)] == ["2", "3"]
