"""What can go wrong on the user's side, each as one sentence that names the file, the rule and the value."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["BenchshadowError", "Incomplete", "InputError", "MissingExtra", "TensorRefused", "check_choices"]


class BenchshadowError(Exception):
    """Root of every error that is meant for the user; `exit_code` is what the command line returns."""

    exit_code = 3


class InputError(BenchshadowError):
    """A file or a value breaks a rule, so nothing could be done.

    Args:
        where: the file, folder, key or tensor the rule was applied to.
        problem: the rule and the value that broke it, "must be in (0, 1] but is 1.3".
        remedy: what to do about it, where there is something better than "mend it".
    """

    def __init__(self, where: object, problem: str, remedy: str = "") -> None:
        self.where, self.problem, self.remedy = str(where), problem, remedy
        super().__init__(f"{where}: {problem}" + (f"; {remedy}" if remedy else ""))

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str, str]]:
        """Errors cross from one process to another."""
        return type(self), (self.where, self.problem, self.remedy)


class TensorRefused(InputError):
    """One tensor cannot be measured (NaN, shapes that differ ...); the rest of its checkpoint still is."""


class Incomplete(BenchshadowError):
    """The work is done but something was refused by name, and `--strict` asked for everything."""

    exit_code = 4


class MissingExtra(BenchshadowError):
    """A library of an optional extra is not installed; the sentence holds the command that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        self.what, self.extra = what, extra
        super().__init__(f"{what} needs the extra '{extra}': pip install 'benchshadow[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        """Errors cross from one process to another."""
        return type(self), (self.what, self.extra)


def check_choices(where: str, given: Sequence[str], allowed: Sequence[str], *, none: bool = False) -> None:
    """A setting must hold some of the words allowed, and no other; nothing at all where `none` says so."""
    if isinstance(given, str) or not (given or none):
        raise InputError(where, f"must hold some of {', '.join(allowed)} but is {given!r}")
    for each in given:
        if each not in allowed:
            raise InputError(where, f"must hold some of {', '.join(allowed)} but holds {each!r}")
