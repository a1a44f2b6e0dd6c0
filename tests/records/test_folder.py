"""An output folder is claimed once, continued by the same work, and refused to other work."""

from __future__ import annotations

import pytest

from benchshadow.errors import InputError
from benchshadow.records import open_folder, read_json


def test_a_new_folder_is_claimed_and_the_same_work_goes_on_there(tmp_path):
    out = tmp_path / "a" / "b"
    assert open_folder(out, {"verb": "x", "seed": 1}) == out
    assert read_json(out / "work.json") == {"verb": "x", "seed": 1}
    (out / "records.parquet").write_bytes(b"")
    assert open_folder(out, {"seed": 1, "verb": "x"}) == out


def test_other_work_is_refused_and_what_differs_is_named(tmp_path):
    open_folder(tmp_path / "out", {"verb": "x", "seed": 1})
    with pytest.raises(InputError, match=r"holds other work \(seed was 1, is 2; width was None, is 3\)"):
        open_folder(tmp_path / "out", {"verb": "x", "seed": 2, "width": 3})
    assert read_json(tmp_path / "out" / "work.json") == {"verb": "x", "seed": 1}


def test_files_of_somebody_else_are_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds files that benchshadow did not write"):
        open_folder(tmp_path, {"verb": "x"})
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="must be a folder but is a file"):
        open_folder(tmp_path / "out", {"verb": "x"})
    with pytest.raises(InputError, match="cannot be made"):
        open_folder(tmp_path / "out" / "below", {"verb": "x"})


def test_a_claim_that_was_killed_half_written_is_passed_over(tmp_path):
    (tmp_path / ".work.json.4711.partial").write_text('{"verb"', encoding="utf-8")
    open_folder(tmp_path, {"verb": "x"})
    assert read_json(tmp_path / "work.json") == {"verb": "x"}
    (tmp_path / "work.json").unlink()
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds files that benchshadow did not write"):
        open_folder(tmp_path, {"verb": "x"})
