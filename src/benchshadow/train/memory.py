"""Freed memory stays with the process, so that a step does not ask the system for the same pages again and again.

Every step frees and allocates tensors of the same sizes. By its defaults glibc gives the large ones back at once, and
the system clears every page anew: up to a fifth of a step of a model of two million parameters.
"""

from __future__ import annotations

import ctypes
import functools
import sys

__all__ = ["keep_freed_memory"]

# Names and numbers of <malloc.h>.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


@functools.cache
def keep_freed_memory() -> bool:
    """Ask glibc, once, to take tensors from its heap and to keep the heap; whether it agreed. False elsewhere."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    wanted = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 64 * 2**20))
    return all(mallopt(name, value) == 1 for name, value in wanted)
