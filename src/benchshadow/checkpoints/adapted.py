"""A base and its adapter as one checkpoint: W0 + scale B A, row block by row block, and never the whole product."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np

from benchshadow.errors import InputError

from .adapter import Adapter, Factors
from .assembled import AssembledCheckpoint, Member, member_of, not_a_weight
from .checkpoint import Checkpoint, TensorSource
from .family import family_of
from .held import ComputedMatrix
from .names import canonical_names, guess_layer
from .orientation import Orientation, leaf

__all__ = ["AdaptedCheckpoint", "adapted", "adapter_alone"]

_BLOCK = 1 << 22
_HEADS = ("lm_head", "embed_out", "output")
_TABLES = ("embed_tokens", "wte", "embed_in", "word_embeddings")


@dataclass(frozen=True, eq=False)
class AdaptedCheckpoint(AssembledCheckpoint):
    """What an adapter makes of its base; a `Checkpoint`.

    Attributes:
        deltas: factors of the change by stored name, DoRA's included.
        touched: stored names of all tensors that are not the base's own.
    """

    deltas: Mapping[str, Factors] = field(default_factory=dict)
    touched: frozenset[str] = frozenset()

    def factors(self, name: str) -> Factors | None:
        """The change of a tensor as its factors; None where it is not changed, or is changed in another way too.

        DoRA's change is not its product alone, and a weight that was replaced whole changes by more than its factors.
        """
        found = self.deltas.get(name)
        return None if found is None or found.has_magnitude else found


def adapted(base: Checkpoint, adapter: Adapter) -> AdaptedCheckpoint:
    """The base with the adapter merged into it, computed in float64 where rows are asked for.

    The values are rounded once, to float32 (to float64 where the base is stored so); merging into weights of 16 bits
    rounds again, to those.

    Raises:
        InputError: the adapter changes a weight that the base lacks, or one of another shape; it is named.
    """
    met = _met(base, adapter)
    members = {name: member_of(base, name) for name in base.names()}
    remarks = [*getattr(base, "remarks", ()), *adapter.remarks]
    for name, held in adapter.replaced.items():
        if met[name] is None and leaf(name) not in _HEADS and not _is_saved(adapter, name):
            raise _stranger(base, adapter, "replace", name)
        members[met[name] or name] = member_of(adapter.held, held)
    before = {name: _before(base, adapter, name, met[name], members, remarks) for name in adapter.deltas}
    lies = Orientation(adapter, {name: member.shape for name, member in before.items()})
    deltas = {met[name] or name: lies.turned(name, factors) for name, factors in adapter.deltas.items()}
    for name in adapter.deltas:
        found = met[name] or name
        members[found] = _changed(found, before[name], deltas[found])
    for name, why in adapter.refused.items():
        found = met[name]
        if found is None:
            raise _stranger(base, adapter, "adapt", name)
        members[found] = member_of(base, found, refusal=why)
    whole = {met[name] or name for name in adapter.replaced}
    plain = {name: factors for name, factors in deltas.items() if name not in whole}
    touched = frozenset({*deltas, *whole, *(met[name] or name for name in adapter.refused)})
    files = (*base.files, *adapter.files)
    return AdaptedCheckpoint(adapter.path, files, base.config, members, tuple(remarks), plain, touched)


def _stranger(base: Checkpoint, adapter: Adapter, verb: str, name: str) -> InputError:
    return InputError(adapter.path, f"must {verb} weights of its base but {name!r} is none of {base.path}")


def _met(base: Checkpoint, adapter: Adapter) -> dict[str, str | None]:
    """The stored name in the base of every weight that an adapter names; they meet under their canonical names."""
    family = family_of(base.config)
    renames = family.renames if family else ()
    stored = {canonical: name for name, canonical in canonical_names(base.names(), renames).items()}
    named = canonical_names((*adapter.deltas, *adapter.replaced, *adapter.refused), renames)
    same = frozenset(base.names())
    return {name: name if name in same else stored.get(canonical) for name, canonical in named.items()}


def _before(
    base: Checkpoint,
    adapter: Adapter,
    name: str,
    met: str | None,
    members: Mapping[str, Member],
    remarks: list[str],
) -> Member:
    """The weight that a change is added to; a head that the base ties to its embedding begins as a copy of that."""
    if met is not None:
        return members[met]
    tables = [each for each in base.names() if leaf(each) in _TABLES and guess_layer(each) is None]
    if leaf(name) in _HEADS and len(tables) == 1:
        remarks.append(f"{adapter.path}: {name!r}, which the base ties to {tables[0]!r}, has a change of its own")
        return members[tables[0]]
    raise _stranger(base, adapter, "adapt", name)


def adapter_alone(adapter: Adapter) -> AdaptedCheckpoint:
    """The change that an adapter makes, scale B A of every weight, without its base.

    A weight that it replaces whole is listed, but its change is not known without the base.

    Raises:
        InputError: the adapter is DoRA, whose magnitudes need the base.
    """
    if adapter.settings.dora:
        raise InputError(adapter.path, "is DoRA, whose magnitudes need the weights of its base", "name the base too")
    members: dict[str, Member] = {}
    for name, factors in adapter.deltas.items():
        members[name] = Member(factors.shape, "float32", partial(_product, name, factors))
    for name, held in adapter.replaced.items():
        why = "replaces the weight of the base whole: its change is not known without the base"
        members[name] = member_of(adapter.held, held, refusal=why)
    for name, why in adapter.refused.items():
        members[name] = Member((), "unread factors", _closed, refusal=why)
    deltas = dict(adapter.deltas)
    return AdaptedCheckpoint(adapter.path, adapter.files, None, members, adapter.remarks, deltas, frozenset(members))


def _is_saved(adapter: Adapter, name: str) -> bool:
    """Whether the settings say that a module of this name was trained whole (a new head)."""
    return any(module in name.split(".") for module in adapter.config.get("modules_to_save") or ())


def _closed(part: int | None) -> TensorSource:
    raise AssertionError(f"a refused weight is not opened, nor its slice {part}")


def _product(name: str, factors: Factors, part: int | None) -> ComputedMatrix:
    """Scale B A alone."""
    if part is not None:
        raise InputError(name, "is a matrix and has no slices")
    change = _Change(factors)
    return ComputedMatrix(name, factors.shape, "float32", lambda i, j: change.rows(i, j).astype(np.float32))


def _changed(name: str, member: Member, factors: Factors) -> Member:
    """A weight and its change."""
    stored = "float64" if member.dtype == "float64" else "float32"

    def open_matrix(part: int | None) -> TensorSource:
        if part is not None:
            raise InputError(name, "is a matrix and has no slices")
        base, change = member.open(None), _Change(factors)
        merged = _Merged(base, change)
        return ComputedMatrix(name, factors.shape, stored, lambda i, j: merged.rows(i, j).astype(stored))

    refusal = member.refusal or not_a_weight(member.dtype)
    return Member(member.shape, member.dtype if refusal else stored, open_matrix, refusal=refusal)


@dataclass(frozen=True, eq=False)
class _Change:
    """scale L R, its factors read once."""

    factors: Factors

    @cached_property
    def _sides(self) -> tuple[np.ndarray, np.ndarray]:
        left, right = self.factors.sides()
        return left.astype(np.float64) * self.factors.scale, np.ascontiguousarray(right, np.float64)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop of the change, float64."""
        left, right = self._sides
        return left[start:stop] @ right


@dataclass(frozen=True, eq=False)
class _Merged:
    """W0 + scale L R, and DoRA's length of every output where there is one (Liu et al. 2024, equation 5)."""

    base: TensorSource
    change: _Change

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows start to stop of the merged weight, float64."""
        total = self._sum(start, stop)
        magnitude = self.change.factors.magnitude
        if magnitude is None:
            return total
        if self.change.factors.transposed:
            with np.errstate(invalid="ignore"):
                return total * self._column_scale
        lengths = np.sqrt(np.einsum("ij,ij->i", total, total))
        with np.errstate(divide="ignore", invalid="ignore"):  # a row of zeros has no direction: NaN, as in PEFT
            return total * (magnitude[start:stop].astype(np.float64) / lengths)[:, None]

    def _sum(self, start: int, stop: int) -> np.ndarray:
        total = self.change.rows(start, stop)
        total += self.base.rows(start, stop)
        return total

    @cached_property
    def _column_scale(self) -> np.ndarray:
        """Where outputs are columns their lengths take a pass over all rows."""
        rows, columns = self.base.shape
        squares = np.zeros(columns)
        height = max(1, _BLOCK // max(1, columns))
        for top in range(0, rows, height):
            block = self._sum(top, min(rows, top + height))
            squares += np.einsum("ij,ij->j", block, block)
        magnitude = self.change.factors.magnitude
        assert magnitude is not None, "asked of DoRA alone"
        with np.errstate(divide="ignore", invalid="ignore"):
            return magnitude.astype(np.float64) / np.sqrt(squares)
