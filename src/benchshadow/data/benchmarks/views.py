"""What of an item is compared: its question, with its options, or with its answer, by the fields it is kept in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchshadow.errors import InputError

__all__ = ["SCHEMAS", "VIEWS", "Schema", "View", "schema_of"]

View = Literal["question", "question with options", "question with answer"]
"""The part of an item that is compared with a corpus."""

VIEWS: tuple[View, ...] = ("question", "question with options", "question with answer")
"""All views."""


@dataclass(frozen=True)
class Schema:
    """The fields in which items are kept.

    Attributes:
        question: the field of the question, or of the whole text.
        choices: the field of the options, a list of texts; empty where there are none.
        answer: the field of the answer: its text, or the place of the right option, as a number from 0 or as a letter.
        view: what of it is compared unless something else is asked for.
    """

    question: str
    choices: str = ""
    answer: str = ""
    view: View = "question"

    def fields(self, view: View) -> tuple[str, ...]:
        """The fields that a view is made of.

        Raises:
            InputError: the schema has no field for it.
        """
        parts = [self.question]
        if view == "question with options":
            parts.append(self.choices)
        elif view == "question with answer":
            parts += [self.choices, self.answer] if self.choices else [self.answer]
        if not all(parts):
            missing = "options" if view == "question with options" else "answer"
            raise InputError("view", f"'{view}' must have a field for the {missing} but there is none")
        return tuple(parts)

    def text(self, values: Mapping[str, Any], view: View) -> str:
        """The text of an item in one view, its parts joined by a space.

        Raises:
            ValueError: a field does not hold what it must; the message says which.
        """
        for field in self.fields(view):
            if field not in values:
                raise ValueError(f"must have the field '{field}' but has {sorted(values)}")
        parts = [_said(values[self.question], self.question)]
        if view == "question with options":
            parts += _options(values[self.choices], self.choices)
        elif view == "question with answer":
            options = _options(values[self.choices], self.choices) if self.choices else []
            parts.append(_answer(values[self.answer], options, self.answer))
        return " ".join(part for part in parts if part)


SCHEMAS = (
    Schema("query", "choices", "gold", "question with options"),
    Schema("question", "choices", "answer", "question with options"),
    Schema("context", "", "continuation", "question with answer"),
    Schema("question", "", "answer"),
    Schema("sentence_good"),
    Schema("text"),
)
"""The schemas that are known by their fields, the first that fits first."""


def schema_of(values: Mapping[str, Any], where: object, *, question: str, choices: str, answer: str) -> Schema:
    """The schema of a benchmark by its first row; fields that are named go before those that are known.

    Raises:
        InputError: a named field is not there, or no schema fits.
    """
    for field in filter(None, (question, choices, answer)):
        if field not in values:
            raise InputError(where, f"must have the field '{field}' but has {sorted(values)}")
    if question:
        return Schema(question, choices, answer, "question with options" if choices else "question")
    for known in SCHEMAS:
        own = Schema(known.question, choices or known.choices, answer or known.answer, known.view)
        if all(field in values for field in (own.question, own.choices, own.answer) if field):
            return own
    shapes = "; ".join("+".join(filter(None, (s.question, s.choices, s.answer))) for s in SCHEMAS)
    raise InputError(
        where, f"must have the fields {shapes}, but has {sorted(values)}", "name its fields or give a template as text"
    )


def _said(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must have a text as '{field}' but has {value!r:.60}")
    return value.strip()


def _options(value: Any, field: str) -> list[str]:
    """The options; a list of texts or numbers, or a table with such a list as `text`."""
    found = value.get("text") if isinstance(value, Mapping) else value
    if not isinstance(found, list | tuple) or not all(isinstance(each, str | int | float) for each in found):
        raise ValueError(f"must have a list of texts as '{field}' but has {value!r:.60}")
    return [str(each).strip() for each in found]


def _answer(value: Any, options: list[str], field: str) -> str:
    """The answer's text; among options that are given, by its place or its letter where it is not one of them."""
    if not options:
        return str(value).strip() if isinstance(value, int | float) else _said(value, field)
    if isinstance(value, str):
        if value.strip() in options:
            return value.strip()
        letter = value.strip().upper()
        value = ord(letter) - ord("A") if len(letter) == 1 and letter.isalpha() else value
    if type(value) is not int or not 0 <= value < len(options):
        raise ValueError(f"must have one of {len(options)} options as '{field}' but has {value!r:.60}")
    return options[value]
