"""The rules of overlap as the page words them: what an item must share with the corpus to be called found."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["RULES", "STRICT", "WEIGHTED", "RuleWords", "rule_words", "rules_in_order"]

STRICT, WEIGHTED = "any-13gram", "weighted-5gram"
"""The rule that the answer begins with, and the one that it is read beside."""


class RuleWords(NamedTuple):
    """How a rule is spoken of.

    Attributes:
        brief: below its name in a table.
        says: the whole of it.
        short: what an item that is too short for it has.
    """

    brief: str
    says: str
    short: str


RULES = {
    STRICT: RuleWords("13 words in a row", "The item shares 13 words in a row with the corpus.", "fewer than 13 words"),
    "any-8gram": RuleWords(
        "8 words in a row", "The item shares 8 words in a row with the corpus.", "fewer than 8 words"
    ),
    "palm-8gram-70": RuleWords(
        "70% of 8-grams", "At least 70% of the item's 8-grams stand in the corpus.", "fewer than 8 words"
    ),
    "llama-10token": RuleWords(
        "80% in long spans", "At least 80% of its words lie in found spans of over 10 words.", "fewer than 11 words"
    ),
    "contam-8gram": RuleWords(
        "half in one span", "Its longest found span holds at least half of its words.", "fewer than 8 words"
    ),
    WEIGHTED: RuleWords(
        "80% of rare wording",
        "One document holds at least 80% of the weight of its 5-grams; what many items share weighs little.",
        "fewer than 5 words",
    ),
    "soft": RuleWords(
        "nearer than a null corpus",
        "In an embedding some document is nearer to it than nearly all documents of an unrelated corpus are to items.",
        "no word that the embedding knows",
    ),
}
"""By the name that records and items use, in the order of the page."""


def rule_words(rule: str) -> RuleWords:
    """The words of a rule; one that is not listed goes by its name."""
    return RULES.get(rule) or RuleWords("", f"The rule {rule}.", "too few words")


def rules_in_order(names: set[str]) -> list[str]:
    """Names of rules in the order of the page, unlisted ones last."""
    return [name for name in RULES if name in names] + sorted(names - RULES.keys())
