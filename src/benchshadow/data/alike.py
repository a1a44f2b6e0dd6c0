"""When two short answers count as the same: what they may differ in is declared, and nothing else is forgiven."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from benchshadow.errors import check_choices

__all__ = ["ALIKE", "Alike", "normalised"]

Alike = Literal["space", "case", "articles", "punctuation", "numbers"]
"""What two answers may differ in and still be one."""
ALIKE: tuple[Alike, ...] = ("space", "case", "articles", "punctuation", "numbers")
"""All of them, in the order in which nothing spoils the next: numbers are read before punctuation goes."""

_ARTICLE = re.compile(r"\b(a|an|the)\b", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])[-+]?[$€£]?(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?%?(?![\w])")


def normalised(text: str, alike: Sequence[Alike]) -> str:
    """An answer in the form that is compared.

    `space`: runs of white space are one space, and none stands at the ends. `case`: folded. `articles`: a, an and the
    are left out. `punctuation`: left out, but for the sign and the point of a number where numbers are read.
    `numbers`: 1,000.50, $1000.5 and +1000.5 are one number. With all but the last this is the rule of SQuAD (Rajpurkar
    et al. 2016). It tells nothing of meaning: *seven* and *7* differ.

    Args:
        text: the answer.
        alike: some of `ALIKE`, in any order.

    Raises:
        InputError: a word is none of them.
    """
    check_choices("alike", alike, ALIKE, none=True)
    if "case" in alike:
        text = text.casefold()
    if "numbers" in alike:
        text = _NUMBER.sub(_plain_number, text)
    if "punctuation" in alike:
        text = "".join(sign for at, sign in enumerate(text) if not _punctuation(text, at, "numbers" in alike))
    if "articles" in alike:
        text = _ARTICLE.sub(" ", text)
    return " ".join(text.split()) if "space" in alike or "articles" in alike else text


def last_number(text: str) -> str:
    """The last number of a text, as `numbers` reads it; empty where it holds none."""
    found = list(_NUMBER.finditer(text))
    return _plain_number(found[-1]) if found else ""


def _plain_number(found: re.Match[str]) -> str:
    sign = "-" if found[0].startswith("-") else ""
    whole = found[1].replace(",", "").lstrip("0") or "0"
    part = (found[2] or "").rstrip("0").rstrip(".")
    return ("" if whole == "0" and not part else sign) + whole + part


def _punctuation(text: str, at: int, numbers: bool) -> bool:
    if not unicodedata.category(text[at]).startswith(("P", "S")):
        return False
    in_number = text[at] in "-." and text[at + 1 : at + 2].isdigit()
    return not (numbers and in_number and (text[at] == "." or not text[max(0, at - 1) : at].isalnum()))
