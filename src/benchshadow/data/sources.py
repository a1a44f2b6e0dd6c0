"""Sources: where an arm's documents come from, drawn from and fingerprinted by name.

A study's sources form a small tree that prints itself. Drawing takes a name and a generator and gives documents without
end; a finite source says so and is reshuffled every epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchshadow.errors import InputError
from benchshadow.records import digest

from .documents import Document, Passage, data_file, file_hash, read_documents, unit_hash
from .skills import draw_items
from .source_kinds import MARK, Balanced, Benchmark, Corpus, Half, Mix, Skills, Slice, Source, Zipf

__all__ = [
    "Balanced", "Benchmark", "Corpus", "DataFile", "Half", "Mix", "Skills", "Slice", "Source", "Sources", "Zipf",
]  # fmt: skip

IN_VAIN = 10_000  # draws in a row that gave nothing new, after which nothing new is expected


class DataFile(NamedTuple):
    """A file that a source reads, with what is said of its rights."""

    file: str
    licence: str
    origin: str

    @property
    def sha256(self) -> str:
        """Hash of its bytes."""
        return file_hash(data_file(self.file))

    def known(self, sha256: str | None) -> dict[str, dict[str, str | None]]:
        """The file with what a manifest tells of it."""
        return {self.file: {"sha256": sha256, "licence": self.licence, "origin": self.origin}}


@dataclass(frozen=True)
class Sources:
    """The sources of a study, able to draw from any of them.

    Args:
        tree: name to settings.
        benchmark: the seen half as documents, for a replicate; needed by `Benchmark` alone.
        seen_in: the file that the seen half is drawn from; None where it is drawn from none.

    Raises:
        InputError: a source names one that is not there, one of a kind it cannot draw from, or, in a circle, itself.
    """

    tree: Mapping[str, Source]
    benchmark: Callable[[], list[Document]] | None = None
    seen_in: DataFile | None = None

    def __post_init__(self) -> None:
        for name, source in self.tree.items():
            for parent in source.parents():
                if parent not in self.tree:
                    raise InputError(f"sources.{name}", f"names '{parent}', which is not among {sorted(self.tree)}")
                _fits(name, source, parent, self.tree[parent])
        try:
            TopologicalSorter({name: source.parents() for name, source in self.tree.items()}).prepare()
        except CycleError as error:
            way = " -> ".join(reversed(error.args[1]))
            raise InputError("sources", f"must not draw from themselves but go round: {way}") from error

    def draw(self, name: str, rng: np.random.Generator) -> Iterator[Document]:
        """Documents of a source without end; a finite one is reshuffled every epoch."""
        source = self.tree[name]
        match source:
            case Skills(pool=None):
                yield from self._skills(source, rng)
            case Zipf():
                yield from self._zipf(name, source, rng)
            case Balanced():
                yield from self._balanced(name, source, rng)
            case _:
                yield from _epochs(self.finite(name, rng), name, rng)

    def finite(self, name: str, rng: np.random.Generator) -> list[Document]:
        """The documents of a finite source, each once, in their own order; a slice is cut anew by `rng`."""
        source = self.tree[name]
        match source:
            case Skills(pool=int()):
                return self.pool(name)
            case Corpus():
                return self.corpus(name, "all")
            case Mix():
                return [document for part in source.of for document in self.corpus(part, source.half)]
            case Slice():
                return self._slice(source, rng)
            case Benchmark():
                if self.benchmark is None:
                    raise InputError(
                        f"sources.{name}", "is the seen half of a benchmark, but the study has no such half"
                    )
                return self.benchmark()
            case _:
                raise InputError(f"sources.{name}", f"must be finite here but is '{source.kind}'")

    def several(self, name: str, most: int, rng: np.random.Generator, *, marked: bool = False) -> list[Document]:
        """Distinct documents: all of a finite source, or at most so many of one without end.

        Args:
            name: of the source.
            most: documents of a source without end.
            rng: draws them.
            marked: leave `MARK` between prompt and answer where a corpus tells them apart.
        """
        source = self.tree[name]
        if isinstance(source, Corpus) and marked:
            return self._marked(name, source, "all")
        if isinstance(source, Zipf | Balanced) or (isinstance(source, Skills) and source.pool is None):
            return _distinct(self.draw(name, rng), most)
        return self.finite(name, rng)

    def corpus(self, name: str, half: Half) -> list[Document]:
        """One half of a corpus.

        A group named in `held_out` is in neither half, nor in "all", which is both of them. The others are on a side by
        the hash of their group or of their row's text: half of them on average, not exactly.
        """
        source = self.tree[name]
        if not isinstance(source, Corpus):
            raise InputError(f"sources.{name}", f"must be a corpus here but is '{source.kind}'")
        found = self._marked(name, source, half)
        return [each._replace(text=each.text.replace(MARK, " ")) for each in found] if source.prompt else found

    def _marked(self, name: str, source: Corpus, half: Half) -> list[Document]:
        text, passage = source.parted
        passages = read_documents(data_file(source.file), text, source.domain, source.group, passage)
        known = {passage.group for passage in passages}
        for group in source.held_out:
            if group not in known:
                raise InputError(f"sources.{name}.held_out", f"names '{group}', which {source.file} does not have")
        if half == "held-out":
            return [passage.document for passage in passages if passage.group in source.held_out]
        side = _sides(source, passages)
        wanted = {"base", "arms"} if half == "all" else {half}
        return [passage.document for passage in passages if side[passage.row] in wanted]

    def pool(self, name: str) -> list[Document]:
        """The fixed pool of a skills source: distinct items, drawn from a generator that only its settings seed."""
        source = self.tree[name]
        if not isinstance(source, Skills) or source.pool is None:
            raise InputError(f"sources.{name}", "must be of kind 'skills' with a pool")
        rng = np.random.default_rng(int(digest(source.model_dump(mode="json"))[:16], 16))
        found = _distinct(self._skills(source, rng), source.pool)
        if len(found) < source.pool:
            raise InputError(
                f"sources.{name}.pool", f"must be reachable but is {source.pool}, and {len(found)} were found"
            )
        return found

    def fingerprint(self, name: str) -> str:
        """Hash of a source's settings, of its parents' fingerprints and of the file it reads."""
        source, own = self.tree[name], self.own_file(name)
        return digest(
            {
                "settings": source.model_dump(mode="json"),
                "parents": {parent: self.fingerprint(parent) for parent in source.parents()},
                "file": None if own is None else own.sha256,
            }
        )

    def files(self, name: str) -> dict[str, dict[str, str | None]]:
        """The files below a source: sha256, licence and origin of each."""
        own = self.own_file(name)
        if own is not None:
            return own.known(own.sha256)
        parents = self.tree[name].parents()
        return {file: known for parent in parents for file, known in self.files(parent).items()}

    def own_file(self, name: str) -> DataFile | None:
        """The file that a source reads itself, which is not opened; None where it reads none."""
        match self.tree[name]:
            case Corpus() as source:
                return DataFile(source.file, source.licence, source.origin)
            case Benchmark():
                return self.seen_in
            case _:
                return None

    def _skills(self, source: Skills, rng: np.random.Generator) -> Iterator[Document]:
        items = draw_items(
            rng,
            skills=source.skills,
            formats=source.formats,
            lengths=source.lengths,
            compositions=source.compositions,
        )
        for item in items:
            if not item.held_out:
                yield Document(item.text, item.text, f"{item.skill} / {item.format}")

    def _zipf(self, name: str, source: Zipf, rng: np.random.Generator) -> Iterator[Document]:
        few = _distinct(self.draw(source.of, rng), source.documents)
        if len(few) < source.documents:
            rule = f"must be at most what '{source.of}' holds"
            raise InputError(
                f"sources.{name}.documents", f"{rule} but is {source.documents}, and {len(few)} were found"
            )
        weights = np.arange(1, len(few) + 1, dtype=np.float64) ** -source.exponent
        weights /= weights.sum()
        while True:
            for index in rng.choice(len(few), size=1024, p=weights):
                yield few[index]

    def _balanced(self, name: str, source: Balanced, rng: np.random.Generator) -> Iterator[Document]:
        domains: dict[str, list[Document]] = {}
        for part in source.of:
            for document in self.corpus(part, source.half):
                domains.setdefault(f"{part} / {document.domain}", []).append(document)
        if not domains:
            raise InputError(f"sources.{name}", "must hold at least one document but is empty")
        streams = [_epochs(documents, name, rng) for _, documents in sorted(domains.items())]
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
                break
        return taken


def _fits(name: str, source: Source, parent: str, of: Source) -> None:
    """Refuse a parent of a kind that cannot be drawn from in this way."""
    match source:
        case Mix() | Balanced() if not isinstance(of, Corpus):
            rule = "of must name corpora"
        case Slice(like=like) if like == parent and (
            isinstance(of, Zipf | Balanced) or (isinstance(of, Skills) and of.pool is None)
        ):
            rule = "like must name a finite source"
        case _:
            return
    raise InputError(f"sources.{name}", f"{rule} but names '{parent}', which is of kind '{of.kind}'")


def _sides(source: Corpus, passages: tuple[Passage, ...]) -> dict[str, Half]:
    """The side of every row. A text that stands in several groups goes where the first of them goes, or is held out."""
    file = Path(source.file).name
    found: dict[str, Half] = {passage.row: "held-out" for passage in passages if passage.group in source.held_out}
    for passage in passages:
        if passage.row not in found:
            key = passage.group if source.halves == "groups" else passage.row
            found[passage.row] = "base" if unit_hash(file, key) < 0.5 else "arms"
    return found


def _distinct(documents: Iterator[Document], wanted: int) -> list[Document]:
    """The first so many documents that differ, or fewer where nothing new is met for long."""
    found: dict[str, Document] = {}
    in_vain = 0
    for document in documents:
        in_vain = in_vain + 1 if document.text in found else 0
        found.setdefault(document.text, document)
        if len(found) == wanted or in_vain == IN_VAIN:
            break
    return list(found.values())


def _epochs(documents: list[Document], name: str, rng: np.random.Generator) -> Iterator[Document]:
    """The documents again and again, in a new order every time."""
    if not documents:
        raise InputError(f"sources.{name}", "must hold at least one document but is empty")
    while True:
        for index in rng.permutation(len(documents)):
            yield documents[index]
