"""Files of torch.save and live state dicts: values as torch holds them, and nothing that a pickle asks for is run."""

import json
import pickle
import sys
from collections import OrderedDict

import numpy as np
import pytest
import torch
from checkpoint_samples import matrix, refusal, written

from benchshadow.checkpoints import from_state_dict, layout, open_checkpoint, pair
from benchshadow.checkpoints.torch_tensors import tensor_member
from benchshadow.errors import InputError, TensorRefused

TYPES = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def tensors_of(kind):
    return {
        "a.weight": torch.from_numpy(matrix((4, 6))).to(kind),
        "stack": torch.from_numpy(matrix((3, 4, 5))).to(kind),
    }


@pytest.mark.parametrize("stored", TYPES)
@pytest.mark.parametrize("kind", ["zip", "old", "live"])
def test_values_are_those_of_torch(stored, kind, tmp_path):
    tensors = tensors_of(TYPES[stored])
    if kind == "live":
        checkpoint = from_state_dict(tensors)
    else:
        torch.save(tensors, tmp_path / "a.pt", _use_new_zipfile_serialization=kind == "zip")
        checkpoint = open_checkpoint(tmp_path / "a.pt")
    assert (checkpoint.names(), checkpoint.parameters, checkpoint.config) == (("a.weight", "stack"), 84, None)
    expected = tensors["a.weight"].double().numpy()
    source = checkpoint.source("a.weight")
    assert (source.shape, source.stored, checkpoint.dtype("a.weight")) == ((4, 6), stored, stored)
    wide = np.float64 if stored == "float64" else np.float32
    for found, part in [
        (checkpoint.read("a.weight"), expected),
        (source.rows(1, 3), expected[1:3]),
        (source.columns(2, 6), expected[:, 2:6]),
        (source.first(2).rows(0, 2), expected[:2]),
        (checkpoint.source("stack", 2).rows(0, 4), tensors["stack"][2].double().numpy()),
    ]:
        assert found.dtype == wide
        np.testing.assert_array_equal(found.astype(np.float64), part)
    assert checkpoint.source("stack", 2).name == "stack[2]"


def test_a_file_is_mapped_and_not_read(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(3, 2)}, tmp_path / "a.bin")
    given = {}
    load = torch.load
    monkeypatch.setattr(torch, "load", lambda file, **settings: given.update(settings) or load(file, **settings))
    np.testing.assert_array_equal(open_checkpoint(tmp_path / "a.bin").read("a"), 1)
    assert given == {"map_location": "cpu", "weights_only": True, "mmap": True}


class Evil:
    """A pickle that would write a file, were it run."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return exec, (f"open({str(self.target)!r}, 'w').close()",)


@pytest.mark.parametrize("new", [True, False])
def test_a_pickle_that_would_write_a_file_is_refused_and_does_not_run(new, tmp_path):
    target, file = tmp_path / "written", tmp_path / "pytorch_model.bin"
    torch.save({"a": torch.ones(2, 2), "b": Evil(target)}, file, _use_new_zipfile_serialization=new)
    assert "must hold nothing but tensors but asks to call" in refusal(tmp_path, file)
    file.write_bytes(pickle.dumps({"a": Evil(target)}))
    refusal(file)
    assert not target.exists()
    pickle.loads(file.read_bytes())
    assert target.exists(), "the pickle would have written the file"


@pytest.mark.parametrize("content", [b"", b"x", b"PK\x03\x04", b"\x80\x02}", pickle.dumps([1]), pickle.dumps({1: 2})])
def test_what_torch_did_not_write_is_refused(content, tmp_path):
    file = tmp_path / "a.bin"
    file.write_bytes(content)
    refusal(file)


@pytest.mark.parametrize("inner", ["state_dict", "model"])
def test_nested_weights_are_opened_one_level_and_what_is_no_tensor_is_said(inner, tmp_path):
    file = tmp_path / "a.pth"
    torch.save({inner: OrderedDict(a=torch.ones(2, 2), n=3), "epoch": 4}, file)
    checkpoint = open_checkpoint(file)
    assert checkpoint.names() == ("a",)
    assert checkpoint.remarks == (f"{file}: passed over what is not a tensor of the model: 'epoch', 'n'",)


@pytest.mark.parametrize("content", [{"n": 3}, torch.ones(2), [torch.ones(2)], {3: torch.ones(2)}, {}])
def test_a_file_without_named_tensors_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "a.pt")
    assert "tensor" in refusal(tmp_path / "a.pt")


def sharded(folder, listed=None):
    torch.save({"a": torch.ones(2, 3)}, folder / "one.bin")
    torch.save({"b": torch.zeros(2)}, folder / "two.bin")
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"weight_map": listed or {"a": "one.bin", "b": "two.bin"}}), encoding="utf-8")
    (folder / "config.json").write_text('{"vocab_size": 3}', encoding="utf-8")
    return index


def test_shards_are_one_checkpoint_and_safetensors_come_first(tmp_path):
    index = sharded(tmp_path)
    checkpoint = open_checkpoint(tmp_path)
    assert checkpoint.names() == ("a", "b")
    assert checkpoint.files == (tmp_path / "one.bin", tmp_path / "two.bin", index, tmp_path / "config.json")
    assert checkpoint.config == {"vocab_size": 3}
    written(tmp_path / "m", {"c": matrix((2, 2))})
    (tmp_path / "m" / "model.safetensors").rename(tmp_path / "model.safetensors")
    assert open_checkpoint(tmp_path).names() == ("c",)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ({"a": "../one.bin"}, "must be the plain name of a .bin file"),
        ({"a": "one.safetensors"}, "must be the plain name of a .bin file"),
        ({"a": "gone.bin"}, "names the shard 'gone.bin', which the folder lacks"),
        ({"a": "one.bin"}, ""),
        ({"a": "two.bin", "b": "two.bin"}, "lists 'a' in 'two.bin', which lacks it"),
        ({"a": "one.bin", "c": "two.bin"}, "lists 'c' in 'two.bin', which lacks it"),
    ],
)
def test_an_index_of_pickles_is_held_to_the_rules_of_every_index(listed, said, tmp_path):
    index = sharded(tmp_path, listed)
    if said:
        assert said in refusal(tmp_path, index)
    else:
        assert open_checkpoint(tmp_path).names() == ("a",)


def test_types_that_are_no_weights_are_spelt_as_in_safetensors(tmp_path):
    tensors = {
        "I64": torch.arange(4).reshape(2, 2),
        "BOOL": torch.ones(2, 2, dtype=torch.bool),
        "F8_E4M3": torch.ones(2, 2).to(torch.float8_e4m3fn),
        "C64": torch.ones(2, 2, dtype=torch.complex64),
    }
    torch.save(tensors, tmp_path / "a.pt")
    checkpoint = open_checkpoint(tmp_path / "a.pt")
    for name in tensors:
        assert checkpoint.dtype(name) == name
        with pytest.raises(TensorRefused, match=f"holds {name}, which is not a weight as it stands"):
            checkpoint.source(name)
    np.testing.assert_array_equal(checkpoint.raw("I64"), [[0, 1], [2, 3]])
    np.testing.assert_array_equal(checkpoint.raw("F8_E4M3"), 0x38)


def test_without_torch_one_sentence_says_so(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(2, 2)}, tmp_path / "a.pt")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert refusal(tmp_path / "a.pt").endswith("torch is not installed; pip install torch")


def test_a_live_state_dict_is_read_as_it_is_when_asked_and_not_copied():
    weight = torch.nn.Linear(4, 3)
    checkpoint = from_state_dict(weight.state_dict(), {"vocab_size": 9})
    assert (str(checkpoint.path), checkpoint.files, checkpoint.config) == ("state_dict", (), {"vocab_size": 9})
    assert np.shares_memory(checkpoint.source("weight").rows(0, 3), weight.weight.detach().numpy())
    with torch.no_grad():
        weight.weight.fill_(2)
    np.testing.assert_array_equal(checkpoint.read("weight"), 2)


def test_arrays_and_strided_tensors_are_read(tmp_path):
    array = matrix((3, 4))
    live = from_state_dict(
        {"a": array, "b": torch.from_numpy(array).T, "c": array.astype(np.float16), "n": np.arange(4).reshape(2, 2)}
    )
    assert live.source("a").rows(0, 3) is not array
    assert np.shares_memory(live.source("a").rows(0, 3), array)
    np.testing.assert_array_equal(live.read("b"), array.T)
    np.testing.assert_array_equal(live.read("c"), array.astype(np.float16))
    assert (live.dtype("c"), live.dtype("n")) == ("float16", "I64")


def test_a_live_state_dict_meets_a_checkpoint_on_disk(tmp_path):
    tensors = {"model.layers.0.mlp.up_proj.weight": matrix((4, 3)), "model.norm.weight": matrix((3,))}
    disk = written(tmp_path / "m", tensors)
    pairs = pair(layout(disk), layout(from_state_dict(tensors)))
    assert [each.state for each in pairs] == ["matrix", "skipped"]


class Elsewhere(torch.Tensor):
    """A tensor that says it is on another device, as a stand-in for one that is."""

    moved = 0

    @property
    def device(self):
        return torch.device("cuda")

    def cpu(self):
        Elsewhere.moved += self.numel()
        return self.as_subclass(torch.Tensor)


@pytest.mark.parametrize("kind", TYPES.values())
def test_a_tensor_on_another_device_is_moved_block_by_block(kind):
    values = torch.from_numpy(matrix((6, 4))).to(kind)
    member = tensor_member("state_dict", "a", values.as_subclass(Elsewhere))
    source = member.open(None)
    Elsewhere.moved = 0
    np.testing.assert_array_equal(source.rows(2, 4), values[2:4].double().numpy())
    assert Elsewhere.moved == 8
    np.testing.assert_array_equal(source.columns(1, 2), values[:, 1:2].double().numpy())
    assert source.first(3).shape == (3, 4)


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({}, "must hold at least one tensor but holds none"),
        ({"a": 3}, "must be a tensor of torch or an array of NumPy but is a int"),
        ({"a": torch.ones(2, 2, device="meta")}, "must hold dense values but is on the meta device"),
        ({"a": torch.ones(2, 2).to_sparse()}, "must hold dense values but is laid out as torch.sparse_coo"),
    ],
)
def test_a_state_dict_without_values_is_refused(tensors, said):
    with pytest.raises(InputError, match=said):
        from_state_dict(tensors)
