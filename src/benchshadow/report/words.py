"""What the pages explain: a glossary, and what the diagnostics in use do not tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchshadow.spectra import diagnostics

from .elements import Terms

__all__ = ["AUDIT_GLOSSARY", "GLOSSARY", "glossary", "not_told"]

GLOSSARY = {
    "A/A": "A second draw of the control's own recipe. What it differs by is what chance alone gives.",
    "A/A range": "From minus to plus the largest difference between an A/A run and the control run of its replicate.",
    "arm": "One recipe of training data; arms share the base model, the number of tokens and all settings.",
    "bits per byte": "How many bits the model needs for a byte of text. Lower is better.",
    "blocks": "The repeated layers of the model, without embeddings and head.",
    "centred score": "Accuracy less that of guessing, as a share of what is left: 0 is guessing, 1 is perfect.",
    "change": "Tuned weights less base weights, matrix by matrix.",
    "control": "The arm that the others are compared with: training goes on with the broad mix.",
    "descriptive": "It says how these runs came out. It does not infer beyond them: too few replicates, or one base.",
    "dimensions": "A number of directions, out of those that a matrix has.",
    "direction": "A singular vector: one independent way in which a matrix acts.",
    "dose": "The share of the training data that comes from the benchmark.",
    "footprint": "What the change of the weights looks like: how large it is and over how many directions it spreads.",
    "margin": "Of answers: log-probability of the right one less that of the best wrong one. Of a claim: the smallest "
    "difference that matters, fixed beforehand.",
    "participation ratio": "How many directions share the energy of a change, squares counted; one if all is in one.",
    "random update": "A matrix of independent normal numbers of the same shape and size: spread as widely as can be.",
    "relative change": "Size of the change over the size of the base (Frobenius norms).",
    "replicate": "All arms run once with one seed; differences are taken within a replicate.",
    "role": "What a matrix does in its block: query, key, value, output, or a part of the MLP.",
    "rounding edge": "The largest singular value that the rounding of the stored numbers alone would give a change.",
    "signal rank": "How many directions of a change stand above the rounding edge.",
    "singular value": "The strength of one direction of a matrix.",
    "stable rank": "Energy of a change in units of its strongest direction; small when one direction dominates.",
    "tier": "How far a task is from the benchmark: seen, held-out, sibling, unrelated, general text.",
}


AUDIT_GLOSSARY = {
    "alignment": "How much likelier the words of a document are in the benchmark than in the reference, per word and "
    "pair of words. Above 0 it reads more like the benchmark.",
    "benchmark": "A fixed set of items that models are scored on.",
    "corpus": "The documents that a model is, or might be, trained on.",
    "effective number": "So many clusters, all filled evenly, would have the same entropy.",
    "eligible": "Of an item: long enough for the rule. Others are counted, and are in no share.",
    "fixed word": "A word or mark that most texts of one side have, and far fewer of the other: a sign of format.",
    "Gini coefficient": "0 where every entry is as frequent as every other, near 1 where few hold nearly all.",
    "held-out half": "Items of the benchmark set apart beforehand, never used to choose data.",
    "Herfindahl-Hirschman index": "Chance that two draws are the same entry.",
    "hit": "An item that a rule calls found in the corpus.",
    "interval": "After ±: half the width of a 95% interval, of what other documents of the same source would give.",
    "Jaccard": "Of two texts: the share of their shingles that both have.",
    "n-gram": "So many words in a row.",
    "near-duplicate": "A document that shares at least 80% of its runs of five words with another.",
    "passage": "The words of the corpus that an item shares with it.",
    "reference": "The corpus that alignment is measured against.",
    "template": "Wording that many items of a benchmark share, such as a fixed instruction.",
    "unseen mass": "Chance that the next n-gram is a new one, judged by how many were met once.",
    "Vendi score": "Number of texts with nothing in common that would be as diverse; its order q says how much rare "
    "kinds of texts count.",
    "words": "Texts are compared in Unicode's NFKC form, in lower case and without punctuation.",
}


def glossary(words: Mapping[str, str] = GLOSSARY, *, without: Iterable[str] = ()) -> Terms:
    """The terms of the page, in alphabetical order."""
    left_out = set(without)
    terms = [(term, says) for term, says in words.items() if term not in left_out]
    return Terms(sorted(terms, key=lambda pair: pair[0].lower()))


def not_told(used: Iterable[str], *, folded: str = "") -> Terms | None:
    """Of each registered diagnostic in use, what it does not tell; None where none is registered."""
    names = {each for name in used for each in (name, name.removesuffix("_share"))}
    found = [(entry.title, f"does not tell {entry.tells_not}.") for entry in diagnostics() if entry.name in names]
    return Terms(found, folded) if found else None
