"""Threads or processes, few or many: the numbers are the same, the order is, and a refusal stays one."""

import numpy as np
import pytest
from model_pairs import changed, llama, noise, save
from safetensors.numpy import load_file, save_file

from benchshadow.checkpoints import open_checkpoint
from benchshadow.studies.footprints import side_by_side
from benchshadow.studies.footprints.measurement import measure


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A pair in which one matrix holds NaN."""
    root = tmp_path_factory.mktemp("pair")
    base, tuned = save(llama(), root / "base"), save(changed(llama(), noise), root / "tuned")
    tensors = load_file(tuned / "model.safetensors")
    tensors["model.layers.0.mlp.up_proj.weight"][3, 3] = np.nan
    save_file(tensors, tuned / "model.safetensors")
    return open_checkpoint(base), open_checkpoint(tuned)


@pytest.mark.parametrize("many", [1, 10**6], ids=["processes", "threads"])
def test_what_is_measured_does_not_depend_on_who_measures_it(many, pair, monkeypatch):
    alone, told = measure(*pair, seed=0, workers=1), []
    monkeypatch.setattr(side_by_side, "_MANY", many)
    together = measure(*pair, seed=0, workers=2, progress=lambda *said: told.append(said))
    for table in ("records", "coverage", "spectra"):
        assert getattr(together, table).equals(getattr(alone, table)), table
    assert together.remarks == alone.remarks
    assert together.refused == alone.refused == 1
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][0] == told[-1][1]


def test_the_heaviest_are_begun_first_and_the_order_is_that_of_the_pairs(pair, monkeypatch):
    begun = []
    monkeypatch.setattr(side_by_side, "_MANY", 10**6)
    whole = side_by_side.work_of

    def job(each):
        begun.append(whole(each))
        return each.piece.name

    from benchshadow.studies.footprints.measurement import pairs_of

    pairs, _ = pairs_of(*pair)
    found = side_by_side.each_measured(job, pairs, 1)
    assert begun == sorted(begun, reverse=True)
    assert found == [each.piece.name for each in pairs]


def test_an_error_ends_the_work_and_is_raised(pair, monkeypatch):
    monkeypatch.setattr(side_by_side, "_MANY", 1)
    with pytest.raises(KeyboardInterrupt):
        measure(*pair, seed=0, workers=2, progress=interrupted)


def interrupted(*_):
    raise KeyboardInterrupt
