"""Diagnostics by name: one decorator, which checks the contract as the module loads and refuses the unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

__all__ = ["LAWS", "LEVELS", "SUBJECTS", "Diagnostic", "Registry"]

LAWS = frozenset({"scale", "transpose", "rotation"})
"""What a diagnostic can be unaffected by: a common factor, the transpose, orthogonal matrices from both sides."""

SUBJECTS = ("matrix", "change", "rounding", "directions")
"""What a diagnostic is computed from: one spectrum; a change and both its sides; a change and one rounding null; the
top singular vectors of a change and its sides, left or right."""

LEVELS = (0, 1, 2, 3)
"""What a diagnostic needs: one pass; the Gram matrix; all singular values; the top singular vectors."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Diagnostic:
    """One registered diagnostic: its function and everything that is told about it.

    Attributes:
        name: the function's name, as it stands in the records.
        title: what it is, in a few words.
        unit: "weight", "dimensions", "share", "count" ...; numbers in dimensions are given divided by k as well.
        source: the paper or the definition.
        subject: one of `SUBJECTS`.
        unaffected_by: the laws it obeys; one test checks them for every registered diagnostic.
        parameters: the values of q or r at which it is evaluated; empty where it has none.
        tells_not: what it does not tell.
        random_null: whether a Gaussian matrix of the same shape and norm is its null.
        level: one of `LEVELS`.
        function: the arithmetic.
    """

    name: str
    title: str
    unit: str
    source: str
    subject: str
    unaffected_by: frozenset[str]
    parameters: tuple[float, ...]
    tells_not: str
    random_null: bool
    level: int
    function: Callable[..., Any]


class Registry:
    """An ordered collection of diagnostics; calling it gives the decorator that registers one."""

    def __init__(self) -> None:
        self._entries: dict[str, Diagnostic] = {}

    def __call__(
        self,
        *,
        title: str,
        unit: str,
        source: str,
        tells_not: str,
        subject: str = "matrix",
        unaffected_by: frozenset[str] | set[str] = frozenset(),
        parameters: tuple[float, ...] = (),
        random_null: bool = False,
        level: int = 2,
    ) -> Callable[[F], F]:
        """Register the decorated function under its own name; a broken contract is a TypeError at import."""
        unknown = set(unaffected_by) - LAWS
        if unknown:
            raise TypeError(f"unaffected_by must be among {sorted(LAWS)} but holds {sorted(unknown)}")
        if subject not in SUBJECTS:
            raise TypeError(f"subject must be one of {SUBJECTS} but is {subject!r}")
        if level not in LEVELS:
            raise TypeError(f"level must be one of {LEVELS} but is {level!r}")
        said = {"title": title, "unit": unit, "source": source, "tells_not": tells_not}
        silent = [key for key, text in said.items() if not text.strip()]
        if silent:
            raise TypeError(f"a diagnostic must say its {', '.join(silent)}")

        def register(function: F) -> F:
            name = function.__name__
            if name in self._entries:
                raise TypeError(f"two diagnostics are named {name!r}")
            self._entries[name] = Diagnostic(
                name,
                title,
                unit,
                source,
                subject,
                frozenset(unaffected_by),
                parameters,
                tells_not,
                random_null,
                level,
                function,
            )
            return function

        return register

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, name: str) -> Diagnostic:
        return self._entries[name]

    def of(self, subject: str) -> list[Diagnostic]:
        """Those that are computed from one subject, in the order of registration."""
        return [entry for entry in self if entry.subject == subject]
