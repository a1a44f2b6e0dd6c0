"""Any source of a study gives prompts with answers: by a corpus's templates, or by what follows the last space."""

import json

import numpy as np
import pytest
from small_study import write_study

from benchshadow.data.interventions.prompts import Prompt
from benchshadow.errors import InputError
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.preparing.interventions import items
from benchshadow.studies.preparing.suite import suite

ROWS = [{"q": f"how much is {i} and {i}", "a": f"it is {2 * i}", "kind": "sums"} for i in range(40)]


def given(tmp_path, settings='prompt = "{q}?"\nanswer = "{a}"'):
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    file = write_study(tmp_path)
    corpus = f'\n[sources.sums]\nkind = "corpus"\nfile = "{tmp_path}/rows.jsonl"\ndomain = "{{kind}}"\n{settings}\n'
    file.write_text(file.read_text(encoding="utf-8") + corpus, encoding="utf-8")
    study = read_study(file)
    return study, suite(study, 0).sources


def test_a_corpus_says_what_is_prompt_and_what_is_answer_and_still_gives_texts(tmp_path):
    study, sources = given(tmp_path)
    found = items(study, sources, "sums", replicate=0, most=5)
    assert {(each.prompt, each.answer, each.domain) for each in found} == {
        (f"{row['q']}?", row["a"], "sums") for row in ROWS
    }
    texts = {document.text for document in sources.corpus("sums", "all")}
    assert texts == {each.document().text for each in found} == {f"{row['q']}? {row['a']}" for row in ROWS}
    halves = [sources.corpus("sums", half) for half in ("base", "arms")]
    assert sum(map(len, halves)) == len(ROWS)
    assert min(map(len, halves)) > 5


def test_without_templates_the_answer_follows_the_last_space(tmp_path):
    study, sources = given(tmp_path, 'text = "{q} {a}"')
    found = items(study, sources, "sums", replicate=0, most=5)
    assert {(each.prompt, each.answer) for each in found} == {(f"{row['q']} it is", row["a"][6:]) for row in ROWS}


def test_the_embedded_worlds_items_keep_their_line_ends_and_endless_ones_are_drawn(tmp_path):
    study, sources = given(tmp_path)
    seen = items(study, sources, "benchmark", replicate=0, most=5)
    pool = sources.pool("benchmark")
    assert [each.document().text for each in seen] == [document.text for document in pool]
    assert seen[0] == Prompt(pool[0].id, *pool[0].text.rsplit(" ", 1), pool[0].domain)
    first, again, other = (items(study, sources, "broad", replicate=r, most=30) for r in (0, 0, 1))
    assert first == again != other
    assert len({each.id for each in first}) == 30
    assert all(each.answer.endswith("\n") for each in first)


def test_the_split_of_a_benchmark_gives_its_seen_half(tmp_path):
    rows = [
        {"UID": f"p{p}", "pairID": str(i), "sentence_good": f"cats {p} sit {i}", "sentence_bad": f"cats {p} sits {i}",
         "linguistics_term": f"t{p % 3}"}
        for p in range(12)
        for i in range(6)
    ]  # fmt: skip
    file = tmp_path / "blimp.jsonl"
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    text = f'kind = "blimp"\nfile = "{file}"\ndistant = 1\nper_paradigm = 3'
    study = read_study(write_study(tmp_path, ('kind = "skills"\nseen = "benchmark"', text), *WITHOUT))
    sources = suite(study, 1).sources
    found = items(study, sources, "benchmark", replicate=1, most=5)
    assert found
    assert {each.document().text for each in found} == {document.text for document in sources.benchmark()}
    assert {each.answer for each in found} <= set("012345")


WITHOUT = [
    ('[[tasks]]\nname = "seen items"\nkind = "skills"\ntier = "seen"\nseen = true\nitems = 8\n',
     '[[tasks]]\nname = "seen pairs"\nkind = "blimp"\n'),
    ("[sources.benchmark]", '[sources.half]\nkind = "benchmark"\n[sources.other]'),
    ('[arms.aligned]\nsource = "benchmark"', '[arms.aligned]\nsource = "half"'),
    ('[arms.half]\nsource = "benchmark"', '[arms.half]\nsource = "half"'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('prompt = "{q}"', "prompt and answer must stand together but are '{q}' and ''"),
        ('prompt = "{q}"\nanswer = "{a}"\ntext = "{q}"', "text must be left out where prompt and answer are given"),
    ],
)
def test_half_a_template_is_refused(settings, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence.replace("{", r"\{")):
        given(tmp_path, settings)


def test_a_document_without_an_answer_is_refused_by_its_name(tmp_path):
    study, sources = given(tmp_path, 'text = "{kind}"')
    with pytest.raises(InputError, match=r"rows\.jsonl#0\.0: must be a prompt with an answer but is 'sums'"):
        items(study, sources, "sums", replicate=0, most=5)
    assert np.all([document.text == "sums" for document in sources.corpus("sums", "all")])
