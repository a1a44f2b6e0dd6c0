"""The grid on a real Ray cluster of two workers: the bits of one local worker, a killed worker or not."""

from __future__ import annotations

import logging
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from outcomes import hashes
from small_study import write_study

from benchshadow.studies import grid
from benchshadow.studies.engines import cluster as machines
from benchshadow.studies.engines.engine import mapped
from benchshadow.studies.grid import Done, study_run
from benchshadow.studies.running.progress import Tell
from benchshadow.studies.running.runs import execute

pytestmark = pytest.mark.slow
STORE = 80 * 2**20
LESS = (('[arms.half]\nsource = "benchmark"\ndose = 0.5\n', ""), ('"half", ', ""))


@pytest.fixture(scope="module")
def here(tmp_path_factory) -> Done:
    """A small study on one local worker."""
    folder = tmp_path_factory.mktemp("here")
    return study_run(write_study(folder, *LESS), out=folder / "out", workers=1)


@pytest.fixture
def cluster(tmp_path) -> Iterator[None]:
    """A Ray cluster of two CPUs that this process has joined, in whose cache no base is known beforehand."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("BENCHSHADOW_CACHE", str(tmp_path / "cache"))
        how = {"include_dashboard": False, "log_to_driver": False, "_node_ip_address": "127.0.0.1"}
        ray.init(address="local", num_cpus=2, num_gpus=0, object_store_memory=STORE, **how)
        yield
        ray.shutdown()


def dies_in_the_middle(study, run, out: Path) -> None:
    """The first worker that trains `aligned` is killed after a step, and so is the second one."""
    marks = [out.parent / f"killed.{number}" for number in (1, 2)]
    left = [mark for mark in marks if not mark.exists()]
    if run.arm == "aligned" and run.replicate == 0 and left:
        left[0].touch()

        def die(self, done, steps):
            if done == 3:
                os.kill(os.getpid(), signal.SIGKILL)

        Tell.step = die
    execute(study, run, out)


def test_the_grid_on_ray_gives_the_bits_of_one_local_worker(here, cluster, tmp_path):
    file = here.folder.parent / "study.toml"
    one = study_run(file, out=tmp_path / "one", engine="ray", workers=1)
    assert one.failed == {}
    assert hashes(one.folder) == hashes(here.folder)


def test_the_grid_on_ray_whose_worker_is_killed_twice_gives_the_same_bits(here, cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(grid, "execute", dies_in_the_middle)
    file = here.folder.parent / "study.toml"
    two = study_run(file, out=tmp_path / "two", engine="ray", workers=2)
    assert (tmp_path / "killed.2").exists()
    assert two.failed == {}
    assert hashes(two.folder) == hashes(here.folder)


def test_a_whole_study_starts_no_cluster(here, tmp_path, monkeypatch):
    monkeypatch.setattr(machines, "connected", None)
    shutil.copytree(here.folder, tmp_path / "out")
    assert study_run(here.folder.parent / "study.toml", out=tmp_path / "out", engine="ray", workers=2).failed == {}


def test_a_cluster_without_a_free_cpu_is_told_of_and_waited_for(cluster, tmp_path, monkeypatch, caplog):
    import ray

    monkeypatch.setattr(machines, "PATIENCE_SECONDS", 0.5)
    gate = tmp_path / "gate"

    @ray.remote(num_cpus=2)
    def hold() -> None:
        while not gate.exists():
            pass

    busy = hold.remote()
    while ray.available_resources().get("CPU", 0):
        pass
    monkeypatch.setattr(logging.getLogger("benchshadow"), "warning", lambda *said: (gate.touch(), told.append(said)))
    told: list[tuple] = []
    assert list(mapped(abs, [-1, -2], engine="ray", workers=2)) == [1, 2]
    ray.get(busy)
    ((sentence, *values),) = told
    assert sentence % tuple(values) == (
        "the Ray cluster has had no free CPU of its 2 for 0.5 seconds; waiting until it has one"
    )
