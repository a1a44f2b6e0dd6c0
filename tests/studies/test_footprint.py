"""A footprint is a folder that is whole or not begun, and continued only by the same work."""

import json
import math
import shutil
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import torch
import xxhash
from model_pairs import changed, llama, noise, save
from safetensors.torch import load_file, save_file

from benchshadow import records
from benchshadow.errors import Incomplete, InputError
from benchshadow.studies.footprints import footprint as module
from benchshadow.studies.footprints.footprint import FILES, footprint


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A base in float32 and a tuned model in bfloat16, tied."""
    root = tmp_path_factory.mktemp("pair")
    model = llama(tied=True)
    return save(model, root / "base"), save(changed(model, noise), root / "tuned", "bfloat16")


@pytest.fixture(scope="module")
def done(pair, tmp_path_factory):
    return footprint(*pair, out=tmp_path_factory.mktemp("done") / "out")


def spoilt(pair, folder, change):
    """A copy of the tuned model after a change of its tensors."""
    shutil.copytree(pair[1], folder)
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    return folder


def test_the_folder_holds_every_file_and_nothing_half_written(done):
    assert sorted(file.name for file in done.folder.iterdir()) == sorted([*FILES, "work.json"])


def test_the_summary_is_that_of_the_tables(done, pair):
    summary = json.loads((done.folder / "summary.json").read_text(encoding="utf-8"))
    assert summary == done.summary
    assert (summary["verb"], summary["base"], summary["tuned"]) == ("footprint", *map(str, pair))
    assert (summary["family"], summary["guessed"], summary["remarks"]) == ("llama", False, [])
    assert summary["tensors"] == {"analysed": 22, "equal": 0, "skipped": 7, "unmatched": 0, "refused": 0}
    total = sum(weight.numel() for weight in llama(tied=True).parameters())
    assert summary["parameters"] == {"total": total, "analysed": total - 7 * 32}
    table = records.read(done.folder)
    model = table.filter((pl.col("of") == "model") & (pl.col("diagnostic") == "relative_change"))
    assert summary["model"]["relative_change"] == model["value"][0]
    assert 0.05 < summary["model"]["relative_change"] < 0.2
    assert {"signal_rank:tuned", "signal_rank:both", "rank_at_energy(0.5)", "effective_layers"} <= set(summary["model"])
    assert all(math.isfinite(value) for value in summary["model"].values())


def test_roles_are_summed_up_apart(done):
    table = records.read(done.folder).filter((pl.col("of") == "change") & (pl.col("role") == "mlp.up"))
    (row,) = [row for row in done.summary["by_role"] if row["role"] == "mlp.up"]
    assert row["matrices"] == 3
    stable = table.filter(pl.col("diagnostic") == "stable_rank")["value"]
    assert row["stable_rank"] == pytest.approx(stable.mean())
    moved = table.filter(pl.col("diagnostic") == "relative_change")["value"]
    assert moved.min() < row["relative_change"] < moved.max()
    assert [each["role"] for each in done.summary["by_role"]].count("embedding") == 1


def test_records_carry_both_names(done, pair):
    table = records.read(done.folder)
    assert set(table["base"]) == {str(pair[0])}
    assert set(table["checkpoint"]) == {str(pair[1])}


def test_the_manifest_names_the_contents_of_every_file(done, pair):
    manifest = json.loads((done.folder / "manifest.json").read_text(encoding="utf-8"))
    for side, folder in zip(("base", "tuned"), pair, strict=True):
        assert set(manifest[side]) == {"model.safetensors", "config.json"}
        for name, said in manifest[side].items():
            assert said["xxh3"] == xxhash.xxh3_128((folder / name).read_bytes()).hexdigest()
            assert said["bytes"] == (folder / name).stat().st_size
    assert manifest["seed"] == 0
    assert manifest["rounded_sides"] == ["tuned", "both"]


def test_the_same_work_is_not_done_twice(done, pair, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "measure", lambda *_, **__: pytest.fail("measured again"))
    assert footprint(*pair, out=done.folder) == done
    moved = [shutil.copytree(folder, tmp_path / folder.name) for folder in pair]
    assert footprint(*moved, out=done.folder) == done


def test_what_was_interrupted_is_done_again(done, pair, tmp_path):
    out = shutil.copytree(done.folder, tmp_path / "out")
    (out / "summary.json").unlink()
    again = footprint(*pair, out=out)
    assert again.summary == done.summary
    assert records.read(out).equals(records.read(done.folder))


def test_numbers_of_other_code_are_not_given_for_those_of_this_one(done, pair, monkeypatch):
    monkeypatch.setattr(module, "code", lambda _: "0" * 64)
    with pytest.raises(InputError, match=r"holds other work \(code was"):
        footprint(*pair, out=done.folder)


def test_other_work_in_the_folder_is_refused_by_name(done, pair, tmp_path):
    before = {file.name: file.read_bytes() for file in done.folder.iterdir()}
    with pytest.raises(InputError, match=r"holds other work .*seed was 0, is 1"):
        footprint(*pair, out=done.folder, seed=1)
    with pytest.raises(InputError, match=r"holds other work .*rounded_sides"):
        footprint(*pair, out=done.folder, rounded_sides=("tuned",))
    with pytest.raises(InputError, match=r"holds other work .*tuned was"):
        footprint(pair[0], pair[0], out=done.folder)
    with pytest.raises(InputError, match="holds files that benchshadow did not write"):
        footprint(*pair, out=pair[0])
    assert {file.name: file.read_bytes() for file in done.folder.iterdir()} == before


def test_an_out_that_cannot_be_written_is_refused(pair, tmp_path):
    file = tmp_path / "file"
    file.write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="must be a folder but is a file"):
        footprint(*pair, out=file)
    with pytest.raises(InputError, match="cannot be made"):
        footprint(*pair, out=file / "below")
    assert file.read_text(encoding="utf-8") == "x"


def test_a_disk_that_fills_leaves_nothing_half_written(pair, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(InputError, match="No space left on device"):
        footprint(*pair, out=tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["work.json"]


def test_a_bad_checkpoint_leaves_no_folder(pair, tmp_path):
    out, cut = tmp_path / "out", shutil.copytree(pair[1], tmp_path / "cut")
    data = (cut / "model.safetensors").read_bytes()
    for broken in (data[:-1], data[:100], data[:4], b"\xff" * 16 + data[16:]):
        (cut / "model.safetensors").write_bytes(broken)
        with pytest.raises(InputError) as caught:
            footprint(pair[0], cut, out=out)
        assert str(cut / "model.safetensors") in str(caught.value)
    for arguments in ((tmp_path / "gone", pair[1]), (pair[0], tmp_path / "gone"), (tmp_path / "gone",)):
        with pytest.raises(InputError, match="no such file or folder"):
            footprint(*arguments, out=out)
    with pytest.raises(InputError, match="rounded_sides: must hold some of tuned, both but holds 'base'"):
        footprint(*pair, out=out, rounded_sides=("base",))
    assert not out.exists()


def test_checkpoints_that_share_nothing_leave_no_folder(pair, tmp_path):
    def rename(tensors):
        for name in list(tensors):
            tensors["other." + name] = tensors.pop(name)

    other = spoilt(pair, tmp_path / "other", rename)
    with pytest.raises(InputError, match="must share at least one matrix by name and shape"):
        footprint(pair[0], other, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_refused_tensors_are_named_and_under_strict_an_error_after_writing(pair, tmp_path):
    name = "model.layers.0.self_attn.q_proj.weight"

    def spoil(tensors):
        tensors[name][0, 0] = float("nan")
        tensors["model.layers.1.mlp.up_proj.weight"] = torch.zeros(3, 3)
        tensors["extra.weight"] = torch.zeros(2, 2)

    other, out = spoilt(pair, tmp_path / "other", spoil), tmp_path / "out"
    for _ in range(2):
        with pytest.raises(Incomplete) as caught:
            footprint(pair[0], other, out=out, strict=True)
        assert str(caught.value).startswith(
            f"{out}: every tensor must be measured but 2 were refused, the first {name!r}: must be finite"
        )
    assert all((out / file).is_file() for file in FILES)
    found = footprint(pair[0], other, out=out)
    assert found.refused == 2
    assert found.summary["tensors"] == {"analysed": 20, "equal": 0, "skipped": 7, "unmatched": 1, "refused": 2}
    coverage = pl.read_parquet(out / "coverage.parquet")
    own = coverage.filter(pl.col("stored").is_not_null())
    assert own["parameters"].sum() == sum(t.numel() for t in load_file(other / "model.safetensors").values())
    assert found.summary["parameters"]["total"] == own["parameters"].sum()
    assert any(
        "must have one shape but is 48 x 32 in the base and 3 x 3 in the tuned" in said for said in found.remarks
    )


def test_a_plan_says_what_would_be_done_and_does_nothing(pair, tmp_path):
    out = tmp_path / "out"
    plan = footprint(*pair, out=out, plan=True).summary
    assert not out.exists()
    read = [folder / name for folder in pair for name in ("model.safetensors", "config.json")]
    assert sorted(plan["read"]["files"]) == sorted(map(str, read))
    assert plan["read"]["bytes"] == sum(file.stat().st_size for file in read)
    assert plan["compute"] == {"spectra": 66, "tensors": {"matrix": 22, "skipped": 7}, "largest": "64 x 32"}
    assert plan["write"] == [str(out / name) for name in ("work.json", *FILES)]
    assert plan["estimate"]["seconds"] >= 0
    assert plan["estimate"]["memory_bytes"] > 0
    assert json.loads(json.dumps(plan)) == plan


def test_small_matrices_are_measured_without_loading_torch(pair, tmp_path):
    script = (
        "import sys; from pathlib import Path; from benchshadow.studies.footprints.footprint import footprint; "
        "footprint(Path(sys.argv[1]), Path(sys.argv[2]), out=Path(sys.argv[3]), workers=2); "
        "print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", script, *map(str, pair), str(tmp_path / "out")]
    said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert said.stdout.strip() == "False"
    methods = set(records.read(tmp_path / "out").filter(pl.col("diagnostic") == "stable_rank")["method"])
    assert all("lapack" in method or "mean over" in method for method in methods)


def test_one_checkpoint_alone_has_a_footprint(pair, tmp_path):
    found = footprint(pair[0], out=tmp_path / "out")
    assert found.summary["tuned"] is None
    assert found.summary["tensors"]["analysed"] == 22
    assert "relative_change" not in found.summary["model"]
    assert np.isfinite(found.summary["model"]["stable_rank"])
    assert all("relative_change" not in row for row in found.summary["by_role"])
