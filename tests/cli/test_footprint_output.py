"""What `footprint` prints: the level, what was left out and why, numbers beside chance, and roles by tower."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from benchshadow.cli import app

SCREEN = 50
BLOCK = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.up_proj", "mlp.down_proj")


def weights(prefix: str, seed: int, layers: int = 2, size: float = 1.0) -> dict[str, np.ndarray]:
    """Random matrices of a few blocks."""
    rng = np.random.default_rng(seed)
    names = [f"{prefix}.{layer}.{part}.weight" for layer in range(layers) for part in BLOCK]
    return {name: size * rng.standard_normal((12, 10)).astype(np.float32) for name in names}


def saved(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    save_file(tensors, path)
    return path


def said(*arguments: object) -> str:
    """Standard output of a footprint that ends well."""
    done = CliRunner().invoke(app, ["footprint", *map(str, arguments), "--no-cache"])
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A base, and a tuned copy of it, with a language and a vision tower."""
    root = tmp_path_factory.mktemp("pair")
    base = weights("model.layers", 0) | weights("vision_tower.encoder.layers", 1)
    noise = weights("model.layers", 2, size=0.1) | weights("vision_tower.encoder.layers", 3, size=0.1)
    tuned = {name: value + noise[name] for name, value in base.items()}
    return saved(root / "base.safetensors", base), saved(root / "tuned.safetensors", tuned)


def test_roles_of_the_towers_are_printed_apart_beside_chance_on_one_screen(pair, tmp_path):
    out = said(*pair, "--out", tmp_path, "--level", "3")
    assert f"{pair[0]} -> {pair[1]}, level 3" in out
    assert out.count("\n") < SCREEN
    lines = [line.split() for line in out.splitlines()]
    assert [line[:3] for line in lines if line[1:2] == ["mlp.up"]] == [
        ["language", "mlp.up", "2"],
        ["vision", "mlp.up", "2"],
    ]
    (rank,) = (line for line in lines if line[:2] == ["stable", "rank"] and len(line) == 4)
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert float(rank[2]) == pytest.approx(summary["model"]["stable_rank"], rel=1e-4)
    assert float(rank[3]) == pytest.approx(summary["model_random"]["stable_rank"], rel=1e-4)
    assert "intruder dimensions, left" in out
    assert "signal rank, rounded: both" in out


def test_the_summary_holds_a_row_for_each_role_of_each_tower(pair, tmp_path):
    summary = json.loads(said(*pair, "--out", tmp_path, "--level", "0", "--json"))
    assert summary["kind"] == "change"
    found = {(row["tower"], row["stack"], row["role"]): row for row in summary["by_role"]}
    assert len(found) == len(summary["by_role"]) == 2 * len(BLOCK)
    mine = found["vision", "vision_tower.encoder.layers", "attention.query"]
    assert mine["matrices"] == 2
    noise = [weights("vision_tower.encoder.layers", 3, size=0.1)[f"vision_tower.encoder.layers.{i}.{BLOCK[0]}.weight"]
             for i in range(2)]  # fmt: skip
    assert mine["frobenius_norm"] == pytest.approx(np.linalg.norm(noise), rel=1e-5)


def test_one_pass_over_one_checkpoint_prints_norms_and_no_more(pair, tmp_path):
    out = said(pair[0], "--out", tmp_path, "--level", "0")
    assert f"{pair[0]}, level 0" in out
    assert "over the matrices inside blocks" not in out
    assert "frobenius norm" in out
    assert "stable rank" not in out


def test_what_was_left_out_is_printed_with_its_reason(pair, tmp_path):
    tuned = weights("model.layers", 4)
    gone, bad = f"model.layers.0.{BLOCK[0]}.weight", f"model.layers.1.{BLOCK[3]}.weight"
    del tuned[gone]
    tuned[bad][0, 0] = np.nan
    tuned["model.norm.weight"] = np.ones(10, np.float32)
    base = saved(tmp_path / "base.safetensors", weights("model.layers", 0) | {"model.norm.weight": np.ones(10, "f4")})
    out = said(base, saved(tmp_path / "tuned.safetensors", tuned), "--out", tmp_path / "out")
    assert f"refused: {bad.removeprefix('model.')}, 120 parameters: must be finite but holds NaN" in out
    assert f"unmatched: {gone.removeprefix('model.')}, 120 parameters: the tuned checkpoint has no tensor" in out
    left = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))["left_out"]
    assert [(row["state"], row["tensors"], row["parameters"]) for row in left] == [
        ("refused", 1, 120),
        ("unmatched", 1, 120),
        ("skipped", 1, 10),
    ]


def test_an_adapter_is_named_as_one_alone_and_on_its_base(tmp_path):
    base = saved(tmp_path / "base.safetensors", weights("model.layers", 0))
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    rng = np.random.default_rng(5)
    factors = {
        f"base_model.model.model.layers.{layer}.{BLOCK[0]}.lora_{side}.weight": rng.standard_normal(shape).astype("f4")
        for layer in range(2)
        for side, shape in (("A", (2, 10)), ("B", (12, 2)))
    }
    saved(adapter / "adapter_model.safetensors", factors)
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q_proj"]}
    (adapter / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    alone = said(adapter, "--out", tmp_path / "alone")
    assert alone.startswith(f"adapter {adapter}, level 2\n")
    assert "Of the adapter's change, by role" in alone
    both = said(base, adapter, "--out", tmp_path / "both")
    assert both.startswith(f"adapter on its base: {base} -> {adapter}, level 2\n")
    assert "relative change" in both
    page = (tmp_path / "both" / "report.html").read_text(encoding="utf-8")
    assert "<h1>adapter on base.safetensors</h1>" in page
