"""A model of two thousand weights and a training of some steps, which the tests of the room share."""

import numpy as np

from benchshadow.train import Architecture, Settings
from benchshadow.train.model import new

ARCHITECTURE = Architecture(hidden_size=16, intermediate_size=24, layers=1, heads=2)


def tiny(seed=0, vocabulary=23, **changes):
    return new(ARCHITECTURE.model_copy(update=changes), vocabulary=vocabulary, positions=16, seed=seed)


def setting(**changes):
    given = {"steps": 11, "sequences": 3, "length": 8, "learning_rate": 0.01, "warmup": 2, "save_every": 4}
    return Settings(**{**given, "checkpoints": 3, **changes})


def stream(settings, seed=0, vocabulary=23):
    shape = (settings.steps * settings.sequences, settings.length)
    return np.random.default_rng(seed).integers(vocabulary, size=shape).astype(np.int32)


def counting(settings):
    """A text that repeats, which a model can learn."""
    return np.tile(np.arange(settings.length, dtype=np.int32), (settings.steps * settings.sequences, 1))
