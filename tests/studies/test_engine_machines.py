"""Worker processes and a real Ray cluster do the same work with the same bits, and fail in the same sentences."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchshadow.errors import InputError
from benchshadow.studies.engines import work
from benchshadow.studies.engines.engine import Call, mapped, run

pytestmark = pytest.mark.slow
STORE = 80 * 2**20


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Address of a Ray cluster of two workers."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.delenv("RAY_ADDRESS", raising=False)
        ray.init(
            address="local",
            num_cpus=2,
            num_gpus=0,
            object_store_memory=STORE,
            include_dashboard=False,
            log_to_driver=False,
            _node_ip_address="127.0.0.1",
        )
        yield ray.get_runtime_context().gcs_address
        ray.shutdown()


@pytest.fixture(params=["local", "ray"])
def engine(request) -> str:
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return request.param


class Unsendable(Exception):
    """An error that is told more than it passes on, so that its pickle cannot be read."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} and {two}")


def spectrum(seed: int) -> np.ndarray:
    return np.linalg.svd(np.random.default_rng(seed).standard_normal((40, 30)), compute_uv=False)


def settings(_: int) -> tuple[int, str, str]:
    return os.getpid(), os.environ["OMP_NUM_THREADS"], os.environ["TOKENIZERS_PARALLELISM"]


def die_once(folder: Path, seed: int) -> np.ndarray:
    mark = folder / f"{seed}.{len(list(folder.glob(f'{seed}.*')))}"
    mark.touch()
    if mark.suffix == ".0" and seed % 2:
        os._exit(1)
    return spectrum(seed)


def die(folder: Path) -> None:
    (folder / str(os.getpid())).touch()
    os._exit(1)


def fail(number: int) -> int:
    if number == 3:
        raise InputError(f"line {number}", "must hold a text but holds none", "mend it")
    if number == 5:
        raise ZeroDivisionError("division by zero")
    return number


def unsendable(number: int) -> object:
    if number:
        raise Unsendable("this", "that")
    return (each for each in "generators do not cross")


def test_results_come_in_order_and_do_not_depend_on_the_machines(engine):
    here = list(mapped(spectrum, range(9), workers=1))
    there = list(mapped(spectrum, iter(range(9)), engine=engine, workers=2))
    assert [each.tobytes() for each in there] == [each.tobytes() for each in here]
    there[0] += 1.0  # a result is the caller's own
    found = {each.call.name: each.result for each in run(calls(spectrum, 9), engine=engine, workers=2)}
    assert [found[str(seed)].tobytes() for seed in range(9)] == [each.tobytes() for each in here]


def calls(function, count: int) -> Iterator[Call]:
    return (Call(str(number), function, (number,)) for number in range(count))


def test_a_worker_is_another_process_of_one_thread(engine, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "true")
    found = list(mapped(settings, range(4), engine=engine, workers=2))
    assert {each[1:] for each in found} == {("1", "false")}
    assert os.getpid() not in {each[0] for each in found}


def test_work_whose_worker_dies_is_done_again_with_the_same_bits(engine, tmp_path):
    found = list(mapped(lambda seed: die_once(tmp_path, seed), range(2), engine=engine, workers=2))
    assert [each.tobytes() for each in found] == [spectrum(seed).tobytes() for seed in range(2)]
    assert (tmp_path / "1.1").exists()


def test_work_whose_workers_die_each_time_fails_and_the_rest_ends_well(engine, tmp_path, monkeypatch):
    monkeypatch.setattr(work, "ATTEMPTS", 2)
    pieces = [Call("dies", die, (tmp_path,)), *calls(fail, 2)]
    found = {each.call.name: (each.failure, each.result) for each in run(pieces, engine=engine, workers=2)}
    sentence = "its worker process died 2 times (out of memory?); run the same command again"
    assert found == {"dies": (sentence, None), "0": (None, 0), "1": (None, 1)}
    assert len(list(tmp_path.iterdir())) == 2
    with pytest.raises(InputError) as lost:
        list(mapped(die, [tmp_path], engine=engine, workers=2))
    assert str(lost.value) == f"chunk 1: {sentence}"


def test_a_failure_is_a_sentence_or_the_error_itself(engine):
    found = {each.call.name: each.failure for each in run(calls(fail, 6), engine=engine, workers=2)}
    expected = dict.fromkeys("0124") | {
        "3": "line 3: must hold a text but holds none; mend it",
        "5": "ZeroDivisionError: division by zero",
    }
    assert found == expected
    taken = []
    with pytest.raises(InputError) as refused:
        taken.extend(mapped(fail, range(6), engine=engine, workers=2))
    assert (refused.value.where, refused.value.remedy) == ("line 3", "mend it")
    with pytest.raises(ZeroDivisionError, match="division by zero") as wrong:
        list(mapped(fail, [5], engine=engine, workers=2))
    assert "in fail" in wrong.value.__notes__[0]


def test_what_does_not_cross_is_a_failure_and_no_lost_worker(engine):
    first, second = sorted(run(calls(unsendable, 2), engine=engine, workers=2), key=lambda each: each.call.name)
    assert "cannot pickle" in str(first.failure) or "Could not pickle" in str(first.failure)
    assert second.failure == "Unsendable: this and that"


def test_chunks_are_read_as_results_are_taken(engine):
    read = []
    results = mapped(fail, (read.append(number) or 0 for number in range(50)), engine=engine, workers=2)
    assert read == []
    for taken in range(1, 6):
        assert next(results) == 0
        assert len(read) <= taken - 1 + 2 * work.AHEAD
    results.close()  # stopping early is no error
    assert len(read) < 50


def test_what_the_function_holds_goes_to_a_worker_once(engine, tmp_path):
    held = Counted(tmp_path)
    assert list(mapped(held.holds, range(12), engine=engine, workers=2)) == list(range(12))
    assert 1 <= len(list(tmp_path.iterdir())) <= 2


class Counted:
    """Leaves a file each time that it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)
        (self.folder / f"{os.getpid()}.{len(list(self.folder.iterdir()))}").touch()

    def holds(self, number: int) -> int:
        return number


SCRIPT = f"""
import os, sys
from benchshadow.errors import InputError
from benchshadow.studies.engines.engine import mapped
from benchshadow.studies.engines import cluster

cluster.STORE_BYTES = {STORE}
import ray
try:
    print(list(mapped(lambda number: number + len(os.getcwd()), [1, 2, 3], engine="ray", workers=2)))
except InputError as error:
    print(error)
assert not ray.is_initialized()
"""


def told(folder: Path, **environment: str) -> str:
    """What a process of its own says that maps over a cluster."""
    variables = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"} | environment
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, env=variables, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("joined", [False, True], ids=["of its own", "of RAY_ADDRESS"])
def test_a_process_starts_a_cluster_of_its_own_or_joins_one_and_leaves_it(joined, cluster, tmp_path):
    import ray

    size = len(str(tmp_path))
    said = told(tmp_path, **({"RAY_ADDRESS": cluster} if joined else {}))
    assert said == str([1 + size, 2 + size, 3 + size])
    assert ray.cluster_resources()["CPU"] == 2.0


def test_an_address_where_no_cluster_answers_is_refused(tmp_path):
    pytest.importorskip("ray")
    said = told(tmp_path, RAY_ADDRESS="127.0.0.1:1")
    assert said.startswith("RAY_ADDRESS: no Ray cluster answers at '127.0.0.1:1'")
    assert "\n" not in said
