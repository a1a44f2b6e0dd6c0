"""The room works without torch, and importing it never loads torch."""

import subprocess
import sys

import numpy as np
import pytest

from benchshadow.errors import InputError
from benchshadow.spectra import ArraySource, Spectrum, engines


def test_importing_the_room_does_not_load_torch():
    script = "import sys, benchshadow.spectra, benchshadow.stats; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_without_torch_the_other_engine_is_used_and_torch_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(engines, "_torch_installed", lambda: False)
    source = ArraySource(np.random.default_rng(0).standard_normal((90, 80)))
    assert Spectrum.of(source).method == "gram eigvalsh float64 numpy"
    with pytest.raises(InputError, match="which is not installed"):
        Spectrum.of(source, engine="torch")
