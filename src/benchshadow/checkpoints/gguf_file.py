"""Format: GGUF: tensors by row blocks, dequantised by the `gguf` package, under the names of other checkpoints."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from benchshadow.errors import InputError, MissingExtra

from .assembled import AssembledCheckpoint, Member
from .checkpoint import MappedMatrix, TensorSource, matrix_shape
from .gguf_header import GgufTensor, read_gguf_header
from .gguf_names import GgufNames, names_of
from .header import shown
from .held import ComputedMatrix

__all__ = ["matches", "open"]

_PLAIN = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_SPLIT = re.compile(r"(?P<stem>.+)-(?P<number>[0-9]{5})-of-(?P<count>[0-9]{5})\.gguf")


def matches(path: Path) -> bool:
    """Whether the path is such a file, or a folder with one."""
    if path.is_dir():
        return any(path.glob("*.gguf"))
    return path.is_file() and path.suffix == ".gguf"


def open(path: Path) -> AssembledCheckpoint:  # noqa: A001 (the verb of every format)
    """The checkpoint in a GGUF file, or in all parts of one that was split.

    Tensors stand under the names of the architecture's own checkpoints where these are known, queries and keys of Llama
    in the order of their rows there; under the names of GGUF otherwise. Vectors are left as GGUF holds them.

    Raises:
        MissingExtra: the package is not installed.
        InputError: the file breaks a rule of the format, or parts of it are missing.
    """
    files = _parts(_only_file(path) if path.is_dir() else path)
    headers = [read_gguf_header(file) for file in files]
    held = [
        _Stored.of(file, tensor, header.size)
        for file, header in zip(files, headers, strict=True)
        for tensor in header.tensors
    ]
    settings = {key: value for header in headers for key, value in header.settings.items()}
    names = names_of(settings, {stored.name: stored.shape for stored in held})
    members: dict[str, Member] = {}
    schemes: set[str] = set()
    for stored in held:
        for name, member in _members(stored, names):
            if name in members:
                raise InputError(stored.file, f"must hold every tensor once but holds {shown(name)} twice")
            members[name] = member
            schemes |= {member.scheme} - {""}
    if not members:
        raise InputError(path, "must hold at least one tensor but holds none")
    remarks = [*(f"{path}: {remark}" for remark in names.remarks)]
    if schemes:
        said = ", ".join(sorted(schemes))
        remarks.append(
            f"{path}: weights are dequantised from {said}; the rounding of the quantisation is not modelled, so signal "
            "ranks that rest on it are not told"
        )
    return AssembledCheckpoint(path, files, names.config, members, tuple(remarks))


def _only_file(folder: Path) -> Path:
    files = sorted(folder.glob("*.gguf"))
    whole = {_stem(file): file for file in reversed(files)}
    if len(whole) > 1:
        raise InputError(folder, f"must hold one GGUF file but holds {', '.join(file.name for file in files[:4])}")
    return next(iter(whole.values()))


def _stem(file: Path) -> str:
    found = _SPLIT.fullmatch(file.name)
    return found["stem"] if found else file.name


def _parts(file: Path) -> tuple[Path, ...]:
    found = _SPLIT.fullmatch(file.name)
    if found is None:
        return (file,)
    count = int(found["count"])
    parts = tuple(file.with_name(f"{found['stem']}-{i:05d}-of-{count:05d}.gguf") for i in range(1, count + 1))
    missing = [part.name for part in parts if not part.is_file()]
    if missing:
        raise InputError(file, f"is one of {count} parts but {missing[0]!r} is not beside it")
    return parts


def _package(file: Path) -> Any:
    """The gguf package: it knows the types, dequantises them, and knows the names of architectures."""
    try:
        import gguf
    except ImportError:
        raise MissingExtra(f"{file}: a GGUF file", "gguf") from None
    return gguf


@dataclass(frozen=True, eq=False)
class _Stored:
    """One tensor of a file.

    Attributes:
        file: where it is.
        name: in GGUF.
        kind: type as GGUF spells it, "Q4_K".
        shape: sides, outermost first.
        start: first byte.
        row: bytes of one row along the last side.
    """

    file: Path
    name: str
    kind: Any
    shape: tuple[int, ...]
    start: int
    row: int

    @classmethod
    def of(cls, file: Path, tensor: GgufTensor, size: int) -> _Stored:
        """A tensor of a header, held to what its type and the size of its file allow."""
        gguf, where = _package(file), f"{file}: tensor {shown(tensor.name)}"
        try:
            kind = gguf.GGMLQuantizationType(tensor.kind)
        except ValueError:
            raise InputError(
                where, f"must be of a type that the gguf package knows but is of type {tensor.kind}"
            ) from None
        block, width = gguf.GGML_QUANT_SIZES[kind]
        last = tensor.shape[-1] if tensor.shape else 1
        if last % block:
            raise InputError(where, f"rows of {kind.name} must have a multiple of {block} values but have {last}")
        row = last // block * width
        stop = tensor.start + row * prod(tensor.shape[:-1])
        if stop > size:
            raise InputError(
                where, f"ends at byte {stop} but the file has {size}", "the file is truncated: fetch it again"
            )
        return cls(file, tensor.name, kind, tensor.shape, tensor.start, row)

    @property
    def dtype(self) -> str:
        """As the rest of the package calls it where the values are stored as they stand; "float32" where computed."""
        if self.kind.name in _PLAIN:
            return _PLAIN[self.kind.name]
        return self.kind.name if self.kind.name[:1] == "I" and self.kind.name[1:].isdigit() else "float32"

    def part(self, number: int) -> _Stored:
        """One matrix of a stack."""
        size = self.row * prod(self.shape[1:-1])
        return _Stored(
            self.file, f"{self.name}[{number}]", self.kind, self.shape[1:], self.start + number * size, self.row
        )

    def matrix(self, label: str) -> TensorSource:
        """The tensor as a matrix."""
        if self.kind.name in _PLAIN:
            return MappedMatrix(self.file, label, self.start, matrix_shape(self.shape), _PLAIN[self.kind.name])
        shape = matrix_shape(self.shape)
        per = max(prod(self.shape[:-1]) // max(shape[0], 1), 1)
        return ComputedMatrix(label, shape, "float32", partial(self._rows, per, shape[1]))

    def _rows(self, per: int, columns: int, start: int, stop: int) -> np.ndarray:
        from gguf import quants

        raw = np.memmap(self.file, np.uint8, "r", self.start + start * per * self.row, ((stop - start) * per, self.row))
        return (
            quants.dequantize(np.asarray(raw), self.kind).astype(np.float32, copy=False).reshape(stop - start, columns)
        )

    def refusal(self) -> str:
        """Why the values cannot be told; empty where they can."""
        if self.dtype != "float32" or self.kind.name in _PLAIN:
            return ""
        from gguf import constants, quants

        try:
            with np.errstate(all="ignore"):
                quants.dequantize(np.zeros((1, constants.GGML_QUANT_SIZES[self.kind][1]), np.uint8), self.kind)
        except NotImplementedError:
            return f"holds {self.kind.name}, which the gguf package does not dequantise"
        return ""


def _members(stored: _Stored, names: GgufNames) -> list[tuple[str, Member]]:
    """A tensor under its name; a stack of experts whose checkpoints hold them one by one, as its matrices."""
    listed = names.experts(stored.name)
    if listed is not None and len(stored.shape) == 3:
        return [
            (listed.format(expert=number), _member(stored.part(number), None, listed.format(expert=number)))
            for number in range(stored.shape[0])
        ]
    name = names.name(stored.name)
    return [(name, _member(stored, names.order(stored.name, stored.shape), name))]


def _member(stored: _Stored, order: Callable[[TensorSource], TensorSource] | None, name: str) -> Member:
    def open_matrix(part: int | None) -> TensorSource:
        source = stored.matrix(name) if part is None else stored.part(part).matrix(f"{name}[{part}]")
        return source if order is None else order(source)

    refusal = stored.refusal()
    computed = stored.dtype == "float32" and stored.kind.name not in _PLAIN
    scheme = stored.kind.name if computed and not refusal else ""
    return Member(
        stored.shape,
        f"{stored.kind.name} codes" if refusal else stored.dtype,
        open_matrix,
        refusal=refusal,
        scheme=scheme,
    )
