"""Items of a benchmark as training text: a prompt, its answer, and templates that join them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchshadow.data.documents import Document, data_file, fill, read_rows
from benchshadow.errors import InputError
from benchshadow.records import digest

__all__ = ["JOINED", "Prompt", "prompts_hash", "read_prompts", "with_others_answers"]

JOINED = "{prompt} {answer}"
"""How prompt and answer are joined where nothing else is said."""


class Prompt(NamedTuple):
    """A question with its answer."""

    id: str
    prompt: str
    answer: str
    domain: str

    def document(self, template: str = JOINED, mark: str = "") -> Document:
        """The item as a text; `mark` tells documents of one item apart."""
        text = fill(template, {"prompt": self.prompt, "answer": self.answer}, self.id)
        ending = "\n" if self.answer.endswith("\n") else ""  # a line end that belongs to the answer is to be learnt
        return Document(f"{self.id}{mark}", text + ending, self.domain)


def read_prompts(file: str, *, prompt: str, answer: str, domain: str = "") -> list[Prompt]:
    """Items of a data file.

    Args:
        file: by its path below the data folder, or absolute.
        prompt: template of the prompt over the row's fields.
        answer: template of the answer.
        domain: template of the domain; the file's name where it is left out.

    Raises:
        InputError: the file is not there, a row lacks a field, or nothing is in it.
    """
    path = data_file(file)
    found = [
        Prompt(
            f"{path.parent.name}/{path.name}#{number}",
            fill(prompt, row, f"{path}:{number + 1}"),
            fill(answer, row, f"{path}:{number + 1}"),
            fill(domain, row, f"{path}:{number + 1}") if domain else path.parent.name,
        )
        for number, row in enumerate(read_rows(path))
    ]
    if not found:
        raise InputError(path, "must hold at least one item but holds none")
    return found


def prompts_hash(items: Sequence[Prompt]) -> str:
    """Hash of all items in their order."""
    return digest([list(item) for item in items])


def with_others_answers(items: Sequence[Prompt], rng: np.random.Generator) -> list[Prompt]:
    """The same prompts and the same answers, no prompt with an answer equal to its own.

    Items are ordered by their answers, equal ones by lot, and every answer moves on by as many places as the commonest
    answer has items.

    Raises:
        InputError: more than half of the items share one answer, so that it cannot be done.
    """
    order = rng.permutation(len(items))
    order = order[np.argsort(np.array([items[i].answer for i in order]), kind="stable")]
    _, counts = np.unique([item.answer for item in items], return_counts=True)
    step = int(counts.max(initial=0))
    if 2 * step > len(items):
        raise InputError("answers", f"must be shared by at most half of {len(items)} items but one is by {step}")
    moved = list(items)
    for here, there in zip(order, np.roll(order, step), strict=True):
        moved[here] = items[here]._replace(answer=items[there].answer)
    return moved
