"""What cannot be read is refused by file and line, counted and told; nothing of a broken file is kept in silence."""

import gzip
import json

import polars as pl
import pytest
from backports import zstd

from benchshadow.data.corpora import open_corpus
from benchshadow.data.corpora.lines import JsonLines, Text
from benchshadow.data.corpora.refusals import LISTED
from benchshadow.data.corpora.rows import BadRow
from benchshadow.errors import InputError

GOOD = b'{"text": "good"}\n'


def many(rows=3000):
    return "".join(json.dumps({"text": f"row {i} {i * 7919 % 10007} {i**3}"}) + "\n" for i in range(rows)).encode()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"text": "a"', "must be a JSON object but is not"),
        (b"[1, 2]", "must be a JSON object but is of type list"),
        (b'{"text": ' + b"9" * 5000 + b"}", "must be a JSON object but is not"),
        (b"[" * 100_000, "must be a JSON object but is not"),
        (b'{"text": "\\ud83d"}', "half a surrogate pair"),
        (b'{"text": "caf\xe9"}', r"must be UTF-8 but has the byte 0xe9 at position 13"),
        (b'{"other": 1}', r"must have the field 'text' but has \['other'\]"),
    ],
)
def test_a_malformed_line_is_counted_and_told_and_the_rest_is_read(line, said, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b"\n" + line + b"\n" + GOOD)
    corpus = open_corpus(path)
    assert [each.id for each in corpus] == [f"{tmp_path.name}/a.jsonl#1", f"{tmp_path.name}/a.jsonl#4"]
    (refused,) = corpus.refused
    assert (refused.file, refused.line) == (str(path), 3)
    assert str(refused).startswith(f"{path}:3: must be") or "must have" in str(refused)
    with pytest.raises(InputError, match=said) as caught:
        list(open_corpus(path, strict=True))
    assert caught.value.where == f"{path}:3"
    assert caught.value.problem == refused.reason
    list(corpus)
    assert (corpus.read.documents, corpus.read.refused) == (2, 1)  # going through it again counts nothing twice


def test_beyond_a_thousand_refusals_are_counted_and_no_longer_listed(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b"broken\n" * (LISTED + 50))
    corpus = open_corpus(path)
    assert len(list(corpus)) == 1
    assert (corpus.read.refused, len(corpus.refused)) == (LISTED + 50, LISTED)


def test_empty_documents_are_counted(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b'{"text": "  "}\n{"text": null}\n{"text": ""}\n')
    corpus = open_corpus(path, strict=True)
    assert len(list(corpus)) == 1
    assert (corpus.read.documents, corpus.read.empty, corpus.read.refused) == (1, 3, 0)


def test_a_field_that_is_not_there_is_one_sentence_with_those_that_are(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"body": "x", "id": 1}\n' * 3)
    corpus = open_corpus(path)
    with pytest.raises(InputError, match=r"a.jsonl: must have the field 'text' but has \['body', 'id'\]"):
        list(corpus)
    assert corpus.read.refused == 1  # the file, not each of its lines
    table = tmp_path / "b.parquet"
    pl.DataFrame({"body": ["x"], "id": [1]}).write_parquet(table)
    with pytest.raises(InputError, match=r"b.parquet: must have the field 'text' but has \['body', 'id'\]"):
        list(open_corpus(table))


def whole(suffix):
    return (gzip.compress if suffix.endswith(".gz") else zstd.compress)(many())


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst", ".txt.gz", ".txt.zst"])
@pytest.mark.parametrize("harm", ["end", "half", "empty", "inside", "other"])
def test_a_compressed_file_that_is_cut_short_or_damaged_gives_no_document_at_all(suffix, harm, tmp_path):
    content = whole(suffix)
    middle = len(content) // 2
    broken = {
        "end": content[:-3],
        "half": content[:middle],
        "empty": b"",
        "inside": content[: middle - 40] + b"\x00\xff" * 40 + content[middle + 40 :],
        "other": b"no compressed file",
    }[harm]
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / f"a{suffix}").write_bytes(broken)
    (folder / "b.jsonl").write_bytes(GOOD)
    for lines in (False, True):
        corpus = open_corpus(folder, lines=lines)
        assert [each.id for each in corpus] == ["set/b.jsonl#1"]
        (refused,) = corpus.refused
        assert (refused.file, refused.line) == (str(folder / f"a{suffix}"), 0)
        assert refused.reason.startswith("must be readable to its end but is not (")
        with pytest.raises(InputError, match=rf"a{suffix}: must be readable to its end but is not .*nothing of it"):
            list(open_corpus(folder, lines=lines, strict=True))


def test_a_parquet_file_that_is_cut_short_gives_no_document_at_all(tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"text": [f"row {i}" for i in range(1000)]}).write_parquet(path)
    content = path.read_bytes()
    for broken in (content[:-5], content[: len(content) // 2], b"PAR1", b""):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"a\.parquet: must be readable to its end but is not"):
            list(open_corpus(path))


def test_damage_that_shows_after_documents_were_given_stops_the_reading(tmp_path):
    path = tmp_path / "a.parquet"
    rng_text = [f"{i * 7919 % 99991} {i**3}" * 40 for i in range(60_000)]
    pl.DataFrame({"text": rng_text}).write_parquet(path, row_group_size=20_000, compression="zstd")
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = b"\x00" * 4000
    path.write_bytes(bytes(content))
    corpus = open_corpus(path)
    with pytest.raises(InputError, match="must be readable to its end"):
        list(corpus)
    assert 0 < corpus.read.documents < 60_000


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", "{}\n".encode("utf-16"), "begins with the byte order mark of UTF-16"),
        ("a.txt", "words".encode("utf-16"), "begins with the byte order mark of UTF-16"),
        ("a.txt", b"caf\xe9", "must be UTF-8 but has the byte 0xe9 at position 3"),
        ("a.json", b'[\n{"text": "a"}\n]\n', r"must hold one JSON object a line but begins with a line '\['"),
        ("a.json", b'{\n"text": "a"\n}\n', "must hold one JSON object a line but begins with a line '{'"),
        ("a.jsonl", b"\n\n", "must hold at least one document but holds none, with 0 rows empty and 0 refused"),
        ("a.jsonl", b'{"text": ""}\n', "must hold at least one document but holds none, with 1 rows empty"),
    ],
)
def test_a_file_of_another_form_is_one_sentence(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=said):
        list(open_corpus(tmp_path / name))


def test_a_byte_order_mark_of_utf_8_is_no_text(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD * 2)
    assert [each.text for each in open_corpus(path, strict=True)] == ["good", "good"]


def test_a_line_longer_than_can_be_held_is_passed_over(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(GOOD + b'{"text": "' + b"x" * 3_000_000 + b'"}\n' + GOOD)
    rows = list(JsonLines(path, "a", longest=1000).rows())
    assert rows[1] == BadRow(2, "must be at most 1000 bytes but is longer")
    assert [row.number for row in rows] == [1, 2, 3]
    with pytest.raises(InputError, match="must be at most 1000 bytes to be one document but is longer"):
        list(Text(path, "a", longest=1000).rows())


def test_files_of_unknown_kind_are_named(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(GOOD)
    for name in ("README.md", "notes", "b.parquet.gz"):
        (tmp_path / name).write_bytes(b"x")
    corpus = open_corpus(tmp_path)
    assert len(list(corpus)) == 1
    assert {each.file: each.line for each in corpus.refused} == {
        str(tmp_path / name): 0 for name in ("README.md", "notes", "b.parquet.gz")
    }
    with pytest.raises(InputError, match=r"README.md: must be a file of .jsonl, .* but has '.md'"):
        open_corpus(tmp_path, strict=True)
    with pytest.raises(InputError, match=r"notes: must be a file of .* but has no suffix"):
        open_corpus(tmp_path / "notes")


@pytest.mark.parametrize(
    ("paths", "settings", "said"),
    [
        (["nowhere"], {}, "nowhere: no such file or folder"),
        ([], {}, "corpus: must name at least one file or folder but names none"),
        (["empty"], {}, "empty: must hold at least one file of .jsonl, .* but holds none"),
        (["a.jsonl"], {"text": "{text"}, "must be a template"),
        (["a.jsonl"], {"text": "words"}, "must name at least one field"),
        (["a.jsonl"], {"domain": "{a.b}"}, "must name fields in plain braces"),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(paths, settings, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.jsonl").write_bytes(GOOD)
    with pytest.raises(InputError, match=said):
        open_corpus(paths, **settings)


def test_an_id_that_was_met_before_is_counted_and_its_document_kept_under_another(tmp_path):
    path = tmp_path / "a.jsonl"
    names = ["a", "a~2", "a", "a", "b"]
    path.write_text("".join(json.dumps({"text": f"t{i}", "n": n}) + "\n" for i, n in enumerate(names)), "utf-8")
    corpus = open_corpus(path, id="{n}")
    assert [(each.id, each.text) for each in corpus] == [
        ("a", "t0"), ("a~2", "t1"), ("a~3", "t2"), ("a~4", "t3"), ("b", "t4"),
    ]  # fmt: skip
    assert corpus.read.renamed == 2
    path.write_text('{"text": "x", "n": "k"}\n{"text": "y", "n": ""}\n', "utf-8")
    assert len(list(corpus)) == 1
    assert corpus.refused[0].reason == "must have an id but {n} is empty"
