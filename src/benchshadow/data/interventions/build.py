"""Build the arms of a recipe: a corpus coded once, the control drawn from it, and every arm in a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from benchshadow.data.documents import Document, data_file, file_hash
from benchshadow.data.packing import Again, InOrder, PackedStream, Pieces, TokenStore, lay, placed, shuffled
from benchshadow.data.packing.store import corpus_hash, tokenizer_hash
from benchshadow.data.tokenization import end_token
from benchshadow.errors import InputError
from benchshadow.records import digest, open_folder, read_json, replace_whole, seal, write_json, write_parquet
from benchshadow.records.source_code import code

from .account import SCHEMA, Tally, environment, positions, reported, untreated_hash
from .comparing import expected
from .filling import filled
from .making import Workshop
from .pool import Pool, Room, Treatment
from .recipe import CONTROL, Recipe
from .seeding import generator
from .sides import both_sides, sides_hashes, sides_table
from .tools import Tools

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["ITEMS", "MANIFEST", "Arms", "build"]

MANIFEST = "manifest.json"
"""What an arm's folder says of itself."""
PAIRS = "pairs.parquet"
"""Documents that an arm was cleared of, each with the one it was removed for."""
ITEMS = "items.parquet"
"""Which items were seen, held out and left out, beside the arms."""
CORPUS, ARMS, SCRATCH = "corpus", "arms", "scratch"
_CODE = ("data",)


@dataclass(frozen=True)
class Arms:
    """Built arms, each in `arms/<name>` of the folder, the control first."""

    folder: Path
    streams: Mapping[str, PackedStream]

    @property
    def manifests(self) -> dict[str, dict[str, Any]]:
        """The manifests by arm."""
        return {name: read_json(stream.folder / MANIFEST) for name, stream in self.streams.items()}


def build(
    corpus: Iterable[Document],
    recipe: Recipe,
    out: Path,
    *,
    tokenizer: Tokenizer,
    mapped: InOrder | None = None,
    seed: int,
    tools: Tools | None = None,
) -> Arms:
    """Build the control and every arm of a recipe.

    An arm that is whole already is left; what was interrupted is done again. The bits depend on the arguments other
    than `mapped` alone.

    Args:
        corpus: documents that can be gone through more than once.
        recipe: budget, sources and arms.
        out: a folder of this work and no other: `corpus/` holds the tokens, `arms/<name>/` the stream and the manifest,
            `items.parquet` the items of every side.
        tokenizer: codes all texts.
        mapped: an executor's ordered map, by which texts are coded; None for the tokenizer's own threads.
        seed: of all draws.
        tools: scores, embeddings and rewriters that arms need.

    Raises:
        InputError: the corpus can be gone through once only, holds too little, or is another than the folder's; an
            arm's recipe gives too few tokens without repetition; or the disk is full.
    """
    if iter(corpus) is corpus:
        raise InputError("corpus", "must be gone through more than once but is an iterator", "give a list or a corpus")
    tools = tools or Tools()
    sides = both_sides(recipe, seed)
    workshop = Workshop(recipe.arms, sides, tools, partial(generator, seed))
    bench = _Bench(corpus, recipe, Path(out), tokenizer, mapped, seed, workshop)
    work = {
        "verb": "intervene",
        "recipe": recipe.model_dump(mode="json"),
        "seed": seed,
        "tokenizer": tokenizer_hash(tokenizer),
        "tools": bench.tools_named,
        "items": sides_hashes(sides),
        "code": code(_CODE),
    }
    open_folder(bench.out, work)
    shutil.rmtree(bench.out / SCRATCH, ignore_errors=True)
    try:
        _ = bench.store  # coded, or seen to be this corpus's, before anything rests on it
        if sides:
            with replace_whole(bench.out / ITEMS) as file:
                write_parquet(sides_table(sides), file)
        control = bench.arm(CONTROL, None)
        # Documents are chosen one arm after the other; an arm is written while those of the next are chosen.
        with ThreadPoolExecutor(1) as pool:
            waiting = {name: pool.submit(bench.arm, name, bench.treatment(name)) for name in recipe.arms}
        return Arms(bench.out, {CONTROL: control} | {name: each.result() for name, each in waiting.items()})
    finally:
        shutil.rmtree(bench.out / SCRATCH, ignore_errors=True)


@dataclass(frozen=True)
class _Bench:
    """What the arms of one call share."""

    corpus: Iterable[Document]
    recipe: Recipe
    out: Path
    tokenizer: Tokenizer
    mapped: InOrder | None
    seed: int
    workshop: Workshop
    _untreated: dict[int, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @cached_property
    def tools_named(self) -> dict[str, str]:
        """The tools by name and, where they are files or models, by content."""
        return self.workshop.named_tools()

    @cached_property
    def store(self) -> TokenStore:
        """The corpus, coded; what an earlier call left must be of the same documents."""
        folder = self.out / CORPUS
        if not folder.exists():
            return TokenStore.write(self.corpus, self.tokenizer, folder, mapped=self.mapped, texts=self._texts)
        store = TokenStore.open(folder)
        if store.account["sha256"] != corpus_hash(self.corpus):
            raise InputError(folder, "must hold the tokens of this corpus but holds another's", "name another --out")
        return store

    @property
    def _texts(self) -> Path:
        return self.out / SCRATCH / "texts"

    @cached_property
    def documents(self) -> Iterable[Document]:
        """The corpus, once it was coded by this call from the texts that were put aside."""
        return Again(self.store, self._texts) if self._texts.is_file() else self.corpus

    @cached_property
    def control(self) -> Pieces:
        """The control: documents by lot, then sequences by lot."""
        budget, lengths = self.recipe.budget, self.store.lengths
        if self.store.account["tokens"] < budget.tokens:
            raise InputError(
                "budget.tokens",
                f"must be at most {self.store.account['tokens']}, the tokens of the corpus, but are {budget.tokens}",
            )
        rng = generator(self.seed, CONTROL)
        pieces = lay(rng.permutation(len(lengths)), lengths, sequences=budget.sequences, length=budget.length)
        return shuffled(pieces, budget.sequences, rng)

    @cached_property
    def order(self) -> np.ndarray:
        """The control's documents in the order in which they were drawn, each once."""
        _, first = np.unique(self.control.copy, return_index=True)
        return self.control.document[first]

    @cached_property
    def reference(self) -> np.ndarray:
        """Share of every token in the control, each counted once more than it stands there."""
        counts = np.ones(self.tokenizer.get_vocab_size())
        for _, rows in PackedStream.open(self.out / ARMS / CONTROL).blocks():
            counts += np.bincount(rows.ravel(), minlength=len(counts))
        return counts / counts.sum()

    def arm(self, name: str, treatment: Treatment | None) -> PackedStream:
        """The stream of an arm, written where it is not there."""
        folder = self.out / ARMS / name
        if folder.exists():
            return PackedStream.open(folder)
        stand = self._stand(name)
        written = [] if treatment is None or treatment.written is None else [treatment.written]
        stores = [self.store, *written]
        pieces = self.control if treatment is None else self._placed(name, treatment, stand)
        tally = Tally(stand, self.tokenizer.get_vocab_size())

        def account(partial: Path, order: str) -> None:
            if treatment is not None and treatment.listed is not None:
                write_parquet(treatment.listed, partial / PAIRS)
            write_json(partial / MANIFEST, self._manifest(name, order, stand, tally, pieces, stores, treatment))

        length = self.recipe.budget.length
        return PackedStream.write(pieces, stores, folder, length=length, account=account, watch=[tally])

    def _stand(self, name: str) -> np.ndarray:
        """Where the treated sequences of an arm stand."""
        treated = expected(self.recipe, name, self.seed)["treated_sequences"]
        return positions(generator(self.seed, "positions"), self.recipe.budget.sequences, treated)

    def treatment(self, name: str) -> Treatment | None:
        """The documents of an arm; none where it is there already."""
        if (self.out / ARMS / name).exists():
            return None
        stand = self._stand(name)
        fixed = np.zeros(len(self.store), bool)
        fixed[self.control.document[~np.isin(self.control.sequence, stand)]] = True
        numbers = count()
        early = self._early(stand)
        length = self.recipe.budget.length
        pool = Pool(
            documents=self.documents,
            store=self.store,
            control=self.order,
            free=np.flatnonzero(~fixed),
            room=Room(early * length, (len(stand) - early) * length),
            tokenizer=self.tokenizer,
            scratch=lambda: self.out / SCRATCH / f"{name}-{next(numbers)}",
            mapped=self.mapped,
        )
        return self.workshop.intervention(name)(pool, rng=self.workshop.drawing(name))

    def _early(self, stand: np.ndarray) -> int:
        return int(np.searchsorted(stand, self.recipe.budget.sequences // 2))

    def _placed(self, name: str, treatment: Treatment, stand: np.ndarray) -> Pieces:
        """The control with the treatment's segments in their halves, or in all treated sequences."""
        lengths, budget = self.store.lengths, self.recipe.budget
        if treatment.written is not None:
            lengths = np.append(lengths, treatment.written.lengths)
        early = self._early(stand)
        halves = [stand] if len(treatment.segments) == 1 else [stand[:early], stand[early:]]
        rng, pieces = self.workshop.mixing(name), self.control
        for segment, places in zip(treatment.segments, halves, strict=True):
            part = filled(
                segment,
                lengths,
                sequences=len(places),
                length=budget.length,
                whole=budget.tokens,
                where=f"arms.{name}",
                rng=rng,
            )
            pieces = placed(pieces, part, places)
        return pieces

    def _manifest(
        self,
        name: str,
        order: str,
        stand: np.ndarray,
        tally: Tally,
        pieces: Pieces,
        stores: list[TokenStore],
        treatment: Treatment | None,
    ) -> dict[str, Any]:
        if name == CONTROL:
            control_order, rest = order, tally.untreated.hexdigest()
            reference = (tally.counts + 1.0) / (tally.counts + 1.0).sum()
        else:
            control = PackedStream.open(self.out / ARMS / CONTROL)
            control_order, reference = control.sha256, self.reference
            with self._lock:
                if len(stand) not in self._untreated:
                    self._untreated[len(stand)] = untreated_hash(control, stand)
                rest = self._untreated[len(stand)]
        written = stores[1].account if len(stores) > 1 else None
        told = reported(tally, pieces, stores, end_token(self.tokenizer), reference)
        told |= {} if treatment is None else _told(treatment)
        return seal(
            {
                "schema": SCHEMA,
                "kind": "arm",
                "arm": name,
                "seed": self.seed,
                **expected(self.recipe, name, self.seed),
                "sources": self._sources(),
                "items": sides_hashes(self.workshop.sides),
                "tokenizer_sha256": self.store.account["tokenizer_sha256"],
                "tools": self.tools_named,
                "code": code(_CODE),
                "environment": environment(),
                "order_sha256": order,
                "control_order_sha256": control_order,
                "untreated_sha256": tally.untreated.hexdigest(),
                "control_untreated_sha256": rest,
                "written": None
                if written is None
                else {key: written[key] for key in ("documents", "tokens", "sha256")},
                "reported": told,
            }
        )

    def _sources(self) -> dict[str, Any]:
        """The corpus by its documents, and the files of items by their bytes, with their licences."""
        held = {key: self.store.account[key] for key in ("documents", "tokens", "sha256")}
        items = [each for each in (*self.recipe.sources.values(), self.recipe.benchmark) if each is not None]
        rights = {"licence", "origin"}
        return {
            "corpus": {**held, **self.recipe.corpus.model_dump(include=rights)},
            "files": {
                each.file: {"sha256": file_hash(data_file(each.file)), **each.model_dump(include=rights)}
                for each in sorted(items, key=lambda each: each.file)
            },
        }


def _told(treatment: Treatment) -> dict[str, Any]:
    """What an intervention reports of itself."""
    told: dict[str, Any] = dict(treatment.told)
    if treatment.listed is not None:
        rows = [list(row) for row in treatment.listed.iter_rows()]
        told["pairs"] = {"removed": len(rows), "sha256": digest(rows)}
    return told
