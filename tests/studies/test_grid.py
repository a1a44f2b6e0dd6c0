"""A study's folder: continued or refused, whole or resumable, and one run that fails leaves the others going."""

import errno
import os
import shutil

import polars as pl
import pytest
from small_study import write_study

from benchshadow.errors import Incomplete, InputError
from benchshadow.records import read, read_json, write_json
from benchshadow.studies.grid import Standing, study_run, study_status
from benchshadow.studies.running import manifests
from benchshadow.train import loop

ONE = ("replicates = [0, 1]", "replicates = [0]")


@pytest.fixture
def copy(whole, tmp_path):
    """The small study's folder, to be changed."""
    return shutil.copytree(whole.out, tmp_path / "copy")


def times(folder) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for kind in ("bases", "runs") for path in (folder / kind).rglob("*")}


def no_training(*_, **__):
    raise AssertionError("nothing is to be trained")


def drop(out, name: str) -> None:
    (folder,) = (path for path in out.glob(f"*/{name}.*") if path.is_dir())
    shutil.rmtree(folder)


def test_a_whole_study_is_left_as_it_is(whole, copy, monkeypatch):
    monkeypatch.setattr(loop, "train", no_training)
    before = times(copy)
    told = {name: (copy / name).read_bytes() for name in ("summary.json", "claims.json", "study.json", "study.toml")}
    done = study_run(whole.file, out=copy, workers=1)
    assert done.failed == {}
    assert times(copy) == before
    assert {name: (copy / name).read_bytes() for name in told} == told


def test_the_folder_holds_what_a_reader_needs(whole):
    summary = read_json(whole.out / "summary.json")
    assert summary["runs"] == {"whole": 8, "failed": 0, "planned": 8}
    assert summary["level"] == "descriptive"
    assert {row["arm"] for row in summary["table"]} == {"base", "control", "A/A", "aligned", "half"}
    assert (whole.out / "study.toml").read_bytes() == whole.file.read_bytes()
    records = read(whole.out)
    assert set(records["arm"].unique()) == {"base", "control", "A/A", "aligned", "half"}
    # Curves are read off between the steps, at relative changes that all runs share.
    at_steps = records.filter(pl.col("arm") == "half", pl.col("of") != "trajectory")
    assert set(at_steps["step"].unique()) == {1, 2, 4}
    run = whole.run("half")
    assert (run / "items.parquet").is_file()
    assert len(pl.read_parquet(run / "losses.parquet")) == 4
    assert not (run / "progress.json").exists()


def test_every_row_of_a_table_is_of_one_run_and_no_row_stands_twice(whole):
    records = read(whole.out)
    where = [
        "run",
        "arm",
        "replicate",
        "step",
        "of",
        "side",
        "tensor",
        "benchmark",
        "tower",
        "role",
        "layer",
        "diagnostic",
    ]
    doubled = records.group_by([*where, "parameter", "method"]).len().filter(pl.col("len") > 1)
    assert doubled.rows() == []


def test_status_tells_whole_runs_and_waiting_ones(whole, copy):
    drop(copy, "half.1")
    standing = study_status(whole.file, out=copy)
    waiting = [run.title for run in standing.runs if standing.shares[run.name] < 1]
    assert waiting == ["half, replicate 1"]
    assert (standing.work, standing.total) == (3 + 7 * 4, 3 + 8 * 4)
    with pytest.raises(InputError, match="no such folder"):
        study_status(whole.file, out=copy / "nowhere")


def test_progress_ends_with_everything_done(whole, copy):
    drop(copy, "half.1")
    seen: list[Standing] = []
    study_run(whole.file, out=copy, workers=1, progress=seen.append)
    assert seen[-1].work == seen[-1].total
    assert all(share == 1 for share in seen[-1].shares.values())


def diverge(patch, name: str) -> None:
    """One run is trained at a learning rate that no training survives."""
    real = loop.train

    def train(model, stream, settings, folder, **more):
        if folder.name.startswith(name):
            settings = settings.model_copy(update={"learning_rate": 1e30, "warmup": 0})
        return real(model, stream, settings, folder, **more)

    patch.setattr(loop, "train", train)


def test_a_run_that_diverges_is_told_by_name_and_the_others_go_on(whole, copy, monkeypatch):
    drop(copy, "half.0")
    drop(copy, "half.1")
    with monkeypatch.context() as patch:
        diverge(patch, "half.0")
        done = study_run(whole.file, out=copy, workers=1)
        assert list(done.failed) == ["half, replicate 0"]
        assert "lower the learning rate" in done.failed["half, replicate 0"]
        assert "half.0" in done.failed["half, replicate 0"]
        assert done.summary["runs"] == {"whole": 7, "failed": 1, "planned": 8}
        assert read_json(copy / "failures.json") == done.failed
        half = [row for row in done.summary["table"] if row["arm"] == "half"]
        assert {row["n"] for row in half} == {1}
        standing = study_status(whole.file, out=copy)
        assert list(standing.failed.values()) == list(done.failed.values())
        with pytest.raises(Incomplete, match="1 of 8 runs failed; half, replicate 0: ") as strict:
            study_run(whole.file, out=copy, workers=1, strict=True)
        assert strict.value.exit_code == 4
    # Its state is of a training at another learning rate, which is not mixed with this one.
    assert "its learning_rate was 1e+30" in study_run(whole.file, out=copy, workers=1).failed["half, replicate 0"]
    drop(copy, "half.0")
    mended = study_run(whole.file, out=copy, workers=1)
    assert mended.failed == {}
    assert read_json(copy / "failures.json") == {}
    assert (copy / "claims.json").read_bytes() == (whole.out / "claims.json").read_bytes()


def test_a_run_that_failed_is_told_while_others_go_on_and_after_a_kill(whole, copy, monkeypatch):
    drop(copy, "half.0")
    drop(copy, "half.1")
    diverge(monkeypatch, "half.0")
    real, seen = loop.train, []

    class Killed(BaseException):
        """As a kill, it is no error that anything catches."""

    def train(model, stream, settings, folder, **more):
        if folder.name.startswith("half.1"):
            seen.append(study_status(whole.file, out=copy))
            raise Killed
        return real(model, stream, settings, folder, **more)

    monkeypatch.setattr(loop, "train", train)
    with pytest.raises(Killed):
        study_run(whole.file, out=copy, workers=1)
    (standing,) = seen
    failed, running = (next(run for run in standing.runs if run.title == f"half, replicate {n}") for n in (0, 1))
    assert list(standing.failed) == [failed.name]
    assert "lower the learning rate" in standing.failed[failed.name]
    assert standing.running == (running.name,)
    assert (standing.work, standing.total) == (3 + 7 * 4, 3 + 8 * 4)
    assert read_json(copy / "failures.json") == {failed.title: standing.failed[failed.name]}


def test_where_no_run_can_be_finished_nothing_is_claimed(tmp_path):
    rate = "sequences = 4\nlength = 32\nlearning_rate = "
    file = write_study(tmp_path, ONE, (f"steps = 4\n{rate}1e-2", f"steps = 4\n{rate}1e30"))
    with pytest.raises(InputError, match=r"no run could be finished \(.*lower the learning rate"):
        study_run(file, out=tmp_path / "out", workers=1)
    assert not (tmp_path / "out" / "claims.json").exists()
    assert read_json(tmp_path / "out" / "failures.json").keys() == {
        f"{arm}, replicate 0" for arm in ("control", "A/A", "aligned", "half")
    }


def test_a_base_that_fails_is_told_and_its_runs_are_not_started(tmp_path, monkeypatch):
    diverge(monkeypatch, "base.0")
    with pytest.raises(InputError, match=r"no run could be finished \(base\.0.*lower the learning rate"):
        study_run(write_study(tmp_path, ONE), out=tmp_path / "out", workers=1)
    assert not (tmp_path / "out" / "runs").exists()


def test_a_folder_of_other_work_is_refused_and_left_alone(whole, copy, tmp_path):
    other = write_study(tmp_path, ("seed = 3", "seed = 4"))
    before = {str(path): path.stat().st_mtime_ns for path in copy.rglob("*")}
    with pytest.raises(InputError, match=r"copy: holds other work \(study was .*, is "):
        study_run(other, out=copy, workers=1)
    assert {str(path): path.stat().st_mtime_ns for path in copy.rglob("*")} == before
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(InputError, match="holds files that benchshadow did not write"):
        study_run(whole.file, out=mine, workers=1)
    assert [path.name for path in mine.iterdir()] == ["letter.txt"]


def test_an_unwritable_place_is_refused(whole, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="must be a folder but is a file"):
        study_run(whole.file, out=tmp_path / "file", workers=1)
    with pytest.raises(InputError, match=r"file/below: cannot be made"):
        study_run(whole.file, out=tmp_path / "file" / "below", workers=1)


def full(patch, name: str) -> None:
    """A disk that is full whenever a file of some name is to be put in its place."""
    real = os.replace

    def replace(source, target):
        if name in str(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(source, target)

    patch.setattr(os, "replace", replace)


@pytest.mark.parametrize("name", ["losses.parquet", "manifest.json", "records.parquet", "measured.json"])
def test_a_full_disk_fails_its_run_by_name_and_the_next_call_ends_it(whole, copy, name, monkeypatch):
    drop(copy, "half.1")
    with monkeypatch.context() as patch:
        full(patch, f"partial/{name}")
        done = study_run(whole.file, out=copy, workers=1)
        assert list(done.failed) == ["half, replicate 1"]
        assert f"{name}: cannot be written (No space left on device)" in done.failed["half, replicate 1"]
    assert study_run(whole.file, out=copy, workers=1).failed == {}
    assert (copy / "claims.json").read_bytes() == (whole.out / "claims.json").read_bytes()


def test_a_disk_that_is_full_at_the_end_says_so(whole, copy, monkeypatch):
    full(monkeypatch, "summary.json")
    with pytest.raises(InputError, match=r"summary\.json: cannot be written \(No space left"):
        study_run(whole.file, out=copy, workers=1)


def test_new_definitions_measure_again_and_train_nothing(whole, copy, monkeypatch):
    real = manifests.code
    monkeypatch.setattr(loop, "train", no_training)
    monkeypatch.setattr(
        manifests, "code", lambda rooms: "0" * 64 if rooms == manifests._MEASURING_ROOMS else real(rooms)
    )
    (run,) = (path for path in copy.glob("runs/aligned.0.*") if path.is_dir())
    (run / "records.parquet").unlink()
    before = {str(path): path.stat().st_mtime_ns for path in copy.glob("runs/*/checkpoints/*/*")}
    keys = {path.parent.name: read_json(path)["key"] for path in copy.glob("runs/*/measured.json")}
    done = study_run(whole.file, out=copy, workers=1)
    assert done.failed == {}
    assert {str(path): path.stat().st_mtime_ns for path in copy.glob("runs/*/checkpoints/*/*")} == before
    again = {path.parent.name: read_json(path)["key"] for path in copy.glob("runs/*/measured.json")}
    assert again.keys() == keys.keys()
    assert all(again[name] != keys[name] for name in keys)
    assert read(copy).equals(read(whole.out))


def test_runs_of_older_code_are_set_aside_and_not_mixed_in(whole, copy):
    (old,) = (path for path in copy.glob("runs/half.1.*") if path.is_dir())
    shutil.copytree(old, old.with_name("half.1.000000000000"))
    study_run(whole.file, out=copy, workers=1)
    assert (copy / "superseded" / "runs" / "half.1.000000000000" / "manifest.json").is_file()
    assert not (copy / "runs" / "half.1.000000000000").exists()
    assert (copy / "claims.json").read_bytes() == (whole.out / "claims.json").read_bytes()


def test_what_was_set_aside_before_stays_beside_what_is_set_aside_now(whole, copy):
    (old,) = (path for path in copy.glob("runs/half.1.*") if path.is_dir())
    aside = copy / "superseded" / "runs" / "half.1.000000000000"
    aside.mkdir(parents=True)
    (aside / "earlier").touch()
    shutil.copytree(old, old.with_name("half.1.000000000000"))
    study_run(whole.file, out=copy, workers=1)
    assert (aside / "earlier").is_file()
    assert (aside.with_name("half.1.000000000000.2") / "manifest.json").is_file()


@pytest.fixture(scope="module")
def own_bases(tmp_path_factory):
    """A base of its own for every replicate, and only the last checkpoints kept."""
    folder = tmp_path_factory.mktemp("own")
    changes = (
        ('[base]\nsource = "broad"', '[base]\nsource = "broad"\nper_replicate = true'),
        ("seed = 3", 'seed = 3\nkeep = "last"'),
    )
    fewer = ('[arms.half]\nsource = "benchmark"\ndose = 0.5\n', ""), ('"half", ', "")
    file = write_study(folder, *changes, *fewer)
    return study_run(file, out=folder / "out", workers=1)


def test_every_replicate_starts_from_its_own_base(own_bases):
    found = [read_json(path) for path in sorted(own_bases.folder.glob("runs/*/manifest.json"))]
    bases = {(each["replicate"], each["base"]["weights_sha256"]) for each in found}
    assert len(bases) == 2
    assert len({weights for _, weights in bases}) == 2
    trained = {read_json(path)["results"]["weights_sha256"] for path in own_bases.folder.glob("bases/*/manifest.json")}
    assert trained == {weights for _, weights in bases}


def test_the_runs_of_a_base_that_fails_count_as_failed(own_bases, tmp_path, monkeypatch):
    copy = shutil.copytree(own_bases.folder, tmp_path / "out")
    for stale in (*copy.glob("bases/base.1.*"), *copy.glob("runs/*.1.*")):
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    diverge(monkeypatch, "base.1")
    done = study_run(own_bases.folder.parent / "study.toml", out=copy, workers=1)
    assert done.failed.keys() == {f"{arm}, replicate 1" for arm in ("base", "control", "A/A", "aligned")}
    assert done.failed["aligned, replicate 1"] == f"its base failed ({done.failed['base, replicate 1']})"
    assert done.summary["runs"] == {"whole": 3, "failed": 3, "planned": 6}


def test_only_the_last_checkpoint_is_kept_but_all_are_measured(own_bases):
    kept = {path.name for path in own_bases.folder.glob("runs/*/checkpoints/*")}
    assert kept == {"step-000004"}
    steps = read(own_bases.folder / "runs").filter(pl.col("arm") == "aligned")["step"].unique().sort().to_list()
    assert steps == [1, 2, 4]


def test_where_only_the_last_checkpoint_was_kept_a_new_measurement_trains_again(own_bases, tmp_path):
    copy = tmp_path / "out"
    shutil.copytree(own_bases.folder, copy)
    (run,) = copy.glob("runs/aligned.0.*/")
    before = read_json(run / "manifest.json")["results"]
    write_json(run / "measured.json", {"key": "of other definitions"})
    study_run(own_bases.folder.parent / "study.toml", out=copy, workers=1)
    assert read_json(run / "manifest.json")["results"] == before
    assert read(run)["step"].unique().sort().to_list() == [1, 2, 4]
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-000004"]


def test_runs_that_share_a_base_start_from_the_same_weights(whole):
    found = [read_json(path) for path in whole.out.glob("runs/*/manifest.json")]
    assert len({each["base"]["weights_sha256"] for each in found}) == 1
    assert len({each["results"]["weights_sha256"] for each in found}) == 8
