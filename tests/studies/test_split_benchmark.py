"""A benchmark that is split as a whole: its file is in the keys and manifests of the arms that its seen half is for."""

import json

import pytest
from small_study import write_study

from benchshadow.data.documents import file_hash
from benchshadow.records import read_json
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.grid import study_run
from benchshadow.studies.running.runs import plan_runs
from benchshadow.studies.running.verification import verify

FILE = "pairs.jsonl"
SPLIT = f'kind = "blimp"\nfile = "{FILE}"\ndistant = 1\nper_paradigm = 3\nlicence = "CC BY 4.0"\norigin = "here"'
CHANGES = [
    ("replicates = [0, 1]", "replicates = [0]"),
    ('kind = "skills"\nseen = "benchmark"', SPLIT),
    ('[[tasks]]\nname = "seen items"\nkind = "skills"\ntier = "seen"\nseen = true\nitems = 8\n',
     '[[tasks]]\nname = "seen pairs"\nkind = "blimp"\n'),
    ("[sources.benchmark]", '[sources.seen]\nkind = "benchmark"\n[sources.other]'),
    ('[arms.aligned]\nsource = "benchmark"', '[arms.aligned]\nsource = "seen"'),
    ('[arms.half]\nsource = "benchmark"\ndose = 0.5',
     '[arms.half]\nsource = "broad"\ndose = 0.5\nintervention = { kind = "aligned" }'),
]  # fmt: skip


def pairs(folder, count):
    """So many pairs of each of twelve paradigms."""
    rows = [
        {"UID": f"p{p}", "pairID": str(i), "sentence_good": f"face {p} fed {i}", "sentence_bad": f"face {p} fade {i}",
         "linguistics_term": f"t{p % 3}"}
        for p in range(12)
        for i in range(count)
    ]  # fmt: skip
    folder.mkdir()
    (folder / FILE).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCHSHADOW_DATA", str(pairs(tmp_path / "data", 6)))
    return write_study(tmp_path, *CHANGES)


def test_another_file_of_the_same_name_trains_again_what_its_seen_half_is_for(file, tmp_path, monkeypatch):
    study = read_study(file)
    before = {run.arm: run.key for run in plan_runs(study)[1]}
    monkeypatch.setenv("BENCHSHADOW_DATA", str(pairs(tmp_path / "other", 8)))
    after = {run.arm: run.key for run in plan_runs(study)[1]}
    assert {arm for arm in before if before[arm] != after[arm]} == {"aligned", "half"}


def test_a_manifest_names_the_file_and_is_proven_with_it(file, tmp_path):
    done = study_run(file, out=tmp_path / "out", workers=1)
    assert done.failed == {}
    runs = {arm: next(done.folder.glob(f"runs/{arm}.0.*/")) for arm in ("control", "aligned", "half")}
    known = {FILE: {"sha256": file_hash(tmp_path / "data" / FILE), "licence": "CC BY 4.0", "origin": "here"}}
    told = {arm: read_json(run / "manifest.json") for arm, run in runs.items()}
    assert told["aligned"]["treatment"]["files"] == told["aligned"]["data"]["files"] == known
    assert told["half"]["treatment"]["intervention"]["files"] == known
    assert told["control"]["control"]["files"] == {}
    assert verify(list(runs.values())).undeclared == ()
