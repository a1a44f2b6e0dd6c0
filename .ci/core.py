"""Scans a small safetensors pair in an environment that has neither torch nor the libraries of the report."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
from safetensors.numpy import save_file

for absent in ("torch", "transformers", "altair", "jinja2"):
    assert importlib.util.find_spec(absent) is None, f"{absent} is installed, so this proves nothing"

out = Path(sys.argv[1])
made = out.with_name("made")
made.mkdir()
rng = np.random.default_rng(0)
base = rng.standard_normal((48, 32)).astype(np.float32)
change = np.outer(rng.standard_normal(48), rng.standard_normal(32)).astype(np.float32)
for name, matrix in (("base", base), ("tuned", base + 0.01 * change)):
    save_file({"model.layers.0.mlp.up_proj.weight": matrix}, made / f"{name}.safetensors")
command = [
    Path(sys.executable).with_name("benchshadow"),
    "footprint",
    made / "base.safetensors",
    made / "tuned.safetensors",
]
run = subprocess.run([*command, "--out", out], capture_output=True, text=True)
print(run.stdout, run.stderr, sep="")
assert run.returncode == 0, run.returncode
assert "pip install 'benchshadow[report]'" in run.stderr, (
    "the missing report is named with the command that installs it"
)
rank = pl.read_parquet(out / "records.parquet").filter(pl.col("of") == "change", pl.col("diagnostic") == "stable_rank")[
    "value"
][0]
assert abs(rank - 1) < 1e-6, rank
