"""One arm from its stream and settings, in one process or in several that share each batch.

On GPUs:        accelerate launch --multi_gpu --num_processes 2 -m benchshadow.train BASE STREAM.npy SETTINGS.json ...
On processors:  torchrun --standalone --nproc_per_node 2 -m benchshadow.train ... (accelerate would start one process)

The rest of the command is --seed 7 --out FOLDER.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import ValidationError

from benchshadow.errors import BenchshadowError, InputError
from benchshadow.records import read_json, replace_whole

from .adaptation import adapt
from .loop import train
from .machine import is_first
from .model import load
from .settings import Adapter, Settings

T = TypeVar("T", Settings, Adapter)


def main() -> int:
    """Train, or go on training, and write checkpoints and `losses.npy`; the exit code."""
    given = _arguments()
    try:
        settings = _read(Settings, given.settings)
        model: Any = load(given.base)
        if given.adapter is not None:
            model = adapt(model, _read(Adapter, given.adapter), seed=given.seed, base=str(given.base))
        losses = train(model, _stream(given.stream), settings, given.out, seed=given.seed)
        if is_first():
            with replace_whole(given.out / "losses.npy") as partial, partial.open("wb") as file:
                np.save(file, losses)
    except BenchshadowError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    finally:
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchshadow.train", description=__doc__)
    parser.add_argument("base", type=Path, help="folder of the checkpoint to start from")
    parser.add_argument("stream", type=Path, help=".npy file of token ids, steps x sequences by length")
    parser.add_argument("settings", type=Path, help="JSON file with the keys of a study's [settings]")
    parser.add_argument("--adapter", type=Path, help="JSON file with the keys of a study's [adapter]")
    parser.add_argument("--seed", type=int, required=True, help="of dropout and of an adapter's first factors")
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints, state and losses")
    return parser.parse_args()


def _read(kind: type[T], path: Path) -> T:
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(f"{path}: {place}" if place else path, first["msg"]) from None


def _stream(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(path, f"must be an array of NumPy but cannot be read ({error})") from error


if __name__ == "__main__":
    sys.exit(main())
