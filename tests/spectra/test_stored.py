"""What was written comes back bit for bit, and a file that is not whole comes back as nothing."""

import json
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from safetensors.numpy import save_file
from spectra_samples import bf16_pair, of_change, of_matrix

from benchshadow.spectra import ArraySource, Factors, Update, matrix_of
from benchshadow.spectra.stored import load, save

SOURCE = ArraySource(np.random.default_rng(0).standard_normal((90, 70)).astype(np.float32))


def equal(one, other):
    """Whether two values are the same to the last bit and type."""
    assert type(one) is type(other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif is_dataclass(one):
        for each in fields(one):
            equal(getattr(one, each.name), getattr(other, each.name))
    elif isinstance(one, tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            equal(*pair)
    else:
        assert one == other


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize(
    "array", [SOURCE.array, np.zeros((3, 5), np.float32), np.ones((1, 7))], ids=["drawn", "zero", "row"]
)
def test_a_matrix_comes_back(array, level, tmp_path):
    found = matrix_of(ArraySource(array), level=level)
    save(tmp_path / "a", found)
    equal(load(tmp_path / "a"), found)
    assert of_matrix(load(tmp_path / "a")) == of_matrix(found)


def updates():
    rng = np.random.default_rng(1)
    base, tuned = bf16_pair(0.01, (80, 60), rng, both=True)
    for level in (0, 1, 2, 3):
        yield Update.of(base, tuned, rng=np.random.default_rng(0), level=level)
        yield Update.of(base, base, rng=np.random.default_rng(0), level=level)
        yield Update.of(ArraySource(np.zeros((80, 60))), base, rng=np.random.default_rng(0), level=level)
    yield Update.of(base, tuned, rng=np.random.default_rng(0), spectra_of=("change",))
    factors = Factors(rng.standard_normal((80, 3)), rng.standard_normal((3, 60)), 0.5)
    yield Update.of_factors(factors)
    yield Update.of(base, tuned, rng=np.random.default_rng(0), factors=factors)


@pytest.mark.parametrize("update", list(updates()), ids=lambda each: f"level {each.level}")
def test_an_update_comes_back(update, tmp_path):
    save(tmp_path / "a", update)
    equal(load(tmp_path / "a"), update)
    assert of_change(load(tmp_path / "a")) == of_change(update)


def test_a_file_that_is_not_there_or_not_whole_is_nothing(tmp_path):
    path = tmp_path / "a"
    assert load(path) is None
    save(path, matrix_of(SOURCE))
    data = path.read_bytes()
    for cut in (0, 4, 8, 40, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:cut])
        assert load(path) is None, cut
    path.write_bytes(b"\xff" * len(data))
    assert load(path) is None
    path.unlink()
    path.mkdir()
    assert load(path) is None


@pytest.mark.parametrize(
    "content",
    [
        None,
        "",
        "[",
        "null",
        "3",
        "[]",
        '{"kind": "Spectrum"}',
        '{"kind": "Path", "fields": {}}',
        '{"kind": "Spectrum", "fields": {"values": {"array": "gone"}}}',
        '{"kind": "Spectrum", "fields": {"shape": {"items": [1, 2]}, "more": 1}}',
        '{"kind": "Spectrum", "fields": []}',
    ],
)
def test_other_content_under_the_name_is_nothing(content, tmp_path):
    arrays = {"value.values": np.ones(3)}
    for more in ({}, {"sum": "0"}):
        save_file(arrays, tmp_path / "a", None if content is None else {"content": content, **more})
        assert load(tmp_path / "a") is None


def test_every_flipped_bit_is_noticed(tmp_path):
    path = tmp_path / "a"
    save(path, matrix_of(SOURCE))
    data, rng = path.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(0, len(data), 60):
        broken = bytearray(data)
        broken[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(broken)
        assert load(path) is None, place


def test_numbers_at_the_ends_of_float64_come_back(tmp_path):
    found = matrix_of(ArraySource(np.full((2, 3), 1e-310)), level=1)
    save(tmp_path / "a", found)
    equal(load(tmp_path / "a"), found)
    assert json.dumps(found.norm) != "0.0"
