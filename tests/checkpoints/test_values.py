"""Stored values are read exactly, whole, by rows, by columns and by slices."""

import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from checkpoint_samples import entry, matrix, raw_file, written
from safetensors.torch import save_file

from benchshadow.checkpoints import open_checkpoint
from benchshadow.checkpoints.checkpoint import matrix_shape, widened
from benchshadow.errors import TensorRefused

TYPES = {"float64": torch.float64, "float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@pytest.mark.parametrize("stored", TYPES)
def test_values_are_those_of_torch(stored, tmp_path):
    special = torch.tensor([0.0, -0.0, float("inf"), float("nan"), 1e-7, 6e4, -1.5], dtype=torch.float64)
    values = torch.cat([special, torch.from_numpy(matrix((53,))).double()]).reshape(6, 10).to(TYPES[stored])
    save_file({"a": values}, tmp_path / "a.safetensors")
    checkpoint = open_checkpoint(tmp_path / "a.safetensors")
    wide = np.float64 if stored == "float64" else np.float32
    expected = values.to(torch.float64).numpy()
    source = checkpoint.source("a")
    assert (source.shape, source.stored, checkpoint.dtype("a")) == ((6, 10), stored, stored)
    for found, part in [
        (checkpoint.read("a"), expected),
        (source.rows(2, 5), expected[2:5]),
        (source.columns(3, 10), expected[:, 3:10]),
        (source.first(4).rows(0, 4), expected[:4]),
    ]:
        assert found.dtype == wide
        np.testing.assert_array_equal(found.astype(np.float64), part)


@pytest.mark.parametrize("stored", TYPES)
def test_raw_rows_are_the_stored_bytes_without_a_copy(stored, tmp_path):
    values = torch.from_numpy(matrix((6, 10))).to(TYPES[stored])
    save_file({"a": values}, tmp_path / "a.safetensors")
    checkpoint = open_checkpoint(tmp_path / "a.safetensors")
    source = checkpoint.source("a")
    raw = source.raw(2, 5)
    assert (raw.shape, raw.dtype) == ((3, 10), np.uint16 if stored == "bfloat16" else np.dtype(stored))
    assert raw.tobytes() == values[2:5].view(torch.uint8).numpy().tobytes() == checkpoint.raw("a")[2:5].tobytes()
    assert np.shares_memory(raw, source.raw(0, 6))
    np.testing.assert_array_equal(widened(raw, stored), source.rows(2, 5))


@pytest.mark.parametrize("stored", TYPES)
def test_rows_are_read_into_memory_that_is_used_again(stored, tmp_path):
    values = torch.from_numpy(matrix((6, 10))).to(TYPES[stored])
    save_file({"other": values, "a": values + 1}, tmp_path / "a.safetensors")
    source = open_checkpoint(tmp_path / "a.safetensors").source("a")
    into = np.empty(1000, np.uint8)
    with source.opened() as read:
        for start, stop in ((2, 5), (0, 6), (5, 6)):
            rows = read(start, stop, into)
            assert np.shares_memory(rows, into)
            assert rows.dtype == source.raw(0, 1).dtype
            np.testing.assert_array_equal(rows, source.raw(start, stop))


def test_a_file_that_was_cut_short_since_it_was_opened_is_refused(tmp_path):
    file = tmp_path / "a.safetensors"
    save_file({"a": torch.from_numpy(matrix((64, 64)))}, file)
    source = open_checkpoint(file).source("a")
    file.write_bytes(file.read_bytes()[:-100])
    with source.opened() as read:
        read(0, 1, into := np.empty(1 << 15, np.uint8))
        with pytest.raises(TensorRefused, match=r"'a'.* is cut short"):
            read(60, 64, into)
    file.unlink()
    with pytest.raises(TensorRefused, match=r"'a'.* cannot be read"), source.opened():
        pass


def test_a_mapping_goes_with_the_last_view_of_it(tmp_path):
    save_file({"a": torch.from_numpy(matrix((512, 512)))}, tmp_path / "a.safetensors")
    source = open_checkpoint(tmp_path / "a.safetensors").source("a")

    def is_mapped():
        return str(tmp_path) in Path("/proc/self/maps").read_text()

    source.rows(0, 512).sum()
    assert is_mapped()
    del source
    gc.collect()
    assert not is_mapped()


def test_numbers_that_are_no_weights_are_given_as_stored(tmp_path):
    tensors = {
        "bool": torch.tensor([True, False]),
        "i32": torch.arange(6, dtype=torch.int32).reshape(2, 3),
        "u16": torch.tensor([1, 2, 3], dtype=torch.uint16),
        "f8": torch.ones(2, 2).to(torch.float8_e4m3fn),
        "c64": torch.ones(2, dtype=torch.complex64),
        "none": torch.zeros(0, 3),
    }
    save_file(tensors, tmp_path / "a.safetensors")
    checkpoint = open_checkpoint(tmp_path / "a.safetensors")
    for name, value in tensors.items():
        expected = value.view(torch.uint8).numpy() if name == "f8" else value.numpy()
        found = checkpoint.raw(name)
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_array_equal(found, expected)
    packed = raw_file(tmp_path / "f4.safetensors", {"a": entry("F4", (2, 4), (0, 4))}, bytes(range(4)))
    np.testing.assert_array_equal(open_checkpoint(packed).raw("a"), range(4))


def test_a_slice_of_a_stack_is_a_matrix_of_its_own(tmp_path):
    stack = matrix((3, 4, 5))
    checkpoint = written(tmp_path / "m", {"experts": stack})
    source = checkpoint.source("experts", 2)
    assert (source.name, source.shape) == ("experts[2]", (4, 5))
    np.testing.assert_array_equal(source.rows(1, 3), stack[2, 1:3])


def test_data_that_starts_at_an_odd_byte_is_read(tmp_path):
    values = matrix((3, 2))
    header = {"pad": entry("U8", (1,), (0, 1)), "a": entry("F32", (3, 2), (1, 25))}
    path = raw_file(tmp_path / "a.safetensors", header, b"\0" + values.tobytes())
    source = open_checkpoint(path).source("a")
    np.testing.assert_array_equal(source.rows(0, 3), values)
    np.testing.assert_array_equal(source.columns(1, 2), values[:, 1:])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((), (1, 1)),
        ((5,), (1, 5)),
        ((3, 4), (3, 4)),
        ((1, 4), (1, 4)),
        ((1, 3, 4), (3, 4)),
        ((8, 3, 2, 2), (8, 12)),
        ((1, 1, 6, 2), (6, 2)),
    ],
)
def test_how_a_tensor_lies_as_a_matrix(shape, expected):
    assert matrix_shape(shape) == expected


def test_a_type_that_is_not_a_weight_is_refused_by_name(tmp_path):
    save_file({"a": torch.zeros(2, 2, dtype=torch.float8_e4m3fn)}, tmp_path / "a.safetensors")
    checkpoint = open_checkpoint(tmp_path / "a.safetensors")
    assert checkpoint.dtype("a") == "F8_E4M3"
    with pytest.raises(TensorRefused, match="tensor 'a': holds F8_E4M3, which is not a weight as it stands"):
        checkpoint.source("a")


def test_asking_for_shapes_maps_nothing(tmp_path, monkeypatch):
    checkpoint = written(tmp_path / "m", {"a": matrix((3, 4))})
    monkeypatch.setattr(np, "memmap", lambda *_, **__: pytest.fail("a tensor was read"))
    assert checkpoint.shape("a") == (3, 4)
    assert checkpoint.source("a").shape == (3, 4)
