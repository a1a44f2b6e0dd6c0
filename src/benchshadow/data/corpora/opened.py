"""Files as bytes, plain or compressed; a compressed file is read to its end before anything of it is used."""

from __future__ import annotations

import functools
import gzip
import importlib
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from benchshadow.errors import InputError, MissingExtra
from benchshadow.records import file_digest

__all__ = ["COMPRESSIONS", "check_whole", "contents", "damage", "kind_of", "opened"]

COMPRESSIONS = (".gz", ".zst")
"""The suffixes of compressed files; the suffix before says what they hold."""

BUFFER = 1 << 20  # bytes read at a time


def kind_of(path: Path) -> str:
    """The suffix that tells what a file holds, without that of its compression: ".jsonl" of "a.jsonl.zst"."""
    path = Path(path)
    return (Path(path.stem).suffix if path.suffix.lower() in COMPRESSIONS else path.suffix).lower()


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed.

    Raises:
        InputError: the file is not there, or it is damaged or cut short where it is being read.
        MissingExtra: it is compressed by Zstandard, for which no library is installed.
    """
    library = _zstandard(path) if path.suffix.lower() == ".zst" else None
    opener: Callable[..., Any] = gzip.open if path.suffix.lower() == ".gz" else library.open if library else open
    broken = (OSError, EOFError, zlib.error, *((library.ZstdError,) if library else ()))
    try:
        if opener is not open and path.stat().st_size == 0:
            raise EOFError("it is empty")
        with opener(path, "rb") as raw:
            yield raw if opener is open else io.BufferedReader(raw, BUFFER)
    except broken as error:
        raise damage(path, error) from error


def damage(path: Path, error: Exception) -> InputError:
    """One sentence for a file that cannot be read to its end."""
    said = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
    return InputError(path, f"must be readable to its end but is not ({said[:200]})", "nothing of it is used")


def check_whole(path: Path) -> None:
    """Read a compressed file to its end, so that one cut short is refused before its first document is given.

    Decompressing twice is the price; it is paid once per process and version of the file. A plain file needs no such
    reading: cut short it loses documents and the last one is malformed.

    Raises:
        InputError: the file is damaged, cut short, or holds nothing at all, not even a compressed nothing.
    """
    if path.suffix.lower() in COMPRESSIONS:
        _read_through(path, *_version(path))


@functools.lru_cache(maxsize=65_536)
def _read_through(path: Path, size: int, modified: int) -> None:  # noqa: ARG001 a changed file is another key
    with opened(path) as file:
        while file.read(BUFFER):
            pass


def contents(path: Path) -> str:
    """sha256 of a file's bytes, taken once per process and version of the file."""
    return _contents(path, *_version(path))


@functools.lru_cache(maxsize=65_536)
def _contents(path: Path, size: int, modified: int) -> str:  # noqa: ARG001 a changed file is another key
    return file_digest(path)


def _version(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise InputError(path, "no such file") from error
    return found.st_size, found.st_mtime_ns


def _zstandard(path: Path) -> Any:
    """The module of the standard library from Python 3.14 on, or its backport."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise MissingExtra(f"{path.name}, compressed by Zstandard,", "data")
