"""Models of the hub's cache are found by id and revision, as the hub's own library finds them, and never fetched."""

import json
from pathlib import Path

import numpy as np
import pytest
from checkpoint_samples import matrix, refusal
from huggingface_hub import snapshot_download
from safetensors.numpy import save_file

from benchshadow.checkpoints import open_checkpoint
from benchshadow.checkpoints.hub import cache_folder, hub_name, snapshot

OLD, NEW = "0" * 40, "a" * 40


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with one model at two commits, as the hub's library lays it out: links into a folder of blobs."""
    root = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(root))
    model = root / "models--org--tiny.v1"
    for commit, ref, seed in ((OLD, "refs/pr/1", 0), (NEW, "main", 1)):
        blob = model / "blobs" / f"{commit}-weights"
        blob.parent.mkdir(parents=True, exist_ok=True)
        save_file({"a": matrix((2, 3), seed)}, blob)
        folder = model / "snapshots" / commit
        folder.mkdir(parents=True)
        (folder / "model.safetensors").symlink_to(Path("../../blobs") / blob.name)
        (folder / "config.json").write_text(json.dumps({"seed": seed}), encoding="utf-8")
        named = model / "refs" / ref
        named.parent.mkdir(parents=True, exist_ok=True)
        named.write_text(commit, encoding="utf-8")
    return root


@pytest.mark.parametrize(
    ("named", "revision", "seed"),
    [
        ("org/tiny.v1", None, 1),
        ("org/tiny.v1@main", "main", 1),
        ("org/tiny.v1@refs/pr/1", "refs/pr/1", 0),
        (f"org/tiny.v1@{OLD}", OLD, 0),
    ],
)
def test_a_model_is_found_where_the_hubs_library_finds_it(named, revision, seed, cache):
    checkpoint = open_checkpoint(named)
    folder = snapshot_download("org/tiny.v1", revision=revision, cache_dir=cache, local_files_only=True)
    assert checkpoint.path == Path(folder)
    assert checkpoint.config == {"seed": seed}
    np.testing.assert_array_equal(checkpoint.read("a"), matrix((2, 3), seed))


def test_a_path_that_exists_comes_first(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = tmp_path / "org" / "tiny.v1"
    here.mkdir(parents=True)
    save_file({"b": matrix((2, 2))}, here / "model.safetensors")
    assert open_checkpoint("org/tiny.v1").names() == ("b",)


def test_a_model_of_one_word_is_found_and_one_that_is_not_there_is_a_missing_file(cache):
    (cache / "models--org--tiny.v1").rename(cache / "models--tiny")
    assert open_checkpoint("tiny").names() == ("a",)
    assert refusal(Path("huge")).endswith("no such file or folder")


def test_what_the_cache_lacks_is_said_with_the_command_that_fetches_it(cache):
    said = refusal(Path("org/huge"))
    assert said.startswith("org/huge: is no file or folder, and no model of the cache")
    assert said.endswith("; fetch it: hf download org/huge")
    said = refusal(Path("org/tiny.v1@v2"), Path("org/tiny.v1"))
    assert f"must be in the cache at revision 'v2' but is there at main, refs/pr/1, {OLD}, {NEW}" in said
    assert said.endswith("hf download org/tiny.v1 --revision v2")


def test_a_snapshot_whose_weights_were_not_fetched_is_said(cache):
    (cache / "models--org--tiny.v1" / "snapshots" / NEW / "model.safetensors").unlink()
    with_config = cache / "models--org--tiny.v1" / "snapshots" / NEW
    assert "but holds config.json" in refusal(Path("org/tiny.v1"), with_config)


@pytest.mark.parametrize("ref", ["../..", "x/y", "", ".."])
def test_a_ref_cannot_point_out_of_the_cache(ref, cache):
    (cache / "models--org--tiny.v1" / "refs" / "main").write_text(ref, encoding="utf-8")
    assert "must be in the cache at revision 'main'" in refusal(Path("org/tiny.v1"))


@pytest.mark.parametrize("text", ["/org/name", "a/b/c", "../name", "org/..", "org/na me", "org/name@../x", "", "org/"])
def test_what_is_no_id_is_not_looked_for(text):
    assert hub_name(text) is None


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"HF_HUB_CACHE": "/a/hub", "HF_HOME": "/b"}, "/a/hub"),
        ({"HF_HOME": "/b"}, "/b/hub"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub"),
    ],
)
def test_the_cache_is_where_the_hubs_library_keeps_it(variables, expected, monkeypatch):
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)


def test_a_snapshot_is_a_folder(cache):
    name = hub_name("org/tiny.v1")
    assert name is not None
    assert snapshot(name).is_dir()
