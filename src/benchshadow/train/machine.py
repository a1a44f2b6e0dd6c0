"""Where a training runs: one process on a device, or several, started by `accelerate launch`, that share each batch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from transformers import PreTrainedModel

from benchshadow.errors import InputError

from .memory import keep_freed_memory
from .settings import Settings

__all__ = ["Machine", "is_first", "settle"]

_DATA_PARALLEL = ("NO", "MULTI_CPU", "MULTI_GPU")


class Machine:
    """The device, the processes, and this process among them; threads and determinism are set for all of it.

    Precision and accumulation are the settings' alone: what Accelerate's own configuration says of them is not used.

    Raises:
        InputError: there is no such device, the batch cannot be shared equally, or the launcher cuts the model itself.
    """

    def __init__(self, settings: Settings) -> None:
        settle(settings.threads, settings.device)
        keep_freed_memory()
        _forget_another_device(settings.device)
        self._accelerator = Accelerator(cpu=settings.device == "cpu", mixed_precision="no")
        kind = self._accelerator.distributed_type.name
        if kind not in _DATA_PARALLEL:
            raise InputError("accelerate launch", f"must share the batch (DDP) but is set up for {kind}")
        count, rows = self.count, settings.sequences
        if rows % (count * (settings.micro_sequences or 1)):
            each = f"{count} processes" + (f" of {settings.micro_sequences} at a time" * bool(settings.micro_sequences))
            raise InputError("sequences", f"must be shared equally by {each} but is {rows}")
        self._settings, self._share = settings, rows // count

    @property
    def count(self) -> int:
        """Number of processes."""
        return self._accelerator.num_processes

    @property
    def process(self) -> int:
        """Number of this process, from zero."""
        return self._accelerator.process_index

    @property
    def writes(self) -> bool:
        """Whether this process writes what all of them hold."""
        return self._accelerator.is_main_process

    def place(self, model: PreTrainedModel) -> torch.nn.Module:
        """The model on its device, its gradients averaged over the processes."""
        return self._accelerator.prepare_model(model)

    def parts(self, batch: torch.Tensor) -> Iterator[torch.Tensor]:
        """This process's share of a batch on its device, as many sequences at a time as the settings say."""
        first = self.process * self._share
        share = batch[first : first + self._share].to(self._accelerator.device)
        yield from share.split(self._settings.micro_sequences or self._share)

    def computing(self) -> AbstractContextManager[object]:
        """Passes through the model under this are in the settings' precision; weights stay float32."""
        if self._settings.precision == "float32":
            return nullcontext()
        return torch.autocast(self._accelerator.device.type, dtype=torch.bfloat16)

    def apart(self, model: torch.nn.Module, *, last: bool) -> AbstractContextManager[object]:
        """Gradients are exchanged with the last part of a batch only."""
        return nullcontext() if last or self.count == 1 else self._accelerator.no_sync(model)

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of a value over the processes."""
        if self.count == 1:
            return value
        return self._accelerator.reduce(value, reduction="mean")  # pyright: ignore[reportReturnType]

    def wait(self) -> None:
        """Until every process is here."""
        self._accelerator.wait_for_everyone()


def settle(threads: int, device: str) -> None:
    """Set threads and deterministic algorithms of torch for the whole process, whatever it did before.

    Raises:
        InputError: there is no such device.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise InputError("device", "must be a device of this machine but is 'cuda'", "set device = 'cpu'")
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)


def is_first() -> bool:
    """Whether this is the process that writes, once a training has run in it."""
    return PartialState().is_main_process


def _forget_another_device(device: str) -> None:
    """Accelerate holds one device for the life of a process; a training on another one starts anew."""
    if (
        PartialState._shared_state
        and PartialState().num_processes == 1
        and str(PartialState().device).partition(":")[0] != device
    ):
        AcceleratorState._reset_state(reset_partial_state=True)
