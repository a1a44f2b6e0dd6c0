"""Build the arms of a recipe from corpora on disk, prove each from its tokens, and say what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchshadow.data.corpora import CHUNK, Corpus, open_corpus
from benchshadow.data.diversity import fit_embedding
from benchshadow.data.documents import Document, batched
from benchshadow.data.duplicates import near_duplicates
from benchshadow.data.interventions import CONTROL, Pool, Recipe, Tools, build, proved, read_recipe
from benchshadow.data.interventions.recipe import checked_recipe
from benchshadow.data.tokenization import load_tokenizer, save_tokenizer, train_bpe
from benchshadow.errors import BenchshadowError
from benchshadow.records import digest

from .in_order import in_order

__all__ = ["intervene"]

_TRAINED_ON = 100_000
"""Documents that a tokenizer is trained on."""
_TOGETHER = 2_000
_NAMES = (
    ("scorer", "alignment, laplace"),
    ("normaliser", "rules"),
    ("embedder", "tf-idf-svd-256"),
    ("near", "MinHash 14 x 8, verified, .8"),
)


def intervene(
    corpora: Sequence[Path | str],
    recipe: Path,
    *,
    out: Path,
    tokens: int | None = None,
    tokenizer: Path | None = None,
    vocabulary: int = 8192,
    text: str = "{text}",
    domain: str = "",
    lines: bool = False,
    seed: int = 0,
    engine: str = "local",
    workers: int = 1,
    plan: bool = False,
) -> dict[str, Any]:
    """Build the control and all arms of a recipe.

    Args:
        corpora: files, folders or "hf:owner/name", together the corpus that arms are drawn from.
        recipe: TOML file.
        out: folder of the arms; what is whole in it is left.
        tokens: of every arm, in place of what the recipe says.
        tokenizer: tokenizer.json; None to train a byte-level BPE on the corpus, kept beside `out`.
        vocabulary: tokens of a BPE that is trained.
        text: template of a document's text.
        domain: template of its domain.
        lines: whether each line of a text file is a document.
        seed: of all draws.
        engine: "local" or "ray".
        workers: processes that code texts; with one on this machine, the tokenizer's own threads.
        plan: say what would be built, and do nothing.

    Returns:
        The verb, the budget, and the arms with their manifests' accounts.

    Raises:
        InputError: the recipe breaks a rule, or the corpus gives too little without repetition.
    """
    wanted = read_recipe(recipe)
    if tokens is not None:
        wanted = checked_recipe(_with_tokens(wanted, tokens), recipe)
    corpus = open_corpus(corpora, text=text, domain=domain, lines=lines, name="corpus")
    told = {"verb": "intervene", "budget": wanted.budget.model_dump(), "out": str(out)}
    if plan:
        return told | {"arms": [{"arm": name} for name in (CONTROL, *wanted.arms)]}
    coder = load_tokenizer(_tokenizer(corpus, vocabulary, Path(out)) if tokenizer is None else tokenizer)
    tools = Tools(embedder=partial(_embedded, seed), near=partial(_near, corpus, seed), names=_NAMES)
    with in_order(engine, workers) as mapped:
        by = None if engine == "local" and workers == 1 else mapped
        arms = build(corpus, wanted, Path(out), tokenizer=coder, mapped=by, seed=seed, tools=tools)
    for name in arms.streams:
        for found in proved(Path(out), name):
            raise BenchshadowError(f"{out}: the arm {name} is not what its manifest says: {found}")
    told["remarks"] = list(_remarks(corpus))
    shown = ("arm", "treated_sequences", "budget", "reported", "order_sha256")
    return told | {"arms": [{key: each[key] for key in shown} for each in arms.manifests.values()]}


def _remarks(corpus: Corpus) -> Iterator[str]:
    read = corpus.read
    if read.refused:
        yield f"Rows or files of the corpus that were refused: {read.refused}, the first {read.listed[0]}."
    if read.empty:
        yield f"Rows of the corpus that are empty and were passed over: {read.empty}."


def _with_tokens(recipe: Recipe, tokens: int) -> dict[str, Any]:
    content = recipe.model_dump(exclude_unset=True)
    return content | {"budget": content["budget"] | {"tokens": tokens}}


def _embedded(seed: int, documents: Iterable[Document]) -> np.ndarray:
    """A row for every document, by an embedding fitted on a sample of them."""
    encoder = fit_embedding((document.text for document in documents), rng=np.random.default_rng(seed))
    chunks = batched(documents, _TOGETHER)
    rows = (encoder([document.text for document in chunk]) for chunk in chunks)
    return np.concatenate([np.empty((0, encoder.dimensions)), *rows])


def _near(corpus: Corpus, seed: int, pool: Pool) -> np.ndarray:  # noqa: ARG001 (the pool numbers documents as we do)
    """Pairs of near-duplicates, by their numbers in the corpus."""
    return near_duplicates(corpus, rng=np.random.default_rng(seed), sample=0).pairs.numbers


def _tokenizer(corpus: Corpus, vocabulary: int, out: Path) -> Path:
    """A tokenizer trained on the corpus, beside the folder of the arms, which holds only what `build` puts there."""
    name = digest([corpus.fingerprint, vocabulary, _TRAINED_ON])[:12]
    path = out.parent / f"{out.name}.tokenizer-{name}.json"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        texts = (document.text[:CHUNK] for document in islice(corpus, _TRAINED_ON))
        save_tokenizer(train_bpe(texts, vocabulary), path)
    return path
