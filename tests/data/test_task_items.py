"""Benchmarks are split so that tiers keep their distance, and no text stands in two tiers."""

import dataclasses
import json
import re
from itertools import islice

import pytest
from data_samples import seeded, sources

from benchshadow.data.documents import Document, data_file, read_rows
from benchshadow.data.skills import FORMATS, SKILLS
from benchshadow.data.tasks import Item, Task, blimp_split, choices, skill_items, texts, without_repeats
from benchshadow.errors import InputError

ITEMS = (Item("1", "a", (" b", " c"), 1), Item("2", "a", (" b", " c", " d", " e"), 0))


def blimp_file(path, terms=(5, 4, 3, 1, 2), pairs=12, shared=3):
    """Paradigms of five terms; every paradigm's first pairs are the same sentences as the next paradigm's last."""
    rows, number = [], 0
    for t, paradigms in enumerate(terms):
        for p in range(paradigms):
            for i in range(pairs):
                text = f"Number {number + i} is good."
                rows.append(
                    {
                        "UID": f"p{t}{p}",
                        "pairID": str(i),
                        "linguistics_term": f"term{t}",
                        "sentence_good": text,
                        "sentence_bad": text.replace("good", "goodly"),
                    }
                )
            number += pairs - shared
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def right(item):
    return re.sub(r"\W+", " ", (item.prompt + item.options[item.gold]).lower()).strip()


def check_split(split, terms, distant):
    """What must hold of every split, given the term of every paradigm."""
    seen, held, near, far = split.tasks
    chosen = set(split.paradigms)
    used = {terms[name] for name in chosen}

    def paradigms(task):
        return {item.id.split("#")[0] for item in task.items}

    assert [task.tier for task in split.tasks] == ["seen", "held-out", "sibling", "sibling"]
    assert paradigms(seen) == chosen
    assert paradigms(held) <= chosen
    assert not paradigms(near) & chosen
    assert {terms[name] for name in paradigms(near)} <= used
    assert not {terms[name] for name in paradigms(far)} & used
    assert len(set(terms.values()) - used) >= distant
    for term in used:  # every term of the benchmark has a paradigm outside it
        assert any(terms[name] == term and name not in chosen for name in terms)
    training = {document.id for document in split.training}
    assert {item.id for item in seen.items} <= training
    assert not {item.id for task in (held, near, far) for item in task.items} & training
    known = {right(Item("", "", (document.text,))) for document in split.training}
    for task in (held, near, far):
        found = [right(item) for item in task.items]
        assert len(set(found)) == len(found)
        assert not set(found) & known
        known |= set(found)


@pytest.mark.parametrize("seed", range(8))
def test_the_tiers_of_a_split_keep_their_distance(seed, tmp_path):
    file = blimp_file(tmp_path / "blimp.jsonl")
    terms = {row["UID"]: row["linguistics_term"] for row in read_rows(data_file(file))}
    split = blimp_split(file, share=1 / 5, distant=2, per_paradigm=4, rng=seeded(seed))
    assert len(split.paradigms) == 3
    assert len(split.training) == 3 * 6
    check_split(split, terms, 2)
    again = blimp_split(file, share=1 / 5, distant=2, per_paradigm=4, rng=seeded(seed))
    assert again == split
    assert blimp_split(file, share=1 / 5, distant=2, per_paradigm=4, rng=seeded(seed + 100)).training != split.training


def test_terms_that_a_small_share_does_not_reach_are_distant(tmp_path):
    file = blimp_file(tmp_path / "blimp.jsonl")
    split = blimp_split(file, share=1 / 15, distant=1, per_paradigm=4, rng=seeded())
    term = split.paradigms[0][:2]
    assert len(split.paradigms) == 1
    assert {item.id[:2] for item in split.tasks[2].items} == {term}
    assert len({item.id[:2] for item in split.tasks[3].items}) == 4


@pytest.mark.parametrize(
    ("share", "distant", "said"),
    [
        (0.9, 1, "must leave every term a sibling, so 1 to .* of 15 paradigms .* a share of 0.9 is 14"),
        (0.01, 1, "a share of 0.01 is 0"),
        (0.3, 5, "has 5 linguistic terms, so distant must be in 1 to 4 but is 5"),
    ],
)
def test_a_split_that_cannot_be_is_refused(share, distant, said, tmp_path):
    file = blimp_file(tmp_path / "blimp.jsonl")
    with pytest.raises(InputError, match=said):
        blimp_split(file, share=share, distant=distant, per_paradigm=4, rng=seeded())


def test_a_row_without_its_fields_is_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"UID": "a", "pairID": "0", "sentence_good": "b"}\n', encoding="utf-8")
    with pytest.raises(InputError, match=r"a.jsonl:1: must have the field 'sentence_bad' but has"):
        blimp_split(str(path), share=0.3, distant=1, per_paradigm=4, rng=seeded())
    with pytest.raises(InputError, match=r"a.jsonl, row 1: must have the field 'query'"):
        choices(str(path), most=4, rng=seeded())


def test_the_real_blimp_is_split_with_its_distances(data_folder, monkeypatch):
    monkeypatch.setenv("BENCHSHADOW_DATA", str(data_folder))
    terms = {row["UID"]: row["linguistics_term"] for row in read_rows(data_file("blimp/blimp.jsonl.gz"))}
    split = blimp_split("blimp/blimp.jsonl.gz", share=1 / 3, distant=3, per_paradigm=20, rng=seeded(1))
    assert len(terms) == 67
    assert len(split.paradigms) == 22
    assert len(split.training) == 11_000
    check_split(split, terms, 3)
    assert len(split.tasks[1].items) > 300


def test_repeats_leave_the_later_tier_and_the_seen_tier_keeps_its_own():
    def task(name, tier, *words):
        return Task(name, tier, "exact", tuple(Item(f"{name}{i}", "say ", (word,)) for i, word in enumerate(words)))

    training = [Item("t", "say ", ("One!",))]
    tasks = (
        task("seen", "seen", "one"),
        task("held", "held-out", "ONE", "two", "two.", "three"),
        task("far", "unrelated", "Three", "four"),
    )
    kept = without_repeats(tasks, training)
    assert [[item.options[0] for item in each.items] for each in kept] == [["one"], ["two", "three"], ["four"]]
    assert [each.name for each in kept] == ["seen", "held", "far"]


def test_a_task_of_which_nothing_is_left_is_refused():
    task = Task("held", "held-out", "exact", (Item("1", "", ("one",)),))
    with pytest.raises(InputError, match="task 'held': must hold at least one item but holds none"):
        without_repeats((task,), [Item("t", "", ("One",))])


@pytest.mark.parametrize(
    ("kind", "item", "said"),
    [
        ("choice", Item("x", "", ("a",)), "must have 2 options or more but has 1"),
        ("exact", Item("x", "", ("a", "b")), "must have 1 option but has 2"),
        ("text", Item("x", "", ("",)), "has an empty one"),
        ("choice", Item("x", "", ("a", "b"), 2), "must have its gold among 2 options but it is 2"),
    ],
)
def test_items_that_do_not_fit_their_task_are_refused(kind, item, said):
    with pytest.raises(InputError, match=f"task 't', item 'x': .*{said}"):
        Task("t", "seen", kind, (item,))


def test_the_baseline_is_the_score_of_a_guess():
    task = Task("t", "unrelated", "choice", ITEMS)
    guesses = seeded().random((20_000, 2)) < [1 / 2, 1 / 4]
    assert task.baseline == (1 / 2 + 1 / 4) / 2
    assert guesses.mean() == pytest.approx(task.baseline, abs=0.01)
    assert Task("t", "seen", "exact", (Item("1", "a", ("b",)),)).baseline == 0


def test_the_hash_of_a_task_follows_everything_that_is_scored():
    task = Task("t", "unrelated", "choice", ITEMS)
    one, two = ITEMS
    changed = [
        (two, one),
        (one._replace(gold=0), two),
        (one._replace(options=(" c", " b")), two),
        (one._replace(prompt="A"), two),
        (one,),
    ]
    hashes = {task.sha256, *(dataclasses.replace(task, items=items).sha256 for items in changed)}
    assert len(hashes) == 6
    assert dataclasses.replace(task, name="u", tier="sibling").sha256 == task.sha256


def test_choices_are_a_seeded_sample_in_the_order_of_the_file(tmp_path):
    path = tmp_path / "a.jsonl"
    rows = [{"query": f"q{i}", "choices": [" a ", f"b{i}"], "gold": i % 2} for i in range(30)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = choices(str(path), most=10, rng=seeded(1))
    numbers = [int(item.prompt[1:]) for item in found]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 10
    assert all(item.options == (" a", f" b{n}") and item.gold == n % 2 for n, item in zip(numbers, found, strict=True))
    assert choices(str(path), most=10, rng=seeded(1)) == found != choices(str(path), most=10, rng=seeded(2))
    assert len(choices(str(path), most=99, rng=seeded())) == 30


@pytest.mark.parametrize(
    "row",
    [
        {"query": "q", "choices": ["a", "b"], "gold": "first"},
        {"query": "q", "choices": ["a", 2], "gold": 0},
        {"query": None, "choices": ["a", "b"], "gold": 0},
        {"query": "q", "choices": "ab", "gold": 0},
        {"query": "q", "choices": ["a", "b"], "gold": True},
    ],
)
def test_a_row_of_other_types_is_one_sentence(tmp_path, row):
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"c.jsonl, row 1: must have a text as query, a list of texts as choices"):
        choices(str(path), most=1, rng=seeded())


def test_whole_texts_are_taken_until_the_bytes_are_reached():
    documents = [Document(str(i), "é" * 50, "d") for i in range(9)]
    assert [len(texts(documents, most_bytes=n)) for n in (1, 100, 101, 400, 10_000)] == [1, 1, 2, 4, 9]


def test_skill_items_are_distinct_and_held_out_from_all_training():
    settings = {"skills": ["copy", "sort"], "formats": ["bar"], "lengths": (2, 4)}
    first = skill_items(seeded(1), 100, **settings)
    assert len({item.id for item in first}) == 100
    trained = {d.text for d in islice(sources(all={"kind": "skills", **settings}).draw("all", seeded(2)), 50_000)}
    assert len(trained) > 2_000
    assert not trained & {item.id for item in first}
    for item in first:
        assert item.id == item.prompt + item.options[0]
        skill, text = (item.prompt.split(" | ")[i] for i in (1, 0))
        assert item.options[0] == SKILLS[skill].solve(text) + "\n"
    assert skill_items(seeded(1), 100, **settings) == first
    with pytest.raises(InputError, match=r"must number 17 but only \d distinct ones are held out"):
        skill_items(seeded(), 17, skills=["copy"], formats=[next(iter(FORMATS))], lengths=(1, 1))
