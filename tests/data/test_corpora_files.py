"""A corpus reads files of every kind in one order, gives the same documents twice, and knows them by a hash."""

import gzip
import json
import pickle
import sys
import tracemalloc

import polars as pl
import pytest
from backports import zstd

from benchshadow.data.corpora import open_corpus
from benchshadow.data.documents import Document, read_documents
from benchshadow.errors import InputError, MissingExtra

ROWS = [{"text": f"text {i} é", "kind": f"k{i % 2}", "name": f"n{i}"} for i in range(7)]


def jsonl(rows=ROWS):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    pack = {".gz": gzip.compress, ".zst": zstd.compress}.get(path.suffix, bytes)
    path.write_bytes(pack(content))
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".ndjson.gz", ".JSONL", ".parquet"])
def test_every_kind_of_rows_gives_the_same_documents(suffix, tmp_path):
    path = tmp_path / f"a[1]*{suffix}"
    if suffix == ".parquet":
        pl.DataFrame(ROWS).write_parquet(path)
    else:
        write(path, jsonl())
    found = list(open_corpus(path, text="{text}!", domain="{kind}"))
    assert found == [
        Document(f"{tmp_path.name}/{path.name}#{i + 1}", f"{row['text']}!", row["kind"]) for i, row in enumerate(ROWS)
    ]
    assert [each.id for each in open_corpus(path, id="{name}/{kind}")] == [f"n{i}/k{i % 2}" for i in range(7)]


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz", ".txt.zst"])
def test_a_text_file_is_one_document_or_one_a_line(suffix, tmp_path):
    path = write(tmp_path / f"a{suffix}", "\ufeffone é\r\n\r\ntwo\r\n".encode())
    (whole,) = open_corpus(path, domain="{folder}/{file}")
    assert whole == Document(f"{tmp_path.name}/a{suffix}#1", "one é\n\ntwo", f"{tmp_path.name}/a{suffix}")
    by_line = open_corpus(path, lines=True)
    assert [(each.id.split("#")[1], each.text) for each in by_line] == [("1", "one é"), ("3", "two")]
    assert by_line.read.empty == 1


def test_frames_of_zstandard_and_members_of_gzip_that_follow_each_other_are_read_on(tmp_path):
    gz = tmp_path / "a.jsonl.gz"
    gz.write_bytes(gzip.compress(jsonl(ROWS[:3])) + gzip.compress(jsonl(ROWS[3:])))
    zst = tmp_path / "a.jsonl.zst"
    zst.write_bytes(zstd.compress(jsonl(ROWS[:3])) + zstd.compress(jsonl(ROWS[3:])))
    for path in (gz, zst):
        assert [each.text for each in open_corpus(path)] == [row["text"] for row in ROWS]


def test_a_folder_is_read_sorted_and_recursive_without_what_is_hidden(tmp_path):
    for name in ("b/z.jsonl", "b.jsonl", "a/x/y.txt", ".hidden.jsonl", ".git/c.jsonl"):
        write(tmp_path / "set" / name, jsonl(ROWS[:1]) if name.endswith("jsonl") else b"words")
    pl.DataFrame(ROWS[:1]).write_parquet(tmp_path / "set" / "b" / "a.parquet")
    found = [each.id for each in open_corpus(tmp_path / "set")]
    assert found == ["set/a/x/y.txt#1", "set/b.jsonl#1", "set/b/a.parquet#1", "set/b/z.jsonl#1"]


def test_several_paths_follow_each_other_and_may_not_meet(tmp_path):
    one, two = write(tmp_path / "one" / "a.jsonl", jsonl()), write(tmp_path / "two" / "a.jsonl", jsonl())
    found = list(open_corpus([two, one]))
    assert [found[0].id, found[7].id] == ["two/a.jsonl#1", "one/a.jsonl#1"]
    with pytest.raises(InputError, match="must be named once but is also"):
        open_corpus([one, tmp_path / "one"])
    other = write(tmp_path / "else" / "one" / "a.jsonl", jsonl())
    with pytest.raises(InputError, match=r"must have an id of its own, .* are both one/a.jsonl; name a folder"):
        open_corpus([one, other])


def test_it_is_gone_through_again_and_in_chunks_with_the_same_documents(tmp_path):
    corpus = open_corpus(write(tmp_path / "a.jsonl.gz", jsonl()), domain="{kind}")
    all_of_them = list(corpus)
    assert list(corpus) == all_of_them == list(pickle.loads(pickle.dumps(corpus)))
    for characters in (1, 10, 17, 18, 4_000_000):
        chunks = list(corpus.chunks(characters))
        assert [each for chunk in chunks for each in chunk] == all_of_them
        for chunk in chunks[:-1]:
            assert sum(len(each.text) for each in chunk) >= characters
            assert sum(len(each.text) for each in chunk[:-1]) < characters
    with pytest.raises(InputError, match="characters: must be at least 1 but is 0"):
        next(corpus.chunks(0))


def test_the_fingerprint_follows_contents_names_and_settings_and_nothing_else(tmp_path):
    here = write(tmp_path / "one" / "set" / "a.jsonl", jsonl())
    there = write(tmp_path / "two" / "set" / "a.jsonl", jsonl())
    print_ = open_corpus(here).fingerprint
    assert print_ == open_corpus(there, name="another").fingerprint
    others = [
        open_corpus(here, text="{text} {kind}"),
        open_corpus(here, domain="{kind}"),
        open_corpus(here, id="{name}"),
        open_corpus(write(tmp_path / "set" / "b.jsonl", jsonl())),
        open_corpus(write(tmp_path / "three" / "set" / "a.jsonl", jsonl(ROWS[:6]))),
    ]
    assert len({print_, *(each.fingerprint for each in others)}) == 6
    assert open_corpus(here).tree() == f"corpus a.jsonl: 1 file, text {{text}} [{print_[:12]}]"
    write(here, jsonl(ROWS[:5]))  # a file that changed is read anew
    assert open_corpus(here).fingerprint != print_


def test_nothing_is_read_before_it_is_asked_for(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"text": "good"}\nnot json\n' * 3)
    corpus = open_corpus(path, strict=True)
    assert next(iter(corpus)).text == "good"


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".txt"])
def test_of_a_large_document_no_more_than_two_copies_are_alive(suffix, tmp_path):
    size = 16_000_000
    text = "words and " * (size // 10)
    content = text.encode() if suffix == ".txt" else jsonl([{"text": text}, {"text": "small"}])
    corpus = open_corpus(write(tmp_path / f"a{suffix}", content))
    del content, text
    tracemalloc.start()
    try:
        lengths = [len(document.text) for document in corpus]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert lengths[0] == size - 1
    assert peak < 2.4 * size


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst", ".parquet"])
def test_many_rows_are_never_held_together(suffix, tmp_path):
    rows = [{"text": f"{i} " * 2000} for i in range(4000)]
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path, row_group_size=4000)
    else:
        write(path, jsonl(rows))
    whole = sum(len(row["text"]) for row in rows)
    corpus = open_corpus(path)
    tracemalloc.start()
    try:
        found = sum(len(document.text) + 1 for document in corpus)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == whole
    assert peak < 0.3 * whole


def test_without_the_library_of_zstandard_the_extra_is_named(tmp_path, monkeypatch):
    path = write(tmp_path / "a.jsonl.zst", jsonl())
    monkeypatch.setitem(sys.modules, "backports.zstd", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    with pytest.raises(
        MissingExtra, match=r"a.jsonl.zst, compressed by Zstandard, needs the extra 'data': pip install"
    ):
        list(open_corpus(path))


def test_real_files_give_the_documents_that_the_room_reads_elsewhere(data_folder):
    path = data_folder / "tldr" / "pages_en.jsonl.gz"
    found = list(open_corpus(path, domain="{platform}"))
    known = read_documents(path, "{text}", "{platform}", "", 0)
    assert [(each.text, each.domain) for each in found] == [(p.document.text, p.document.domain) for p in known]
    assert len(found) == 7425
