"""Documents come from files as the template says, and a broken file is one sentence with its name and line."""

import gzip
import json

import pytest

from benchshadow.data.documents import data_file, file_hash, fill, read_documents, read_rows, unit_hash
from benchshadow.errors import InputError


def jsonl(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_of_every_kind_of_file(tmp_path):
    plain = jsonl(tmp_path / "a.jsonl", {"text": "é 🙂"}, {"text": "b"})
    zipped = tmp_path / "a.jsonl.gz"
    zipped.write_bytes(gzip.compress(plain.read_bytes()))
    lines = tmp_path / "b.txt.gz"
    lines.write_bytes(gzip.compress(b"one\n\ntwo {not json}\n"))
    assert list(read_rows(plain)) == list(read_rows(zipped)) == [{"text": "é 🙂"}, {"text": "b"}]
    assert list(read_rows(lines)) == [{"text": "one"}, {"text": ""}, {"text": "two {not json}"}]


def test_blank_lines_of_a_jsonl_are_left_out(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a"}\n\n  \n{"text": "b"}\n\n', encoding="utf-8")
    assert [row["text"] for row in read_rows(path)] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "a"', "must be a JSON object but is not"),
        ("[1, 2]", "must be a JSON object but is of type list"),
        ('{"text": "\\ud83d"}', "half a surrogate pair"),
        ('{"text": ["a", {"b": "\\uDC00"}]}', "half a surrogate pair"),
        ("[" * 100_000, "must be a JSON object but is not"),
    ],
)
def test_a_broken_line_is_named(line, said, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "good"}\n' + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=said) as caught:
        list(read_rows(path))
    assert caught.value.where == f"{path}:2"


def test_a_whole_surrogate_pair_is_text(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "\\ud83d\\ude42"}\n', encoding="utf-8")
    assert list(read_rows(path)) == [{"text": "🙂"}]


def whole_gzip():
    rng_bytes = bytes((i * 7919 % 251) for i in range(4000))
    return gzip.compress(json.dumps({"text": rng_bytes.hex()}).encode() + b"\n")


@pytest.mark.parametrize(
    "broken",
    [
        whole_gzip()[:-20],
        whole_gzip()[:200],
        whole_gzip()[:100] + b"\xff" * 50 + whole_gzip()[150:],
        b"not gzip at all",
        gzip.compress(b"\xff\xfe\xff"),
    ],
    ids=["end cut off", "half", "damaged inside", "not gzip", "not UTF-8"],
)
def test_a_damaged_file_is_one_sentence(broken, tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(broken)
    with pytest.raises(InputError) as caught:
        list(read_rows(path))
    assert str(path) in str(caught.value)


def test_a_template_takes_fields_joins_lists_and_leaves_null_empty():
    row = {"a": "x", "b": ["y", "z"], "c": None, "d": 3}
    assert fill("{a}: {b} {d}{c}", row, "here") == "x: y z 3"
    assert fill("{{braces}} {a}", row, "here") == "{braces} x"
    with pytest.raises(InputError, match=r"here: must have the field 'e' but has \['a', 'b', 'c', 'd'\]"):
        fill("{e}", row, "here")


@pytest.mark.parametrize("template", ["{a", "{a!r}", "{a:>9}", "{a.real}", "{a[0]}", "{}"])
def test_a_template_of_more_than_names_is_refused(template):
    with pytest.raises(InputError, match=r"must (be a template|name fields in plain braces)"):
        fill(template, {"a": "x"}, "here")


def test_passages_keep_every_line_and_their_length(tmp_path):
    text = "\n".join(f"line {i} " + "x" * (i % 17) for i in range(200))
    path = jsonl(tmp_path / "a.jsonl", {"text": text}, {"text": "short"}, {"text": "  "}, {"text": "y" * 99 + "\nz"})
    found = read_documents(path, "{text}", "", "", 60)
    first = [p.document.text for p in found if "#0." in p.document.id]
    assert [line for piece in first for line in piece.splitlines()] == [line.strip() for line in text.splitlines()]
    assert max(map(len, first)) <= 60
    rest = [p.document.text for p in found if "#0." not in p.document.id]
    assert rest == ["short", "y" * 99, "z"]  # a longer line stays whole, an empty text is left out
    assert len({p.document.id for p in found}) == len(found)
    assert len({p.row for p in found}) == 3
    whole = read_documents(path, "{text}", "", "", 0)
    assert whole[0].document.text == text.strip()


def test_rows_of_one_text_are_one_row_and_groups_and_domains_follow_their_templates(tmp_path):
    rows = [{"t": "same", "book": "one"}, {"t": "same", "book": "two"}, {"t": "other", "book": "one"}]
    path = jsonl(tmp_path / "a.jsonl", *rows)
    one, two, three = read_documents(path, "{t}", "in {book}", "{book}", 0)
    assert one.row == two.row != three.row
    assert [p.group for p in (one, two, three)] == ["one", "two", "one"]
    assert one.document.domain == "in one"


def test_files_are_found_below_the_data_folder(tmp_path, monkeypatch):
    jsonl(tmp_path / "a.jsonl", {"text": "a"})
    monkeypatch.setenv("BENCHSHADOW_DATA", str(tmp_path))
    assert data_file("a.jsonl") == tmp_path / "a.jsonl"
    with pytest.raises(InputError, match=rf"b.jsonl: no such file; BENCHSHADOW_DATA is {tmp_path}"):
        data_file("b.jsonl")
    monkeypatch.delenv("BENCHSHADOW_DATA")
    assert data_file(str(tmp_path / "a.jsonl")) == tmp_path / "a.jsonl"
    with pytest.raises(InputError, match="BENCHSHADOW_DATA, which is not set"):
        data_file("a.jsonl")
    with pytest.raises(InputError, match=r"no such file$"):
        data_file(str(tmp_path / "b.jsonl"))


def test_hashes_are_what_they_say(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert file_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    numbers = [unit_hash("file", i) for i in range(2000)]
    assert min(numbers) >= 0
    assert max(numbers) < 1
    assert len(set(numbers)) == 2000
    assert abs(sum(numbers) / 2000 - 0.5) < 0.03
    assert unit_hash("a", "b") != unit_hash("ab")


@pytest.mark.parametrize(
    ("file", "text", "least"),
    [("wordnet/synsets.jsonl.gz", "{members}: {definition}", 100_000), ("tldr/pages_en.jsonl.gz", "{text}", 7000)],
)
def test_real_files_are_read_whole(file, text, least, data_folder):
    found = read_documents(data_folder / file, text, "", "", 1500)
    assert len(found) >= least
    assert all(p.document.text and p.document.text == p.document.text.strip() for p in found)
    assert f"{file}#0.0" == found[0].document.id
