"""The generators that a step may draw from, dropout's above all, are set by the step: resumed, it draws the same."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["at_step", "put_back"]


@contextmanager
def put_back() -> Iterator[None]:
    """Leave the process's own generators as they were: torch's, Python's and NumPy's."""
    python, old = random.getstate(), np.random.get_state()  # noqa: NPY002 (models may draw from it)
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(old)  # noqa: NPY002


def at_step(seed: int, step: int, process: int) -> None:
    """Seed every generator for one step in one of the processes that share a batch.

    So the position alone determines what a step draws, and a resumed training needs no generator's state.
    """
    drawn = np.random.SeedSequence([seed, step, process]).generate_state(4)
    torch.manual_seed(int(drawn[0]) << 32 | int(drawn[1]))
    random.seed(int(drawn[2]))
    np.random.seed(int(drawn[3]))  # noqa: NPY002
