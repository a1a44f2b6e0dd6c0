"""Rewriters: documents in other words, by rules, from a file made beforehand, or by a model on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from benchshadow.data.documents import Document, data_file, file_hash, read_rows, template_fields
from benchshadow.errors import InputError

__all__ = ["ByText", "FileRewriter", "FromFile", "FromModel", "FromRules", "Rewriter", "RewriterSettings"]

TOGETHER = 64
"""Documents that a rewriter is given at a time."""


class Rewriter(Protocol):
    """Gives documents in other words; must depend on the documents and the number of the version alone."""

    @property
    def identity(self) -> str:
        """What it is, for the manifest: equal for rewriters that give the same."""
        ...

    def __call__(self, documents: Sequence[Document], version: int) -> list[str]:
        """A text for each of the documents, in their order."""
        ...


class _Settings(BaseModel):
    """Frozen; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FromRules(_Settings):
    """One manner of spelling, by rules that know nothing of meaning."""

    kind: Literal["rules"] = "rules"


class FromFile(_Settings):
    """Texts made beforehand, by any tool."""

    kind: Literal["file"]
    path: str = Field(description="jsonl with `id`, `text` and, for more than one of a document, `version` from 0")


class FromModel(_Settings):
    """A causal language model in a folder on this machine, which takes the likeliest token at every step."""

    kind: Literal["model"]
    path: str = Field(description="folder with the model and its tokenizer.json")
    prompt: str = Field("Rewrite: {text}\n", description="holds {text}; and {version}, where there are several")
    most_tokens: int = Field(64, ge=1, description="that one text may have")
    batch: int = Field(8, ge=1, description="documents that are rewritten together")

    @model_validator(mode="after")
    def _has_text(self) -> Self:
        try:
            named = set(template_fields(self.prompt))
        except InputError as error:
            raise ValueError(str(error)) from error
        if not {"text"} <= named <= {"text", "version"}:
            raise ValueError(f"prompt must name {{text}}, and may name {{version}}, but names {sorted(named)}")
        return self


RewriterSettings = Annotated[FromRules | FromFile | FromModel, Field(discriminator="kind")]
"""Any rewriter of a recipe, told apart by its `kind`."""


@dataclass(frozen=True)
class ByText:
    """A plain function as a rewriter.

    Attributes:
        function: from a text and the number of the version to the text in other words.
        identity: what it is called.
    """

    function: Callable[[str, int], str]
    identity: str = "a function"

    @classmethod
    def alone(cls, function: Callable[[str], str], identity: str = "a function") -> ByText:
        """Of a function that knows of no versions."""
        return cls(lambda text, _: function(text), identity)

    def __call__(self, documents: Sequence[Document], version: int) -> list[str]:
        """Document by document."""
        return [self.function(document.text, version) for document in documents]


@dataclass(frozen=True)
class FileRewriter:
    """Rewritten texts by the ids of the documents, from a file of JSON lines.

    The whole file is held in memory. What it does not tell: how its texts were made; the manifest holds its hash.

    Attributes:
        name: of the file, below the data folder or absolute.
    """

    name: str

    @property
    def identity(self) -> str:
        """The hash of the file."""
        return f"file {file_hash(data_file(self.name))}"

    def __call__(self, documents: Sequence[Document], version: int) -> list[str]:
        """The texts that the file has.

        Raises:
            InputError: it has none for a document, which is named.
        """
        found = []
        for document in documents:
            text = self._texts.get((document.id, version))
            if text is None:
                which = f"'{document.id}'" + (f" in version {version}" if version else "")
                rule = f"must hold a text for every document that is rewritten but has none for {which}"
                raise InputError(self._path, rule)
            found.append(text)
        return found

    @property
    def _path(self) -> Path:
        return data_file(self.name)

    @cached_property
    def _texts(self) -> dict[tuple[str, int], str]:
        found: dict[tuple[str, int], str] = {}
        for number, row in enumerate(read_rows(self._path), 1):
            where, key = f"{self._path}, row {number}", (row.get("id"), row.get("version", 0))
            if not (isinstance(key[0], str) and type(key[1]) is int and isinstance(row.get("text"), str)):
                raise InputError(where, f"must have a text as 'id' and as 'text' but has {str(row)[:80]}")
            if (key[0], key[1]) in found:
                raise InputError(where, f"must rewrite a document once but '{key[0]}' was met before")
            found[key[0], key[1]] = row["text"]
        return found
