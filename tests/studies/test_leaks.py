"""A benchmark that leaks into the control's text is found by its items, and refused unless the study says why not."""

import json

import numpy as np
import pytest
from small_study import write_study

from benchshadow.data.documents import Document
from benchshadow.data.tasks import Item, Task
from benchshadow.errors import InputError
from benchshadow.records import read_json
from benchshadow.studies.declaring.leak_settings import Leaks
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_run
from benchshadow.studies.preparing.beforehand import CHECKS, looked_at, write_checks
from benchshadow.studies.preparing.leaks import RULES, Leak, leaks, refuse_leaks
from benchshadow.studies.preparing.suite import suite
from benchshadow.studies.running.runs import plan_runs

LONG = "the old harbour master counted seven grey ships before dawn and wrote nothing at all"
MIDDLE = "seven ships left the northern harbour"
SHORT = "reverse abc ="
FILLER = [
    Document(f"filler {i}", f"page {i} tells of weather, wool and the price of salt in year {i}", "") for i in range(50)
]


def task(tier="held-out", kind="exact", name="items") -> Task:
    items = [
        Item("long", LONG + " ", ("today\n",)),
        Item("middle", MIDDLE + " ", ("early\n",)),
        Item("short", SHORT + " ", ("cba\n",)),
        Item("other", "sort cab = ", ("abc\n",)),
    ]
    return Task(name, tier, kind, tuple(items))


def found(*texts, tasks=None) -> Leak:
    documents = [*FILLER, *(Document(f"d{i}", text, "") for i, text in enumerate(texts))]
    (leak,) = leaks(tasks or [task()], documents)
    return leak


def test_a_clean_control_holds_nothing():
    leak = found()
    assert leak == Leak("items", 4, 0, dict.fromkeys(RULES, 0))
    refuse_leaks([leak], Leaks(most=0), 0)


@pytest.mark.parametrize(
    ("text", "rule", "item"),
    [
        (f"It is said that {LONG.upper()}.", "any-13gram", LONG),
        (f"We know: {MIDDLE}, early!", "weighted-5gram", MIDDLE),
        ("Reverse ABC =  cba", "whole text", SHORT),
        ("shift abc = bcd\nreverse abc = cba\n", "whole text", SHORT),
    ],
)
def test_an_item_is_found_by_the_rule_that_its_length_allows(text, rule, item):
    leak = found(text)
    assert leak.found == 1
    assert leak.by[rule] == 1
    assert leak.item.startswith(item)
    assert leak.document == "d0"
    assert leak.passage


def test_a_short_item_inside_a_sentence_is_none():
    assert found("please reverse abc = cba now").found == 0
    assert found("reverse abc = bca").found == 0


def test_an_item_found_twice_or_by_two_rules_counts_once():
    leak = found(LONG + " today", LONG + " today", "reverse abc = cba", "reverse abc = cba")
    assert (leak.found, leak.by["any-13gram"], leak.by["weighted-5gram"], leak.by["whole text"]) == (2, 1, 1, 1)
    assert leak.share == 0.5


def test_only_the_benchmarks_own_tiers_are_looked_for():
    assert leaks([task("sibling"), task("unrelated")], [Document("d", LONG, "")]) == ()
    names = [leak.task for leak in leaks([task("seen", name="a"), task("held-out", name="b")], FILLER)]
    assert names == ["a", "b"]


def test_a_leak_is_refused_with_its_count_and_an_example_unless_it_is_declared():
    leak = found("reverse abc = cba")
    with pytest.raises(InputError) as refused:
        refuse_leaks([leak], Leaks(), 3)
    said = "tasks.items: must not stand in the control's text but 1 of 4 items do in replicate 3, such as "
    assert str(refused.value).startswith(f"{said}'reverse abc = cba' in 'd0'")
    refuse_leaks([leak], Leaks(most=0.25), 3)
    refuse_leaks([leak], Leaks(allowed=("items",), because="the mix holds the skill"), 3)
    with pytest.raises(InputError, match=r"tasks\.items"):
        refuse_leaks([leak], Leaks(allowed=("others",), because="the mix holds the skill"), 3)


# Through a study.

LEAKY = [(f'[arms.{arm}]\nsource = "broad"', f'[arms.{arm}]\nsource = "benchmark"') for arm in ("control", '"A/A"')]
FEW = ("replicates = [0, 1]", "replicates = [0]")


@pytest.mark.parametrize("shots", [0, 2])
def test_a_study_whose_benchmark_leaks_is_refused_before_anything_is_written(shots, tmp_path):
    asked = "seen = true\nitems = 8\n"
    file = write_study(tmp_path, FEW, *LEAKY, (asked, f"{asked}shots = {shots}\n"))
    with pytest.raises(InputError, match=r"tasks\.seen items: must not stand in .* but 5 of 8 items do in replicate 0"):
        study_run(file, out=tmp_path / "out", workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["study.toml"]


def test_a_declared_leak_runs_and_stands_in_manifest_and_statements(tmp_path):
    file = write_study(tmp_path, FEW, *LEAKY, ("checkpoints = 3", "checkpoints = 1"))
    allowed = '\n[leaks]\nallowed = ["seen items"]\nbecause = "the control is the benchmark itself"\n'
    file.write_text(file.read_text(encoding="utf-8") + allowed, encoding="utf-8")
    done = study_run(file, out=tmp_path / "out", workers=1)
    (said,) = (text for text in done.summary["statements"] if "stand in the control's text" in text)
    assert said.startswith("5 of 8 items of seen items stand in the control's text, such as '")
    assert said.endswith("the study allows it: the control is the benchmark itself.")
    told = {leak["task"]: leak for leak in read_json(done.folder / "study.json")["leaks"]}
    assert f"{told['seen items']['item'][:60]!r} in {told['seen items']['document'][:60]!r}; " in said
    assert told["seen items"]["found"] == 5
    assert told["held-out items"]["found"] == 0
    manifest = next((done.folder / "runs").glob("control.*/manifest.json"))
    assert read_json(manifest)["study"]["content"]["leaks"]["because"] == "the control is the benchmark itself"
    checks = (done.folder / CHECKS).read_bytes()
    again = study_run(file, out=tmp_path / "out", workers=1)
    assert again.summary == done.summary
    assert (done.folder / CHECKS).read_bytes() == checks


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ('allowed = ["seen items"]', "leaks: because must say why seen items may leak but is empty"),
        ('allowed = ["sen items"]\nbecause = "so"', "leaks.allowed: .* did you mean 'seen items'"),
        ('alowed = ["seen items"]', "leaks.alowed: no such key; did you mean 'allowed'?"),
        ("most = 2", r"leaks.most: .* but is 2"),
    ],
)
def test_a_wrong_declaration_is_named(more, sentence, tmp_path):
    file = write_study(tmp_path)
    file.write_text(f"{file.read_text(encoding='utf-8')}\n[leaks]\n{more}\n", encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        read_study(file)


def test_a_leak_that_came_into_a_file_later_is_found_though_its_name_is_the_same(tmp_path, monkeypatch):
    corpus = [(f'[arms.{arm}]\nsource = "broad"', f'[arms.{arm}]\nsource = "text"') for arm in ("control", '"A/A"')]
    text = ("[sources.broad]", '[sources.text]\nkind = "corpus"\nfile = "text.jsonl"\n[sources.broad]')
    file = write_study(tmp_path, FEW, text, *corpus)
    study = read_study(file)
    sources = suite(study, 0).sources
    seen = [each.text for each in sources.pool("benchmark")]
    clean = [each.text for each in sources.several("broad", 200, np.random.default_rng(0)) if each.text not in seen]
    for name, texts in (("before", clean), ("after", seen)):
        (tmp_path / name).mkdir()
        rows = "".join(json.dumps({"text": each}) + "\n" for each in texts)
        (tmp_path / name / "text.jsonl").write_text(rows, encoding="utf-8")
    monkeypatch.setenv("BENCHSHADOW_DATA", str(tmp_path / "before"))
    keys = [run.measurement for run in plan_runs(study)[1]]
    found = looked_at(study, tmp_path / "out", keys=keys, engine="local", workers=1)
    write_checks(tmp_path / "out", found)
    assert looked_at(study, tmp_path / "out", keys=keys, engine="local", workers=1) == found
    monkeypatch.setenv("BENCHSHADOW_DATA", str(tmp_path / "after"))
    with pytest.raises(InputError, match=r"tasks\.seen items: must not stand in .* items do in replicate 0"):
        study_run(file, out=tmp_path / "out", workers=1)
