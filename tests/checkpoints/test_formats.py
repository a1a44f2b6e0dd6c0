"""A path is opened by the format that knows it, or refused with what is missing."""

import json
import pickle

import numpy as np
import pytest
from checkpoint_samples import matrix, refusal, written
from safetensors.numpy import save_file

from benchshadow.checkpoints import FORMATS, open_checkpoint
from benchshadow.errors import InputError

SHARDS = {"one": {"a": matrix((3, 4)), "b": matrix((2, 2), 1)}, "two": {"c": matrix((5, 2), 2)}}


@pytest.fixture
def sharded(tmp_path):
    """A folder of two shards with their index."""
    listed = {}
    for shard, tensors in SHARDS.items():
        save_file(tensors, tmp_path / f"{shard}.safetensors")
        listed |= dict.fromkeys(tensors, f"{shard}.safetensors")
    write_index(tmp_path, listed)
    return tmp_path


def write_index(folder, listed):
    text = json.dumps({"metadata": {}, "weight_map": listed})
    (folder / "model.safetensors.index.json").write_text(text, encoding="utf-8")


def index_of(folder):
    return json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))["weight_map"]


def test_every_format_has_the_same_two_verbs():
    assert all(callable(kind.matches) and callable(kind.open) for kind in FORMATS)


def test_a_file_and_its_folder_are_one_checkpoint(tmp_path):
    tensors = {"a": matrix((3, 4)), "b": matrix((2,), 1)}
    folder = written(tmp_path / "m", tensors, {"vocab_size": 3})
    single = open_checkpoint(str(tmp_path / "m" / "model.safetensors"))
    for checkpoint in (folder, single):
        assert set(checkpoint.names()) == {"a", "b"}
        assert checkpoint.parameters == 14
        assert checkpoint.config == {"vocab_size": 3}
        assert [file.name for file in checkpoint.files] == ["model.safetensors", "config.json"]
        np.testing.assert_array_equal(checkpoint.read("a"), tensors["a"])


def test_shards_are_one_checkpoint(sharded):
    checkpoint = open_checkpoint(sharded)
    assert set(checkpoint.names()) == {"a", "b", "c"}
    assert checkpoint.config is None
    for tensors in SHARDS.values():
        for name, values in tensors.items():
            np.testing.assert_array_equal(checkpoint.read(name), values)


def test_the_only_file_of_a_folder_is_taken_whatever_its_name(tmp_path):
    save_file({"a": matrix((2, 2))}, tmp_path / "weights.safetensors")
    assert open_checkpoint(tmp_path).names() == ("a",)
    save_file({"a": matrix((2, 2))}, tmp_path / "more.safetensors")
    assert "or one safetensors file but holds 2 files" in refusal(tmp_path)


def test_a_shard_that_the_index_names_and_the_folder_lacks_is_named(sharded):
    (sharded / "two.safetensors").unlink()
    said = refusal(sharded, sharded / "model.safetensors.index.json")
    assert "names the shard 'two.safetensors', which the folder lacks" in said


def test_a_tensor_that_index_and_shards_disagree_on_is_named(sharded):
    listed = index_of(sharded)
    index = sharded / "model.safetensors.index.json"
    write_index(sharded, listed | {"d": "two.safetensors"})
    assert "lists 'd' in 'two.safetensors', which lacks it" in refusal(sharded, index)
    write_index(sharded, listed | {"a": "two.safetensors"})
    assert "but it stands in 'one.safetensors'" in refusal(sharded, index)
    write_index(sharded, {name: shard for name, shard in listed.items() if name != "b"})
    assert "must list every tensor of its shards but not 'b'" in refusal(sharded, index)


def test_a_tensor_in_two_shards_is_refused(sharded):
    save_file({"c": matrix((5, 2)), "a": matrix((3, 4))}, sharded / "two.safetensors")
    assert "'a' stands in" in refusal(sharded, sharded / "two.safetensors")


@pytest.mark.parametrize(
    "shard", ["../one.safetensors", "/one.safetensors", "sub\\one.safetensors", "one.bin", 3, None]
)
def test_an_index_cannot_point_out_of_its_folder(sharded, shard):
    write_index(sharded, {"a": shard})
    assert "must be the plain name of a safetensors file" in refusal(sharded, sharded / "model.safetensors.index.json")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"weight_map": {}}', '{"weight_map": []}', '{"a": 1, "a": 2}'])
def test_a_broken_index_is_refused(sharded, text):
    index = sharded / "model.safetensors.index.json"
    index.write_text(text, encoding="utf-8")
    refusal(sharded, index)


def test_a_broken_configuration_is_refused(tmp_path):
    written(tmp_path / "m", {"a": matrix((2, 2))})
    (tmp_path / "m" / "config.json").write_text("{", encoding="utf-8")
    assert "must be JSON" in refusal(tmp_path / "m", tmp_path / "m" / "config.json")


def test_nothing_there_is_said(tmp_path):
    assert refusal(tmp_path / "gone").endswith("no such file or folder")
    assert refusal(tmp_path / "gone.safetensors").endswith("no such file or folder")
    assert "must be a safetensors file, or a folder with one" in refusal(tmp_path)


def test_a_pickle_that_is_not_torchs_is_never_opened(tmp_path):
    file = tmp_path / "weights.pkl"
    file.write_bytes(pickle.dumps({}))
    assert "is a pickle, which could run code; convert it first" in refusal(tmp_path, file)
    assert "is a pickle" in refusal(file)


def test_an_adapter_is_not_taken_for_whole_weights(tmp_path):
    save_file({"lora_A": matrix((2, 2))}, tmp_path / "adapter_model.safetensors")
    (tmp_path / "adapter_config.json").write_text("{}", encoding="utf-8")
    assert refusal(tmp_path).endswith("holds an adapter; name the base that it adapts too")


def test_a_tensor_that_is_not_there_is_named(tmp_path):
    checkpoint = written(tmp_path / "m", {"a": matrix((2, 2))})
    with pytest.raises(InputError, match="has no tensor 'b'"):
        checkpoint.shape("b")
