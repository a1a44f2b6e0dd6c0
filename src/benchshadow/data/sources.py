"""Sources: where an arm's documents come from, as frozen settings that can be drawn from and fingerprinted.

A source names others by their name in the study file, so a study's sources form a small tree that prints itself. Drawing
takes the tree and a generator and gives documents without end; a finite source says so and is reshuffled every epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..errors import InputError
from ..records import digest
from .documents import Document, data_file, file_hash, read_documents, unit_hash
from .skills import FORMATS, SKILLS, draw_items

__all__ = ["Balanced", "Benchmark", "Corpus", "Mix", "Skills", "Slice", "Source", "Sources", "Zipf"]

Half = Literal["base", "arms", "held-out", "all"]


class Settings(BaseModel):
    """Frozen settings of a source; a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def parents(self) -> tuple[str, ...]:
        """Names of the sources this one draws from."""
        return ()


class Skills(Settings):
    """Items of the embedded world, without end, or a fixed pool of them."""

    kind: Literal["skills"]
    skills: tuple[str, ...] = tuple(SKILLS)
    formats: tuple[str, ...] = tuple(FORMATS)
    lengths: tuple[int, int] = (3, 6)
    compositions: float = Field(0.0, ge=0, le=1)
    pool: int | None = Field(None, ge=1, description="a fixed pool of so many distinct items, the same in every arm")
    without: str | None = Field(None, description="a source whose pool is never drawn, so that its items stay unseen")


class Corpus(Settings):
    """Documents of files, split by group into halves that never meet."""

    kind: Literal["corpus"]
    file: str
    text: str = "{text}"
    domain: str = ""
    group: str = Field("", description="template of what a split keeps together; the row itself by default")
    passage: int = Field(1500, ge=0, description="longest passage in characters; 0 keeps documents whole")
    held_out: tuple[str, ...] = Field((), description="groups that neither base nor arms ever see")
    halves: Literal["rows", "groups"] = "rows"
    licence: str = ""
    origin: str = ""


class Mix(Settings):
    """Documents of several sources, in proportion to their size."""

    kind: Literal["mix"]
    of: tuple[str, ...]
    half: Half = "arms"


class Balanced(Settings):
    """Documents of several sources with every domain equally often."""

    kind: Literal["balanced"]
    of: tuple[str, ...]
    half: Half = "arms"


class Zipf(Settings):
    """Few documents of another source, the one of rank r in proportion to r^-exponent."""

    kind: Literal["zipf"]
    of: str
    documents: int = Field(ge=1)
    exponent: float = Field(1.0, ge=0)

    def parents(self) -> tuple[str, ...]:
        return (self.of,)


class Slice(Settings):
    """A slice of another source that is as long, in characters, as a finite one, repeated as often."""

    kind: Literal["slice"]
    of: str
    like: str

    def parents(self) -> tuple[str, ...]:
        return (self.of, self.like)


class Benchmark(Settings):
    """The seen half of the study's benchmark, as training text, each document once per epoch."""

    kind: Literal["benchmark"]


Source = Annotated[Skills | Corpus | Mix | Balanced | Zipf | Slice | Benchmark, Field(discriminator="kind")]


@dataclass(frozen=True)
class Sources:
    """The sources of a study, able to draw from any of them.

    Args:
        tree: name to settings.
        benchmark: the seen half as documents, for a replicate; needed by `Benchmark` alone.
    """

    tree: Mapping[str, Any]
    benchmark: Callable[[], list[Document]] | None = None

    def __post_init__(self) -> None:
        for name, source in self.tree.items():
            for parent in (*source.parents(), *getattr(source, "of", ()) * isinstance(getattr(source, "of", ""), tuple)):
                if parent not in self.tree:
                    raise InputError(f"sources.{name}", f"names '{parent}', which is not among {sorted(self.tree)}")

    def draw(self, name: str, rng: np.random.Generator) -> Iterator[Document]:
        """Documents of a source without end; a finite one is reshuffled every epoch."""
        source = self.tree[name]
        if isinstance(source, Skills) and source.pool is None:
            yield from self._skills(source, rng)
        elif isinstance(source, Zipf):
            yield from self._zipf(source, rng)
        elif isinstance(source, Balanced):
            yield from self._balanced(source, rng)
        else:
            yield from _epochs(self.finite(name, rng), name, rng)

    def finite(self, name: str, rng: np.random.Generator) -> list[Document]:
        """The documents of a finite source, each once, in their own order."""
        source = self.tree[name]
        match source:
            case Skills() if source.pool is not None:
                return self.pool(name)
            case Corpus():
                return self.corpus(name, "all")
            case Mix():
                return [document for part in source.of for document in self.corpus(part, source.half)]
            case Slice():
                return self._slice(source, rng)
            case Benchmark():
                assert self.benchmark is not None, "a benchmark source needs the study's benchmark"
                return self.benchmark()
            case _:
                raise InputError(f"sources.{name}", f"must be finite here but is '{source.kind}'")

    def corpus(self, name: str, half: Half) -> list[Document]:
        """One half of a corpus. A group named in `held_out` is in neither; the others by the hash of row or group."""
        source = self.tree[name]
        if not isinstance(source, Corpus):
            raise InputError(f"sources.{name}", f"must be a corpus here but is '{source.kind}'")
        rows = read_documents(data_file(source.file), source.text, source.domain, source.group, source.passage)
        known = {group for group, _ in rows}
        for group in source.held_out:
            if group not in known:
                raise InputError(f"sources.{name}.held_out", f"names '{group}', which {source.file} does not have")

        def side(group: str, document: Document) -> str:
            if group in source.held_out:
                return "held-out"
            row = group if source.halves == "groups" else document.id.rsplit(".", 1)[0]
            return "base" if unit_hash(source.file, row) < 0.5 else "arms"

        return [document for group, document in rows if half in ("all", side(group, document))]

    def pool(self, name: str) -> list[Document]:
        """The fixed pool of a skills source: distinct items, drawn from a generator that only its settings seed."""
        source = self.tree[name]
        rng = np.random.default_rng(int(digest(source.model_dump(mode="json"))[:16], 16))
        found: dict[str, Document] = {}
        for document in islice(self._skills(source, rng), 100 * source.pool):
            found.setdefault(document.text, document)
            if len(found) == source.pool:
                return list(found.values())
        raise InputError(f"sources.{name}.pool", f"must be reachable but only {len(found)} distinct items were found")

    def fingerprint(self, name: str) -> str:
        """Hash of a source's settings, of its parents' and of the files it reads."""
        source = self.tree[name]
        of = getattr(source, "of", ())
        parents = (of,) if isinstance(of, str) else of
        extra = [parent for key in ("like", "without") if (parent := getattr(source, key, None))]
        return digest(
            {
                "settings": source.model_dump(mode="json"),
                "parents": {parent: self.fingerprint(parent) for parent in (*parents, *extra)},
                "file": file_hash(data_file(source.file)) if isinstance(source, Corpus) else None,
            }
        )

    def files(self, name: str) -> dict[str, dict[str, str]]:
        """The files below a source: sha256, licence and origin of each."""
        source = self.tree[name]
        if isinstance(source, Corpus):
            known = {"sha256": file_hash(data_file(source.file)), "licence": source.licence, "origin": source.origin}
            return {source.file: known}
        of = getattr(source, "of", ())
        found: dict[str, dict[str, str]] = {}
        for parent in (of,) if isinstance(of, str) else of:
            found |= self.files(parent)
        return found

    def _skills(self, source: Skills, rng: np.random.Generator) -> Iterator[Document]:
        unseen = {document.text for document in self.pool(source.without)} if source.without else frozenset()
        items = draw_items(
            rng,
            skills=source.skills,
            formats=source.formats,
            lengths=source.lengths,
            compositions=source.compositions,
        )
        for item in items:
            text = f"{item.prompt}{item.answer}\n"
            if text not in unseen:
                yield Document(text, text, f"{item.skill} / {item.format}")

    def _zipf(self, source: Zipf, rng: np.random.Generator) -> Iterator[Document]:
        few = list(islice(self.draw(source.of, rng), source.documents))
        weights = np.arange(1, len(few) + 1, dtype=np.float64) ** -source.exponent
        weights /= weights.sum()
        while True:
            for index in rng.choice(len(few), size=1024, p=weights):
                yield few[index]

    def _balanced(self, source: Balanced, rng: np.random.Generator) -> Iterator[Document]:
        domains: dict[str, list[Document]] = {}
        for part in source.of:
            for document in self.corpus(part, source.half):
                domains.setdefault(f"{part} / {document.domain}", []).append(document)
        streams = [_epochs(documents, domain, rng) for domain, documents in sorted(domains.items())]
        while True:
            for index in rng.permutation(len(streams)):
                yield next(streams[index])

    def _slice(self, source: Slice, rng: np.random.Generator) -> list[Document]:
        longest = sum(len(document.text) for document in self.finite(source.like, rng))
        taken: list[Document] = []
        for document in self.draw(source.of, rng):
            taken.append(document)
            longest -= len(document.text)
            if longest <= 0:
                return taken
        raise AssertionError("drawing ends only when the slice is long enough")


def _epochs(documents: list[Document], name: str, rng: np.random.Generator) -> Iterator[Document]:
    """The documents again and again, in a new order every time."""
    if not documents:
        raise InputError(f"sources.{name}", "must hold at least one document but is empty")
    while True:
        for index in rng.permutation(len(documents)):
            yield documents[index]
