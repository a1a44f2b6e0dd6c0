"""Spectra that were computed before, kept by the content of the weights and the code that makes spectra of them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from benchshadow.checkpoints import Piece
from benchshadow.errors import InputError
from benchshadow.records import digest, replace_whole
from benchshadow.records.source_code import code
from benchshadow.spectra import Moments, Spectrum, Update
from benchshadow.spectra.stored import load, save

__all__ = ["Kept"]

# All that stands between a file and the waist: two rooms but for what is read off a stored spectrum, so that a new
# diagnostic finds the spectra of yesterday, and the file that seeds the draws.
_ROOMS = ("checkpoints", "spectra", "studies/footprints/one_pair.py")
_READ_OFF = tuple(
    f"spectra/{name}.py"
    for name in ("comparison", "form", "measure", "norms", "ranks", "registered", "resolution", "subspaces", "turning")
)


@dataclass(frozen=True)
class Kept:
    """A folder of spectra for one pair of checkpoints at one level.

    Attributes:
        folder: None keeps nothing.
        contents: identity of the checkpoint of each side, "base" and "tuned".
        settings: all else that determines a spectrum: level, device, libraries.
        of_pair: what determines the nulls and the random draws of a change besides: rounded sides and seed.
    """

    folder: Path | None
    contents: Mapping[str, str]
    settings: Mapping[str, Any]
    of_pair: Mapping[str, Any]

    def matrix(self, side: str, piece: Piece, rows: int) -> Spectrum | Moments | None:
        """A side's matrix, where it was kept."""
        return self._load(self._matrix_key(side, piece, rows))

    def keep_matrix(self, side: str, piece: Piece, rows: int, found: Spectrum | Moments) -> None:
        """Keep a side's matrix."""
        self._save(self._matrix_key(side, piece, rows), found)

    def change(self, base: Piece, tuned: Piece, rows: int) -> Update | None:
        """The change between two pieces, where it was kept; its sides are kept as matrices."""
        return self._load(self._change_key(base, tuned, rows))

    def keep_change(self, base: Piece, tuned: Piece, rows: int, found: Update) -> None:
        """Keep a change."""
        self._save(self._change_key(base, tuned, rows), found)

    def _matrix_key(self, side: str, piece: Piece, rows: int) -> Path | None:
        return self._path({"of": self.contents.get(side), "tensor": _place(piece, rows)})

    def _change_key(self, base: Piece, tuned: Piece, rows: int) -> Path | None:
        tensors = [_place(piece, rows) for piece in (base, tuned)]
        return self._path({"of": dict(self.contents), "tensors": tensors, **self.of_pair})

    def _path(self, key: Mapping[str, Any]) -> Path | None:
        if self.folder is None:
            return None
        name = digest({**key, **self.settings, "code": code(_ROOMS, _READ_OFF)})
        return self.folder / "spectra" / name[:2] / f"{name[2:34]}.safetensors"

    def _load(self, path: Path | None) -> Any:
        return None if path is None else load(path)

    def _save(self, path: Path | None, found: Spectrum | Moments | Update) -> None:
        """Keep what was found; where the folder cannot be written, nothing is kept."""
        if path is not None:
            with suppress(InputError, SafetensorError), replace_whole(path) as partial:
                save(partial, found)


def _place(piece: Piece, rows: int) -> list[Any]:
    """Where a matrix lies: everything that a layout decides of it."""
    return [piece.name, piece.place, piece.cut.transposed, list(piece.shape), rows]
