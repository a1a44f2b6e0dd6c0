"""Matrices inside a stored matrix hold what NumPy would cut, and read nothing beside it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchshadow.checkpoints import open_checkpoint
from benchshadow.checkpoints.views import Runs, selected, transposed

WHOLE = np.arange(24 * 5, dtype=np.float32).reshape(24, 5)
RUNS = {
    "in one": Runs(3, 7),
    "every third": Runs(2, 1, 3, 8),
    "short runs": Runs(1, 2, 6, 4),
    "none": Runs(4, 0),
    "one run of many": Runs(0, 24),
}


@dataclass
class Plain:
    """A source that has no raw blocks and counts the entries that it gives."""

    array: np.ndarray
    name: str = "m"
    stored: str = "float32"
    read: int = field(default=0)

    @property
    def shape(self):
        return self.array.shape

    def rows(self, start, stop):
        return self._counted(self.array[start:stop])

    def columns(self, start, stop):
        return self._counted(self.array[:, start:stop])

    def first(self, rows):
        return Plain(self.array[:rows])

    def _counted(self, block):
        self.read += block.size
        return block


def stored(folder, array, kind):
    save_file({"m": torch.tensor(np.ascontiguousarray(array)).to(kind)}, folder / "model.safetensors")
    return open_checkpoint(folder).source("m")


@pytest.fixture(params=["plain", "float32", "bfloat16"])
def source(request, tmp_path):
    """The same matrix, once in memory and twice in a file; its values are exact in bfloat16."""
    return Plain(WHOLE) if request.param == "plain" else stored(tmp_path, WHOLE, getattr(torch, request.param))


def check(view: Any, expected: np.ndarray):
    """A view against the array it should be, whole and in blocks of every width."""
    assert view.shape == expected.shape
    assert view.name == "m"
    for width in (1, 2, 3, 24):
        for start in range(0, max(expected.shape), width):
            np.testing.assert_array_equal(
                view.rows(start, min(start + width, expected.shape[0])), expected[start : start + width]
            )
            np.testing.assert_array_equal(
                view.columns(start, min(start + width, expected.shape[1])), expected[:, start : start + width]
            )
    assert view.rows(0, expected.shape[0]).dtype == np.float32


def taken(runs, array):
    return array[[runs.start + run * runs.period + i for run in range(runs.count) for i in range(runs.length)]]


@pytest.mark.parametrize("runs", RUNS.values(), ids=RUNS)
def test_chosen_rows(runs, source):
    check(selected(source, runs), taken(runs, WHOLE))
    check(selected(source, runs).first(min(3, runs.rows)), taken(runs, WHOLE)[:3])


def test_transposed(source):
    check(transposed(source), WHOLE.T)
    check(transposed(source).first(2), WHOLE.T[:2])
    check(transposed(transposed(source)), WHOLE)


@pytest.mark.parametrize("runs", [Runs(1, 3), Runs(0, 1, 2, 2)])
def test_chosen_columns_and_rows_of_a_transpose(runs, source):
    check(selected(transposed(source), runs), taken(runs, WHOLE.T))
    check(transposed(selected(transposed(source), runs)), taken(runs, WHOLE.T).T)


def test_views_of_a_file_share_its_bytes_and_those_of_memory_have_no_raw_blocks(tmp_path):
    source: Any = stored(tmp_path, WHOLE, torch.float32)
    turned = transposed(source)
    views: list[Any] = [selected(source, Runs(3, 7)), turned, selected(turned, Runs(0, 1, 2, 2))]
    for view in views:
        assert np.shares_memory(view.raw(0, view.shape[0]), source.raw(0, 24))
    assert not hasattr(selected(Plain(WHOLE), Runs(3, 7)), "raw")
    assert not hasattr(transposed(Plain(WHOLE)), "raw")


def test_no_other_rows_are_read():
    tall = np.arange(400.0, dtype=np.float32).reshape(200, 2)
    source = Plain(tall)
    runs = Runs(10, 20, 50, 4)
    np.testing.assert_array_equal(selected(source, runs).rows(5, 45), taken(runs, tall)[5:45])
    assert source.read == 40 * 2
    source.read = 0
    selected(source, Runs(100, 50)).rows(3, 9)
    assert source.read == 6 * 2
    source.read = 0
    transposed(source).columns(3, 9)
    assert source.read == 6 * 2
