"""Files pushed out of the system's page cache, the share of them that is there, and the barest ways to read them."""

from __future__ import annotations

import ctypes
import mmap
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

__all__ = ["drop", "load", "read_once", "resident"]

_CHUNK = 1 << 23


def drop(files: Sequence[Path]) -> None:
    """Ask the system to forget the pages of some files; what a process still maps stays."""
    for file in files:
        handle = os.open(file, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def resident(files: Sequence[Path]) -> float:
    """Share of the pages of some files that lie in memory (mincore)."""
    there = pages = 0
    libc = ctypes.CDLL(None, use_errno=True)
    for file in files:
        size = file.stat().st_size
        with file.open("rb") as handle, mmap.mmap(handle.fileno(), size, mmap.MAP_PRIVATE) as mapped:
            count = -(-size // mmap.PAGESIZE)
            flags, start = (ctypes.c_ubyte * count)(), ctypes.c_char.from_buffer(mapped)
            if libc.mincore(ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(size), flags):
                raise OSError(ctypes.get_errno(), "mincore")
            del start
            there, pages = there + sum(flag & 1 for flag in flags), pages + count
    return there / pages


def read_once(files: Sequence[Path], threads: int) -> float:
    """Seconds to read files once into buffers that are used again, one for each thread, a share of every file each."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_share, [(file, i, threads) for file in files for i in range(threads)]))
    return time.perf_counter() - begin


def _share(given: tuple[Path, int, int]) -> None:
    file, part, parts = given
    size, buffer = file.stat().st_size, memoryview(bytearray(_CHUNK))
    stop = size * (part + 1) // parts
    with file.open("rb", buffering=0) as handle:
        handle.seek(size * part // parts)
        while (left := stop - handle.tell()) > 0 and handle.readinto(buffer[: min(_CHUNK, left)]):
            pass


def load(files: Sequence[Path]) -> float:
    """Seconds to read files whole into new memory, one after another, each let go before the next."""
    begin = time.perf_counter()
    for file in files:
        file.read_bytes()
    return time.perf_counter() - begin
