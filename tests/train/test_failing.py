"""A run that no longer learns, or has no room to write, ends in one sentence and leaves nothing half written."""

import resource

import numpy as np
import pytest
from training_samples import setting, stream, tiny

from benchshadow.errors import InputError
from benchshadow.train import checkpoint_folder
from benchshadow.train.loop import Diverged, train
from benchshadow.train.model import save, weights_sha256
from benchshadow.train.state import STATE

RISING = {"steps": 40, "learning_rate": 30.0, "clip": 1e9, "warmup": 0, "schedule": "constant", "checkpoints": 1}


def test_a_loss_that_stays_above_what_was_declared_ends_the_run(tmp_path):
    settings = setting(**RISING, diverges_above=1.5, diverges_after=4)
    said = r"hot: the loss is [\de+.]+ at step \d+ and was above 1\.5 times its first, 3\.\d+, for 4 steps; lower"
    with pytest.raises(Diverged, match=said):
        train(tiny(), stream(settings), settings, tmp_path / "hot.partial", seed=5)


def test_a_loss_that_comes_back_in_time_does_not(tmp_path):
    settings = setting(**RISING, diverges_above=1.5, diverges_after=1000)
    losses = train(tiny(), stream(settings), settings, tmp_path, seed=5)
    assert (losses > 1.5 * losses[0]).sum() > 4


def test_it_ends_at_the_same_step_when_it_was_killed_before(tmp_path):
    settings = setting(**RISING, diverges_above=1.5, diverges_after=4)

    def said(folder, **options):
        with pytest.raises(Diverged) as caught:
            train(tiny(), stream(settings), settings, folder, seed=5, **options)
        return str(caught.value)

    whole = said(tmp_path / "whole" / "run")
    train(tiny(), stream(settings), settings, tmp_path / "cut" / "run", seed=5, stop_after=2)
    assert said(tmp_path / "cut" / "run") == whole


@pytest.fixture
def little_room():
    """Files of at most so many bytes can be written: the system refuses the rest as it does on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def room(count):
        resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))

    yield room
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_checkpoint_without_room_is_refused_and_nothing_half_stays(tmp_path, little_room):
    save(tiny(), tmp_path / "step")
    before = (tmp_path / "step" / "model.safetensors").read_bytes()
    little_room(4096)
    with pytest.raises(InputError, match=r"step: cannot be written \(.*[Ff]ile too large") as caught:
        save(tiny(1), tmp_path / "step")
    little_room(resource.RLIM_INFINITY)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["step"]
    assert (tmp_path / "step" / "model.safetensors").read_bytes() == before


def test_a_state_without_room_is_refused_and_the_one_before_stays(tmp_path, little_room):
    settings = setting(checkpoints=1)
    train(tiny(), stream(settings), settings, tmp_path, seed=5, stop_after=5)
    before = (tmp_path / STATE).read_bytes()
    little_room(4096)
    with pytest.raises(InputError, match=rf"{STATE}: cannot be written") as caught:
        train(tiny(), stream(settings), settings, tmp_path, seed=5)
    little_room(resource.RLIM_INFINITY)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [STATE]
    assert (tmp_path / STATE).read_bytes() == before


def test_with_room_again_it_ends_with_the_bits_of_an_undisturbed_one(tmp_path, little_room):
    settings = setting()
    whole = tiny()
    losses = train(whole, stream(settings), settings, tmp_path / "whole", seed=5)
    little_room(4096)
    with pytest.raises(InputError, match="step-000003: cannot be written"):
        train(tiny(), stream(settings), settings, tmp_path / "cut", seed=5)
    little_room(resource.RLIM_INFINITY)
    again = tiny()
    assert np.array_equal(train(again, stream(settings), settings, tmp_path / "cut", seed=5), losses)
    assert weights_sha256(again) == weights_sha256(whole)
    assert checkpoint_folder(tmp_path / "cut", 3).is_dir()
