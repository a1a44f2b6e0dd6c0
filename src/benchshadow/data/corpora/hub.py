"""Rows of a data set of the Hugging Face hub, or of one saved in a folder, streamed by the `datasets` library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError, MissingExtra

from .rows import Row

__all__ = ["PREFIX", "Hub", "hub"]

PREFIX = "hf:"
"""What a data set's id begins with where paths are named: "hf:owner/name", "hf:owner/name:config:split"."""


def hub(named: str) -> Hub:
    """The part of a data set that "hf:owner/name[:config[:split]]" names; "hf:owner/name::test" has no config."""
    name, *rest = named.removeprefix(PREFIX).split(":")
    if not name or len(rest) > 2:
        raise InputError(named, "must be hf:owner/name, hf:owner/name:config or hf:owner/name:config:split")
    config, split = (*rest, "", "")[:2]
    return Hub(name, config, split or "train")


@dataclass(frozen=True)
class Hub:
    """One split of a data set, streamed: no file of it is held as a whole.

    Attributes:
        name: id on the hub, or a folder, also one that `save_to_disk` wrote.
        config: the configuration; empty for the only one.
        split: the split.
    """

    name: str
    config: str
    split: str

    @property
    def label(self) -> str:
        name = Path(self.name).name if Path(self.name).is_dir() else self.name
        return ":".join((name, self.config, self.split)) if self.config else f"{name}:{self.split}"

    @property
    def where(self) -> str:
        return f"{PREFIX}{self.name}:{self.config}:{self.split}"

    def rows(self) -> Iterator[Row]:
        """The rows in the data set's own order."""
        number = 0
        try:
            for values in self._opened():
                number += 1
                yield Row(number, dict(values))
        except (InputError, MissingExtra):
            raise
        except Exception as error:  # the library raises errors of many libraries
            raise self._failed(error, f" after {number} rows" if number else "") from error

    def contents(self) -> str:
        """The library's own fingerprint: of a saved data set, or of the files' versions that the hub names."""
        library = _library(self.where)
        try:
            if self._saved():
                return str(self._from_disk(library)._fingerprint)
            return str(library.load_dataset_builder(self.name, self.config or None).hash)
        except InputError:
            raise
        except Exception as error:
            raise self._failed(error, "") from error

    def _opened(self) -> Any:
        library = _library(self.where)
        if self._saved():
            return self._from_disk(library)
        return library.load_dataset(self.name, self.config or None, split=self.split, streaming=True)

    def _saved(self) -> bool:
        """Whether `save_to_disk` wrote the folder: a data set, or one below a folder for each split."""
        folder = Path(self.name)
        return (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file()

    def _from_disk(self, library: Any) -> Any:
        found = library.load_from_disk(self.name)
        if not isinstance(found, dict):
            return found
        if self.split not in found:
            raise InputError(self.name, f"must have the split '{self.split}' but has {sorted(found)}")
        return found[self.split]

    def _failed(self, error: Exception, when: str) -> InputError:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        return InputError(self.where, f"must be readable by the library datasets but is not{when} ({said})")


def _library(what: str) -> Any:
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the data set {what}", "data") from error
    return datasets
