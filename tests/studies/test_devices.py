"""What is measured is measured where the study trains, and the accelerator's name is in environment and key."""

import numpy as np
import pytest
import torch
from small_study import write_study

from benchshadow import evaluate
from benchshadow.data.tokenization import skills_tokenizer
from benchshadow.errors import InputError
from benchshadow.studies.declaring.study import read_study
from benchshadow.studies.running import manifests, measuring
from benchshadow.studies.running.manifests import environment, training_key
from benchshadow.train import Architecture
from benchshadow.train.model import new, save

ON_GPU = ("[settings]\n", '[settings]\ndevice = "cuda"\n')
COLUMNS = {"run": "r", "arm": "a", "replicate": 0, "base": "b", "step": 4, "checkpoint": "c"}


@pytest.fixture
def checkpoints(tmp_path):
    shape = Architecture(hidden_size=16, intermediate_size=24, layers=1, heads=2)
    for seed, name in enumerate(("base", "tuned")):
        save(new(shape, vocabulary=90, positions=16, seed=seed), tmp_path / name)
    return {"base": tmp_path / "base", "checkpoint": tmp_path / "tuned"}


def measured(place, checkpoints, device):
    measuring.measured(
        place,
        COLUMNS,
        **checkpoints,
        tokenizer=skills_tokenizer(),
        tasks=(),
        probes=object(),
        equaliser=None,
        losses=np.ones(3),
        seed=0,
        threads=1,
        device=device,
        whole=False,
    )


def test_models_are_scored_and_probed_on_the_device_of_the_study(tmp_path, checkpoints, monkeypatch):
    places = []

    def scored(model, *_):
        places.append(model.device.type)
        return []

    def probed(model, base, *_):
        places.extend([model.device.type, base.device.type])
        return []

    monkeypatch.setattr(evaluate, "score_all", scored)
    monkeypatch.setattr(measuring, "probed", probed)
    measured(tmp_path / "place", checkpoints, "meta")
    assert places == ["meta"] * 3
    assert (tmp_path / "place" / "records.part").is_file()


@pytest.mark.skipif(torch.cuda.is_available(), reason="here is the device")
def test_a_device_that_is_not_there_is_refused_in_a_sentence(tmp_path, checkpoints):
    with pytest.raises(InputError, match="device: must be a device of this machine but is 'cuda'; set device = 'cpu'"):
        measured(tmp_path / "place", checkpoints, "cuda")


@pytest.fixture
def accelerators(monkeypatch):
    """Calls a function as if on a machine with each of two accelerators."""

    def on(name, call):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: name)
        manifests._accelerator.cache_clear()
        return call()

    yield lambda call: [on(name, call) for name in ("one", "other")]
    manifests._accelerator.cache_clear()


def test_the_accelerator_is_named_and_another_one_is_another_key(accelerators, tmp_path):
    study = read_study(write_study(tmp_path, ON_GPU))

    def key(arm):
        return accelerators(lambda: training_key(study, arm=arm, replicate=0, base="", recipes={}))

    assert accelerators(lambda: environment(study.settings)["device"]) == ["one", "other"]
    assert accelerators(lambda: environment(study.base.settings)["device"]) == ["cpu", "cpu"]
    assert len(set(key("control"))) == 2
    assert len(set(key(""))) == 1
    assert environment(None)["device"] == "cpu"
