"""Sources draw what they say, halves and pools never meet, and a tree that cannot be drawn from is refused at once."""

import json
import os
import subprocess
import sys
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from data_samples import corpus_file, seeded, sources, tree
from pydantic import ValidationError

from benchshadow.data.documents import Document, file_hash
from benchshadow.data.skills import FORMATS, HELD_OUT_SHARE, draw_items
from benchshadow.data.skills import SKILLS as SKILL_KINDS
from benchshadow.data.sources import DataFile, Sources
from benchshadow.errors import InputError

POOL = {"kind": "skills", "skills": ["copy", "sort"], "formats": ["bar"], "lengths": [2, 4], "pool": 50}


def drawn(found, name, count, seed=0):
    return list(islice(found.draw(name, seeded(seed)), count))


def texts(documents):
    return {document.text for document in documents}


def test_the_halves_of_a_corpus_never_meet_and_make_the_whole(tmp_path):
    found = sources(text={**corpus_file(tmp_path / "a.jsonl", repeats=150), "held_out": ["b3"]})
    base, arms, held = (found.corpus("text", half) for half in ("base", "arms", "held-out"))
    assert not texts(base) & texts(arms)
    assert not texts(held) & (texts(base) | texts(arms))
    assert len(held) == 40 + 15  # the group's own rows and the repeats that stand in it
    whole = found.corpus("text", "all")
    assert Counter(d.id for d in whole) == Counter(d.id for d in [*base, *arms])
    assert len(texts(whole)) == 400 - len(texts(held))
    assert len(base) / len(whole) == pytest.approx(0.5, abs=0.1)


def test_halves_by_group_keep_groups_together(tmp_path):
    found = sources(text={**corpus_file(tmp_path / "a.jsonl", groups=40), "halves": "groups"})
    groups = [{int(d.text.split()[1]) % 40 for d in found.corpus("text", half)} for half in ("base", "arms")]
    assert not groups[0] & groups[1]
    assert len(groups[0] | groups[1]) == 40
    assert all(groups)


def test_the_split_does_not_depend_on_where_the_data_lies(tmp_path):
    halves = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        found = sources(text=corpus_file(tmp_path / place / "a.jsonl"))
        halves.append(texts(found.corpus("text", "base")))
    assert halves[0] == halves[1]


def test_a_held_out_group_that_is_not_there_is_named(tmp_path):
    found = sources(text={**corpus_file(tmp_path / "a.jsonl"), "held_out": ["b77"]})
    with pytest.raises(InputError, match=r"sources.text.held_out: names 'b77'"):
        found.corpus("text", "base")


def test_neither_draws_nor_mixes_give_what_is_held_out(tmp_path):
    corpus = {**corpus_file(tmp_path / "a.jsonl"), "held_out": ["b3"]}
    found = sources(text=corpus, mix={"kind": "mix", "of": ["text"], "half": "all"})
    held = texts(found.corpus("text", "held-out"))
    assert held
    for name in ("text", "mix"):
        assert not texts(drawn(found, name, 2000)) & held


def test_a_finite_source_gives_every_document_once_per_epoch_in_a_new_order(tmp_path):
    found = sources(
        a=corpus_file(tmp_path / "a.jsonl", rows=60),
        b=corpus_file(tmp_path / "b.jsonl", rows=40),
        mix={"kind": "mix", "of": ["a", "b"], "half": "base"},
    )
    whole = found.finite("mix", seeded())
    first, second = np.split(np.array([d.id for d in drawn(found, "mix", 2 * len(whole))]), 2)
    assert sorted(first) == sorted(second) == sorted(d.id for d in whole)
    assert list(first) != list(second)


def test_balanced_gives_every_domain_equally_often(tmp_path):
    uneven = [{"text": f"t{i}", "domain": "rare" if i < 6 else "common", "book": "b"} for i in range(200)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in uneven), encoding="utf-8")
    corpus = {"kind": "corpus", "file": str(path), "domain": "{domain}"}
    found = sources(text=corpus, even={"kind": "balanced", "of": ["text"], "half": "all"})
    counts = Counter(d.domain for d in drawn(found, "even", 500))
    assert counts == {"rare": 250, "common": 250}


def test_zipf_repeats_few_documents_by_their_rank():
    found = sources(
        all={"kind": "skills", "skills": ["copy"], "lengths": [4, 4]},
        few={"kind": "zipf", "of": "all", "documents": 20, "exponent": 1.0},
    )
    counts = Counter(d.text for d in drawn(found, "few", 20_000))
    assert len(counts) == 20
    weights = 1 / np.arange(1, 21)
    expected = np.sort(20_000 * weights / weights.sum())[::-1]
    assert np.allclose(sorted(counts.values(), reverse=True), expected, atol=6 * np.sqrt(expected.max()))


def test_zipf_never_takes_a_document_twice_and_says_when_there_are_too_few(tmp_path):
    small = corpus_file(tmp_path / "a.jsonl", rows=30)
    assert len(texts(drawn(sources(a=small, z={"kind": "zipf", "of": "a", "documents": 30}), "z", 3000))) == 30
    with pytest.raises(InputError, match=r"sources.z.documents: must be at most what 'a' holds but is 31, and 30"):
        drawn(sources(a=small, z={"kind": "zipf", "of": "a", "documents": 31}), "z", 1)


def test_a_slice_is_as_long_as_what_it_is_like_and_repeats_itself(tmp_path):
    pairs = [Document(f"pair {i}", "x" * 30, "pairs") for i in range(20)]
    found = sources(
        lambda: pairs,
        text=corpus_file(tmp_path / "a.jsonl"),
        seen={"kind": "benchmark"},
        same={"kind": "slice", "of": "text", "like": "seen"},
    )
    cut = found.finite("same", seeded(1))
    length = sum(len(d.text) for d in cut)
    assert 600 <= length < 600 + max(len(d.text) for d in cut)
    assert sorted(drawn(found, "same", 3 * len(cut), seed=1)) == sorted(3 * cut)
    assert found.finite("same", seeded(2)) != cut


def test_a_benchmark_without_its_seen_half_is_refused():
    with pytest.raises(InputError, match=r"sources.b: is the seen half of a benchmark"):
        drawn(sources(b={"kind": "benchmark"}), "b", 1)


def test_pools_hold_so_many_distinct_items_and_do_not_depend_on_the_rest_of_the_study():
    one = sources(pool=POOL)
    two = sources(other={"kind": "skills"}, renamed=POOL)
    assert len(texts(one.pool("pool"))) == 50
    assert one.pool("pool") == two.pool("renamed")
    assert one.pool("pool") != sources(pool={**POOL, "pool": 51}).pool("pool")[:50]
    assert texts(drawn(one, "pool", 50)) == texts(one.pool("pool"))


def test_nothing_that_is_drawn_asks_a_question_that_is_held_out_in_any_format():
    found = sources(seen=POOL, rest={"kind": "skills", "lengths": [2, 4], "compositions": 0.2})
    exercises = draw_items(seeded(5), skills=tuple(SKILL_KINDS), formats=tuple(FORMATS), lengths=(2, 4))
    held = {(each.skill, each.input) for each in islice(exercises, 20_000) if each.held_out}
    asked = {FORMATS[form].format(s=skill, x=given) for skill, given in held for form in FORMATS}
    drawn_texts = texts(drawn(found, "rest", 20_000)) | texts(found.pool("seen"))
    assert len(held) > 500
    # An answer holds no space, so what stands before the last one is the prompt.
    assert not asked & {text.rpartition(" ")[0] + " " for text in drawn_texts}


def test_a_tenth_of_all_questions_is_held_out():
    exercises = islice(draw_items(seeded(6), skills=("sort",), formats=("bar",), lengths=(6, 9)), 20_000)
    assert np.mean([each.held_out for each in exercises]) == pytest.approx(HELD_OUT_SHARE, abs=0.01)


def test_a_pool_that_cannot_be_filled_is_refused():
    tiny = {"kind": "skills", "skills": ["copy"], "formats": ["bar"], "lengths": [1, 1]}
    with pytest.raises(InputError, match=r"sources.all.pool: must be reachable but is 17, and 1\d were found"):
        sources(all={**tiny, "pool": 17}).pool("all")


SKILLS = {"kind": "skills"}


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"a": {"kind": "mix", "of": ["b"]}}, r"sources.a: names 'b', which is not among \['a'\]"),
        ({"a": {"kind": "zipf", "of": "b", "documents": 3}}, "sources.a: names 'b'"),
        ({"a": {"kind": "balanced", "of": ["b"]}, "b": SKILLS}, "of must name corpora but names 'b', .* 'skills'"),
        ({"a": {"kind": "mix", "of": ["a"]}}, "of must name corpora but names 'a', which is of kind 'mix'"),
        ({"a": {"kind": "slice", "of": "b", "like": "b"}, "b": SKILLS}, "like must name a finite source but names 'b'"),
        ({"a": {"kind": "zipf", "of": "a", "documents": 3}}, "must not draw from themselves but go round: a -> a"),
        (
            {"a": {"kind": "zipf", "of": "b", "documents": 3}, "b": {"kind": "zipf", "of": "a", "documents": 3}},
            "must not draw from themselves but go round: (a -> b -> a|b -> a -> b)",
        ),
    ],
)
def test_a_tree_that_cannot_be_drawn_from_is_refused(tables, said):
    with pytest.raises(InputError, match=said):
        sources(**tables)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            {"kind": "corpsu", "file": "a"},
            "kind must be one of skills, corpus, .* but is 'corpsu'; did you mean 'corpus'?",
        ),
        ({"file": "a"}, "kind must be one of skills, .* but is missing"),
        ({"kind": "skills", "skills": ["revers"]}, "skills must be among .* but is 'revers'; did you mean 'reverse'?"),
        ({"kind": "skills", "formats": ["braille"]}, "formats must be among .* but is 'braille'"),
        ({"kind": "skills", "lengths": [4, 30]}, r"lengths must rise within 1 to 18 but are \[4, 30\]"),
        ({"kind": "mix", "of": []}, "at least 1 item"),
    ],
)
def test_a_misspelt_source_says_what_was_meant(table, said):
    with pytest.raises(ValidationError, match=said):
        tree(a=table)


def test_an_empty_source_is_refused_and_not_waited_for(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": " "}\n', encoding="utf-8")
    corpus = {"kind": "corpus", "file": str(tmp_path / "a.jsonl")}
    found = sources(a=corpus, mix={"kind": "mix", "of": ["a"]}, even={"kind": "balanced", "of": ["a"]})
    for name in ("a", "mix", "even"):
        with pytest.raises(InputError, match=f"sources.{name}: must hold at least one document but is empty"):
            drawn(found, name, 1)


def test_fingerprints_follow_settings_parents_and_files(tmp_path):
    corpus = corpus_file(tmp_path / "a.jsonl")
    other = {**corpus_file(tmp_path / "b.jsonl", rows=401)}

    def prints(**tables):
        found = sources(**tables)
        return {name: found.fingerprint(name) for name in tables}

    plain = prints(a=corpus, b={"kind": "mix", "of": ["a"]}, c={"kind": "zipf", "of": "b", "documents": 3})
    assert plain == prints(a=corpus, b={"kind": "mix", "of": ["a"]}, c={"kind": "zipf", "of": "b", "documents": 3})
    passage = prints(
        a={**corpus, "passage": 9}, b={"kind": "mix", "of": ["a"]}, c={"kind": "zipf", "of": "b", "documents": 3}
    )
    file = prints(a=other, b={"kind": "mix", "of": ["a"]}, c={"kind": "zipf", "of": "b", "documents": 3})
    assert all(len({plain[name], passage[name], file[name]}) == 3 for name in "abc")
    few = {"kind": "zipf", "of": "p", "documents": 3}
    assert prints(p=POOL, s=few)["s"] != prints(p={**POOL, "pool": 49}, s=few)["s"]


def test_the_files_below_a_source_are_listed_with_licence_and_hash(tmp_path):
    corpus = {**corpus_file(tmp_path / "a.jsonl"), "licence": "CC0", "origin": "here"}
    found = sources(a=corpus, b={"kind": "mix", "of": ["a"]}, c={"kind": "slice", "of": "b", "like": "a"})
    listed = found.files("c")
    assert list(listed) == [str(tmp_path / "a.jsonl")]
    assert listed == found.files("a")
    assert listed[str(tmp_path / "a.jsonl")].keys() == {"sha256", "licence", "origin"}


def test_the_seen_half_of_a_benchmark_is_told_by_the_file_that_it_is_drawn_from(tmp_path):
    files = []
    for name, text in (("one", "a\n"), ("two", "b\n")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        files.append(DataFile(str(tmp_path / name), "CC BY 4.0", "here"))
    settings = tree(half={"kind": "benchmark"}, same={"kind": "slice", "of": "half", "like": "half"})
    one, two = (Sources(settings, list, file) for file in files)
    for name in ("half", "same"):
        assert one.fingerprint(name) != two.fingerprint(name)
        known = {"sha256": file_hash(tmp_path / "one"), "licence": "CC BY 4.0", "origin": "here"}
        assert one.files(name) == {str(tmp_path / "one"): known}
    assert Sources(settings).files("same") == {}


def test_another_process_draws_the_same_documents(tmp_path):
    tables = {
        "text": corpus_file(tmp_path / "a.jsonl"),
        "even": {"kind": "balanced", "of": ["text"]},
        "seen": POOL,
        "rest": {**POOL, "pool": None},
        "few": {"kind": "zipf", "of": "rest", "documents": 9},
    }
    code = (
        "import sys, json, hashlib; from itertools import islice; import numpy as np; from pydantic import TypeAdapter;"
        "from benchshadow.data.sources import Source, Sources;"
        "t = {n: TypeAdapter(Source).validate_python(s) for n, s in json.load(sys.stdin).items()}; f = Sources(t);"
        "d = [list(islice(f.draw(n, np.random.default_rng(1)), 99)) for n in t];"
        "print(hashlib.sha256(repr(d).encode()).hexdigest(), [f.fingerprint(n) for n in t])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=json.dumps(tables),
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_the_halves_of_real_corpora_never_meet(data_folder, monkeypatch):
    monkeypatch.setenv("BENCHSHADOW_DATA", str(data_folder))
    found = sources(
        facts={"kind": "corpus", "file": "factbook/factbook.jsonl.gz", "domain": "{section}", "passage": 0},
        books={
            "kind": "corpus",
            "file": "standard_ebooks/chapters.jsonl.gz",
            "group": "{book}",
            "domain": "{genre}",
        },
    )
    for name in ("facts", "books"):
        base, arms = found.corpus(name, "base"), found.corpus(name, "arms")
        assert 0.4 < len(base) / (len(base) + len(arms)) < 0.6
    base, arms = found.corpus("facts", "base"), found.corpus("facts", "arms")
    assert not texts(base) & texts(arms)
    assert len(base) + len(arms) > 69_000
