"""The package and its command line start light: what is heavy waits until a command needs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ["torch", "transformers", "tokenizers", "ray", "lm_eval", "altair", "scipy", "polars", "numpy"]


TELL = """
import json, sys
print(json.dumps(sorted({name.partition('.')[0] for name, module in sys.modules.items() if module})))
"""


def loaded_after(code: str) -> set[str]:
    """Names of the top-level modules that a fresh interpreter holds after running `code`."""
    run = subprocess.run([sys.executable, "-c", code + TELL], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", ["benchshadow", "benchshadow.cli", "benchshadow.errors"])
def test_importing_loads_nothing_heavy(module):
    loaded = loaded_after(f"import {module}")
    assert "benchshadow" in loaded
    assert sorted(loaded.intersection(HEAVY)) == []


def test_the_check_sees_what_is_loaded():
    assert "numpy" in loaded_after("import benchshadow, numpy")


@pytest.mark.parametrize(
    "room",
    [
        "spectra",
        "stats",
        "records",
        "checkpoints",
        "report",
        "data",
        "train",
        "studies.grid",
        "studies.running.verification",
    ],
)
def test_only_training_and_scoring_load_torch(room):
    assert sorted(loaded_after(f"import benchshadow.{room}").intersection(["torch", "transformers"])) == []


def test_help_loads_nothing_heavy_and_ends_well():
    code = """
from benchshadow.cli import main
import sys
sys.argv = ["benchshadow", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert sorted(loaded_after(code).intersection(HEAVY)) == []


def test_a_scan_needs_neither_torch_nor_transformers_to_be_installed(tmp_path):
    """In a process where importing them fails, a checkpoint is scanned all the same."""
    code = f"""
import sys
import numpy as np
from safetensors.numpy import save_file

sys.modules.update(torch=None, transformers=None, tokenizers=None)
folder = {str(tmp_path)!r}
save_file({{"model.layers.0.mlp.up_proj.weight": np.eye(8, 6, dtype=np.float32)}}, folder + "/base.safetensors")
sys.argv = ["benchshadow", "footprint", folder + "/base.safetensors", "--out", folder + "/out"]
from benchshadow.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert sorted(loaded_after(code).intersection(["torch", "transformers"])) == []
    assert (tmp_path / "out" / "records.parquet").is_file()
    assert (tmp_path / "out" / "coverage.parquet").is_file()
