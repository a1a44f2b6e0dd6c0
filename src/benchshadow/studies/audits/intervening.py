"""Build the arms of a recipe from corpora on disk, prove each from its tokens, and say what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from benchshadow.data.corpora import CHUNK, Corpus, open_corpus
from benchshadow.data.interventions import CONTROL, ITEMS, Arms, Recipe, build, proved, read_recipe
from benchshadow.data.interventions.recipe import checked_recipe
from benchshadow.data.tokenization import load_tokenizer, save_tokenizer, train_bpe
from benchshadow.errors import BenchshadowError
from benchshadow.records import digest
from benchshadow.records.source_code import code
from benchshadow.studies.preparing.arm_tools import arm_tools

from .in_order import in_order
from .remarks import refusal

__all__ = ["intervene"]

_TRAINED_ON = 100_000
"""Documents that a tokenizer is trained on."""
_TOOLS = ("studies/preparing/arm_tools.py", "studies/preparing/model_rewriter.py")


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
        The verb, the budget, the arms with their manifests' accounts, remarks, as `items` the table of the sides of
        all items where there are any, and as `refusal` what of the corpus could not be read.

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
    tools = arm_tools(corpus, seed=seed)
    tools = replace(tools, names=(*tools.names, ("code", code(_TOOLS))))
    with in_order(engine, workers) as mapped:
        by = None if engine == "local" and workers == 1 else mapped
        arms = build(corpus, wanted, Path(out), tokenizer=coder, mapped=by, seed=seed, tools=tools)
    for name in arms.streams:
        for found in proved(Path(out), name):
            raise BenchshadowError(f"{out}: the arm {name} is not what its manifest says: {found}")
    told["remarks"] = [*_remarks(corpus), *_left_out(arms)]
    told["items"] = str(Path(out) / ITEMS) if (Path(out) / ITEMS).is_file() else None
    listed = [{"where": each.file, "line": each.line, "reason": each.reason} for each in corpus.read.listed]
    told["refusal"] = refusal(out, corpus.read.refused, listed)
    shown = ("arm", "treated_sequences", "budget", "reported", "order_sha256")
    return told | {"arms": [{key: each[key] for key in shown} for each in arms.manifests.values()]}


def _remarks(corpus: Corpus) -> Iterator[str]:
    read = corpus.read
    if read.refused:
        yield f"Rows or files of the corpus that were refused: {read.refused}, the first {read.listed[0]}."
    if read.empty:
        yield f"Rows of the corpus that are empty and were passed over: {read.empty}."


def _left_out(arms: Arms) -> Iterator[str]:
    for name, sides in arms.manifests[CONTROL]["items"].items():
        if sides["removed"]["items"]:
            yield f"Items of {name} that repeat another source's and were left out: {sides['removed']['items']}."


def _with_tokens(recipe: Recipe, tokens: int) -> dict[str, Any]:
    content = recipe.model_dump(exclude_unset=True)
    return content | {"budget": content["budget"] | {"tokens": tokens}}


def _tokenizer(corpus: Corpus, vocabulary: int, out: Path) -> Path:
    """A tokenizer trained on the corpus, beside the folder of the arms, which holds only what `build` puts there."""
    name = digest([corpus.fingerprint, vocabulary, _TRAINED_ON])[:12]
    path = out.parent / f"{out.name}.tokenizer-{name}.json"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        texts = (document.text[:CHUNK] for document in islice(corpus, _TRAINED_ON))
        save_tokenizer(train_bpe(texts, vocabulary), path)
    return path
