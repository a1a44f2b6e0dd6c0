"""A checkpoint is its bytes: a copy is the same, a change of any file is not, and a digest is made once."""

import os
import shutil

import numpy as np
import pytest
import xxhash
from safetensors.numpy import save_file

from benchshadow.checkpoints import open_checkpoint
from benchshadow.studies.footprints import identity as module
from benchshadow.studies.footprints.identity import cache_folder, identity


@pytest.fixture
def folder(tmp_path):
    """A checkpoint whose files were written a minute ago."""
    found = tmp_path / "model"
    found.mkdir()
    save_file({"a.weight": np.arange(12.0).reshape(3, 4)}, found / "model.safetensors")
    (found / "config.json").write_text("{}", encoding="utf-8")
    age(found)
    return found


def age(folder, seconds=60):
    for file in folder.iterdir():
        then = file.stat().st_mtime_ns - seconds * 1_000_000_000
        os.utime(file, ns=(then, then))


@pytest.fixture
def opened_files(monkeypatch):
    """One entry for every file whose bytes were digested."""
    seen = []
    digest = module.xxhash.xxh3_128

    def counted():
        seen.append(1)
        return digest()

    monkeypatch.setattr(module.xxhash, "xxh3_128", counted)
    return seen


def test_it_is_the_size_and_the_published_digest_of_every_file(folder):
    found = identity(open_checkpoint(folder))
    assert set(found) == {"model.safetensors", "config.json"}
    for name, said in found.items():
        data = (folder / name).read_bytes()
        assert said == {"bytes": len(data), "xxh3": xxhash.xxh3_128_hexdigest(data)}


def test_files_larger_than_a_chunk_are_digested_whole(folder, monkeypatch):
    whole = identity(open_checkpoint(folder))
    monkeypatch.setattr(module, "_CHUNK", 7)
    assert identity(open_checkpoint(folder)) == whole


def test_a_copy_is_the_same_and_a_change_of_any_file_is_not(folder, tmp_path):
    before = identity(open_checkpoint(folder))
    assert identity(open_checkpoint(shutil.copytree(folder, tmp_path / "copy"))) == before
    (folder / "config.json").write_text('{"a": 1}', encoding="utf-8")
    after = identity(open_checkpoint(folder))
    assert after["model.safetensors"] == before["model.safetensors"]
    assert after["config.json"] != before["config.json"]


def test_a_digest_is_remembered_until_the_file_changes(folder, tmp_path, opened_files):
    cache = tmp_path / "cache"
    first = identity(open_checkpoint(folder), cache)
    assert len(opened_files) == 2
    assert identity(open_checkpoint(folder), cache) == first
    assert len(opened_files) == 2
    save_file({"a.weight": np.arange(12.0).reshape(3, 4) + 1}, folder / "model.safetensors")
    age(folder, 30)
    changed = identity(open_checkpoint(folder), cache)
    assert len(opened_files) == 4
    assert changed["model.safetensors"]["xxh3"] != first["model.safetensors"]["xxh3"]
    assert changed["model.safetensors"]["bytes"] == first["model.safetensors"]["bytes"]
    assert identity(open_checkpoint(folder)) == changed


def test_a_file_written_just_now_may_change_within_its_time_stamp_and_is_not_remembered(folder, tmp_path, opened_files):
    (folder / "config.json").write_text('{"a": 1}', encoding="utf-8")
    cache = tmp_path / "cache"
    for calls in (2, 3):
        identity(open_checkpoint(folder), cache)
        assert len(opened_files) == calls


def test_a_file_that_took_the_place_of_another_is_digested_again(folder, tmp_path, opened_files):
    """Same size, same time stamp, other content."""
    (folder / "config.json").write_text('{"a": 1}', encoding="utf-8")
    age(folder)
    cache, stamp = tmp_path / "cache", (folder / "config.json").stat().st_mtime_ns
    before = identity(open_checkpoint(folder), cache)
    (tmp_path / "new").write_text('{"a": 2}', encoding="utf-8")
    shutil.move(tmp_path / "new", folder / "config.json")
    os.utime(folder / "config.json", ns=(stamp, stamp))
    after = identity(open_checkpoint(folder), cache)
    assert len(opened_files) == 3
    assert before["config.json"]["bytes"] == after["config.json"]["bytes"]
    assert before["config.json"]["xxh3"] != after["config.json"]["xxh3"]


@pytest.mark.parametrize("damage", ["", "[]", "{", '{"stamp": 3}', '{"xxh3": "00"}', "\x00"])
def test_a_damaged_note_is_made_again(damage, folder, tmp_path):
    cache = tmp_path / "cache"
    right = identity(open_checkpoint(folder), cache)
    notes = list((cache / "digests").iterdir())
    assert len(notes) == 2
    for note in notes:
        note.write_text(damage, encoding="utf-8")
    assert identity(open_checkpoint(folder), cache) == right
    assert all(note.read_text(encoding="utf-8") != damage for note in notes)


def test_a_cache_that_cannot_be_written_is_done_without(folder, tmp_path):
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    assert identity(open_checkpoint(folder), file / "below") == identity(open_checkpoint(folder))


def test_the_folder_is_the_one_named_or_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCHSHADOW_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    monkeypatch.delenv("BENCHSHADOW_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "benchshadow"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "benchshadow"
