"""Puzzles are drawn from a seed and judged by their own verifier."""

import pytest

from benchshadow.data.reasoning import Puzzles, puzzle_items
from benchshadow.data.scoring import Scoring
from benchshadow.data.tasks import Item, Task
from benchshadow.errors import InputError, MissingExtra


def puzzles(dataset="chain_sum", settings="{}", items=5, seed=1):
    pytest.importorskip("reasoning_gym", reason="reasoning-gym is not installed")
    return Puzzles(dataset, settings, items, seed)


def test_items_depend_on_the_seed_alone():
    one, again, other = (puzzle_items(puzzles(seed=seed)) for seed in (1, 1, 2))
    assert one == again != other
    assert [item.id for item in one] == [f"chain_sum#{i}" for i in range(5)]
    assert all(item.prompt.endswith("\nAnswer:") for item in one)
    assert "\\n" not in one[0].prompt


def test_the_stored_answer_is_right_and_another_is_not():
    judge = puzzles()
    for item in puzzle_items(judge):
        assert judge.right(item.id, item.options[0].strip()) == 1
        assert judge.right(item.id, "no number") < 1


def test_the_verifier_decides_and_not_the_stored_answer():
    judge = puzzles("countdown", items=3)
    for item in puzzle_items(judge):
        answer = item.options[0].strip()
        assert judge.right(item.id, f"({answer})") == 1 == judge.right(item.id, answer)


def test_settings_change_the_puzzles_and_stand_in_the_hash():
    hard = puzzles(settings='{"min_terms": 6, "max_terms": 6}')
    assert all(item.prompt.count(" + ") + item.prompt.count(" - ") == 5 for item in puzzle_items(hard))
    hashes = {
        Task("t", "unrelated", "generated", (Item("a", "q", ("b",)),), Scoring(judge=each)).sha256
        for each in (puzzles(), hard, puzzles(seed=2))
    }
    assert len(hashes) == 3
    assert hard.described["reasoning_gym"].count(".") == 2


@pytest.mark.parametrize(
    ("dataset", "settings", "said"),
    [
        ("chain_sums", "{}", "must name a data set of reasoning-gym but is 'chain_sums'; did you mean 'chain_sum'"),
        ("chain_sum", '{"terms": 3}', "settings: must be those of 'chain_sum' but are {'terms': 3}"),
        ("chain_sum", '{"min_terms": -1}', "settings: must be those of 'chain_sum' but are {'min_terms': -1}"),
    ],
)
def test_what_there_is_not_is_one_sentence(dataset, settings, said):
    with pytest.raises(InputError, match=said):
        puzzle_items(puzzles(dataset, settings))


def test_without_the_library_the_sentence_says_how_to_get_it(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    with pytest.raises(MissingExtra, match=r"pip install 'benchshadow\[reasoning-gym\]'"):
        puzzle_items(Puzzles("chain_sum", "{}", 1, 99))
