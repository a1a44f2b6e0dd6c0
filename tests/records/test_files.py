"""Files are whole or absent, and equal values have equal text."""

from __future__ import annotations

import pytest

from benchshadow.errors import InputError
from benchshadow.records import canonical, digest, file_digest, read_json, replace_whole, write_json, write_text


def test_a_file_takes_its_place_whole(tmp_path):
    path = tmp_path / "deep" / "a.json"
    write_json(path, {"b": 1, "a": [1.5, None, "é"]})
    assert read_json(path) == {"a": [1.5, None, "é"], "b": 1}
    assert [each.name for each in path.parent.iterdir()] == ["a.json"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail():
        with replace_whole(path) as partial:
            partial.write_text("half", encoding="utf-8")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert path.read_text(encoding="utf-8") == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_what_cannot_be_written_is_said_in_one_sentence(tmp_path):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    with pytest.raises(InputError, match=r"file/a\.json: cannot be written \(.*\); name another --out folder"):
        write_json(tmp_path / "file" / "a.json", {})


def test_equal_values_have_equal_text_whatever_their_order():
    assert canonical({"b": 1, "a": {"d": 2, "c": 3}}) == '{"a":{"c":3,"d":2},"b":1}'
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1}) != digest({"a": 2, "b": 1.5})


def test_not_a_number_has_no_text(tmp_path):
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_the_hash_of_a_file_is_that_of_its_bytes(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert file_digest(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "no such file"), (b"{", "must be JSON but is not"), (b"\xff\xfe", "cannot be read")],
)
def test_json_that_is_missing_or_broken_is_said_in_one_sentence(tmp_path, content, said):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_json(path)
