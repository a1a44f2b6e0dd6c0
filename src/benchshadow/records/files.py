"""Files that are whole or absent, written beside their place and renamed onto it; canonical JSON with its hash."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchshadow.errors import InputError

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "canonical", "digest", "file_digest", "read_json", "read_toml", "replace_together", "replace_whole", "write_json",
    "write_parquet", "write_text",
]  # fmt: skip


@contextmanager
def replace_whole(path: Path) -> Iterator[Path]:
    """Give a name to write to; when the block ends well that file takes the place of `path`, otherwise it goes."""
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(path)
    except OSError as error:
        raise InputError(path, f"cannot be written ({error.strerror or error})", "name another --out folder") from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def replace_together(folder: Path, names: Sequence[str]) -> Iterator[dict[str, Path]]:
    """`replace_whole` for several files of a folder, by name: all are written before any is put in place, in order."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(replace_whole(Path(folder) / name)) for name in reversed(names)}


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spare white space: equal values give equal text on every machine."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """sha256 of the canonical JSON of a value, in hexadecimal."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with replace_whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as readable JSON with sorted keys, whole or not at all."""
    write_text(path, json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_parquet(table: pl.DataFrame, path: Path) -> None:
    """Write a table as Parquet, by way of memory: a full disk is then an `OSError` and not an error of the library."""
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    Path(path).write_bytes(buffer.getbuffer())


def read_json(path: Path) -> Any:
    """Read a JSON file; what is missing or broken is said in one sentence."""
    return _read(path, json.loads, "JSON")


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file; what is missing or broken is said in one sentence."""
    return _read(path, tomllib.loads, "TOML")


def _read(path: Path, parse: Callable[[str], Any], kind: str) -> Any:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})") from error
    try:
        return parse(text)
    except ValueError as error:
        raise InputError(path, f"must be {kind} but is not ({error})") from error
