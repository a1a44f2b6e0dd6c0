"""Workers of a Ray cluster: one that is there is joined, otherwise one is started on this machine and stopped again."""

from __future__ import annotations

import logging
import os
import pickle
import socket
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchshadow.errors import InputError, MissingExtra

from . import work
from .work import AHEAD, ONE_THREAD, Ended, failed, guarded, lost, sendable

__all__ = ["Cluster", "connected"]

STORE_BYTES = 2**28
"""Shared memory of a cluster that is started here; it holds the function, and the few arguments that are out."""
_ADDRESS = "RAY_ADDRESS"
PATIENCE_SECONDS = 20.0
"""How long a cluster may keep us without a CPU before we say so."""
_KNOCK_SECONDS = 5.0


class Cluster:
    """Ray tasks of one CPU and one thread each.

    The function lies once in each machine's shared memory, its arrays read-only and not copied. Ray itself tries a
    task again whose worker was lost. A cluster of several machines needs this package on each of them, and one file
    system where the work writes files.
    """

    def __init__(self, function: Callable[[Any], Any], workers: int) -> None:
        self.ahead = AHEAD * workers
        self._function, self._workers = function, workers
        self._queue = deque[tuple[int, bytes]]()
        self._tasks: dict[Any, int] = {}
        self._refused: list[Ended] = []

    def __enter__(self) -> Cluster:
        with ExitStack() as stack:
            self._ray = ray = stack.enter_context(connected(self._workers))
            # A cluster of no more CPUs than workers holds back the rest; a larger one might do it all at once.
            _await_cpu(ray)
            self._most = self.ahead if ray.cluster_resources().get("CPU", 0) <= self._workers else self._workers
            self._task = ray.remote(_work).options(
                num_cpus=1, max_retries=work.ATTEMPTS - 1, runtime_env={"env_vars": ONE_THREAD}
            )
            held = [ray.put(self._function)]  # in a list, so that tasks do not fetch it each time
            self._given: tuple[Any, ...] = (_Place(uuid4().hex, str(Path.cwd()), tuple(sys.path)), held)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the cluster, which ends what is under way; one that the caller had joined ends it unseen.

        Cancelling a task in the moment that it ends makes Ray 2.60 abort the whole process, so nothing is cancelled.
        """
        self._given = ()
        self._queue.clear()
        self._tasks.clear()
        self._stack.close()

    def submit(self, number: int, argument: Any) -> None:
        import cloudpickle

        try:
            self._queue.append((number, cloudpickle.dumps(argument)))
        except Exception as error:  # its argument would not cross
            self._refused.append(failed(number, error))

    def ended(self) -> list[Ended]:
        while self._queue and len(self._tasks) < self._most:
            number, argument = self._queue.popleft()
            self._tasks[self._task.remote(*self._given, number, argument)] = number
        if self._refused:
            found, self._refused = self._refused, []
            return found
        self._ray.wait(list(self._tasks))
        done, _ = self._ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=0)
        return [self._end_of(each, self._tasks.pop(each)) for each in done]

    def _end_of(self, task: Any, number: int) -> Ended:
        gone = self._ray.exceptions
        try:
            return pickle.loads(self._ray.get(task))
        except (gone.WorkerCrashedError, gone.NodeDiedError, gone.OutOfMemoryError, gone.ObjectLostError):
            return lost(number)
        except Exception as error:  # Ray's own, such as a machine that lacks this package
            return failed(number, error)


@contextmanager
def connected(workers: int) -> Iterator[Any]:
    """Ray, joined to a cluster: the one that this process or RAY_ADDRESS names, or one that lives as long as this does.

    Raises:
        InputError: no cluster answers at RAY_ADDRESS.
        MissingExtra: Ray is not installed.
    """
    ray = _library()
    if ray.is_initialized():
        yield ray
        return
    _connect(ray, workers)
    try:
        yield ray
    finally:
        ray.shutdown()


def _library() -> Any:
    try:
        import ray
    except ModuleNotFoundError:
        raise MissingExtra("the engine 'ray'", "ray") from None
    return ray


def _connect(ray: Any, workers: int) -> None:
    address = os.environ.get(_ADDRESS)
    if address:
        _check(address)
        how: dict[str, Any] = {"address": address}
    else:
        how = {"address": "local", "num_cpus": workers, "num_gpus": 0, "object_store_memory": STORE_BYTES}
        how |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        how |= {"_system_config": {"task_oom_retries": work.ATTEMPTS - 1}}  # Ray's own default is to try for ever
    with _silent():
        try:
            ray.init(**how, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError) as error:
            if not address:
                raise
            raise InputError(_ADDRESS, f"no Ray cluster answers at {address!r} ({error})") from None


def _await_cpu(ray: Any) -> None:
    """Wait for the first CPU that a cluster gives us, and say so where others hold them all: Ray waits in silence."""
    if ray.available_resources().get("CPU", 0) >= 1:
        return
    first = ray.remote(num_cpus=1)(_nothing).remote()
    if ray.wait([first], timeout=PATIENCE_SECONDS)[0]:
        return
    has = f"{ray.cluster_resources().get('CPU', 0):g}"
    logging.getLogger("benchshadow").warning(
        "the Ray cluster has had no free CPU of its %s for %g seconds; waiting until it has one", has, PATIENCE_SECONDS
    )
    ray.wait([first])


def _nothing() -> None:
    """What is done with the first CPU."""


def _check(address: str) -> None:
    """Knock where a port is named: Ray tries for a minute, and then ends the process."""
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_SECONDS).close()
        except (OSError, OverflowError) as error:
            raise InputError(_ADDRESS, f"no Ray cluster answers at {address!r} ({error})") from None


@contextmanager
def _silent() -> Iterator[None]:
    """Start a cluster that tells nobody of its use."""
    named = "RAY_USAGE_STATS_ENABLED"
    before = os.environ.get(named)
    os.environ[named] = before or "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[named]


@dataclass(frozen=True)
class _Place:
    """Where the caller stands: its folder, where it finds modules, and a name for its function."""

    key: str
    folder: str
    modules: tuple[str, ...]


_HELD: dict[str, Callable[[Any], Any]] = {}


def _work(place: _Place, held: list[Any], number: int, argument: bytes) -> bytes:
    """A task; its result is pickled here, so that it comes out as from any other worker and not as read-only memory."""
    import cloudpickle

    def apply(given: bytes) -> Any:
        function = _function(place, held)
        return function(pickle.loads(given))

    ended = sendable(guarded(apply, number, argument))
    try:
        return cloudpickle.dumps(ended)
    except Exception as error:
        return cloudpickle.dumps(sendable(failed(number, error)))


def _function(place: _Place, held: list[Any]) -> Callable[[Any], Any]:
    """The function, fetched when a worker first needs it, with modules and relative paths as the caller has them."""
    if place.key not in _HELD:
        sys.path.extend(each for each in place.modules if each not in sys.path)
        with suppress(OSError):
            os.chdir(place.folder)
        _HELD.clear()
        _HELD[place.key] = _library().get(held[0])
    return _HELD[place.key]
