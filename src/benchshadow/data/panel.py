"""The panel of an audit: every number that it gives of a corpus, by name, with its source and what it does not tell."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["PANEL", "PanelMeasure"]


class PanelMeasure(NamedTuple):
    """One number of a corpus, or of a corpus and a benchmark.

    Attributes:
        name: as it stands in the records.
        title: what it is, in a few words.
        unit: "count", "share", "words" ...
        group: the part of the panel: size, repetition, surface, concentration, diversity, likeness or overlap.
        source: the paper or the definition.
        tells_not: what it does not tell.
    """

    name: str
    title: str
    unit: str
    group: str
    source: str
    tells_not: str


PANEL = (
    PanelMeasure("documents", "Documents", "count", "size", "count of texts", "how long they are"),
    PanelMeasure("words", "Words", "words", "size", "NFKC, lower case, no punctuation", "how many tokens a model sees"),
    PanelMeasure("characters", "Characters", "count", "size", "code points", "how many bytes lie on disk"),
    PanelMeasure(
        "exact_duplicate_share", "Exact duplicates", "share", "repetition",
        "documents whose normalised words an earlier document has", "whether the repetition is meant",
    ),
    PanelMeasure(
        "near_duplicate_share", "Near-duplicates", "share", "repetition",
        "MinHash candidates in 14 bands of 8 rows, verified: Jaccard of 5-word shingles at least .8 (Broder 1997)",
        "texts shorter than five words, nor pairs that MinHash missed",
    ),
    PanelMeasure(
        "repeated_prompt_share", "Repeated prompts", "share", "repetition",
        "documents whose prompt an earlier document has, answers aside", "whether the answers differ",
    ),
    PanelMeasure(
        "copies", "Texts by number of copies", "count", "repetition",
        "number of distinct texts that stand so many times in the corpus", "near-duplicates",
    ),
    PanelMeasure(
        "distinct_n", "Distinct n-grams", "share", "surface", "Li et al. 2016, at a fixed number of words",
        "meaning: shuffled words are as distinct",
    ),
    PanelMeasure(
        "self_repetition", "Self-repetition", "nats", "surface", "Salkar et al. 2022",
        "repetition inside one document",
    ),
    PanelMeasure(
        "compression_ratio", "Compression ratio", "ratio", "surface", "gzip of so many bytes; Shaib et al. 2024",
        "repetition further apart than 32 kB",
    ),
    PanelMeasure("gini", "Gini coefficient", "share", "concentration", "Gini 1912", "which entries are frequent"),
    PanelMeasure(
        "hhi", "Herfindahl-Hirschman index", "share", "concentration", "sum of squared shares",
        "the tail of rare entries",
    ),
    PanelMeasure(
        "top_share", "Share of the most frequent", "share", "concentration", "share of the top 1% and 10% of entries",
        "the shape of the rest",
    ),
    PanelMeasure(
        "zipf_slope", "Zipf slope", "slope", "concentration", "slope of log frequency over log rank",
        "whether frequencies follow a power law at all",
    ),
    PanelMeasure(
        "vendi", "Vendi score", "texts", "diversity", "Friedman & Dieng 2023: exp of the Renyi entropy of order q",
        "anything that the embedding does not see; its dimension is the most it can say",
    ),
    PanelMeasure(
        "effective_clusters", "Clusters covered, effective number", "clusters", "diversity",
        "exponential of the entropy of occupancy, k-means on the union", "differences inside a cluster",
    ),
    PanelMeasure(
        "clusters_hit", "Clusters covered, share", "share", "diversity", "clusters of the union that hold a document",
        "how evenly they are filled",
    ),
    PanelMeasure(
        "unseen_mass", "Unseen mass", "share", "diversity", "Good 1953: share of n-grams met once",
        "what the unseen part holds",
    ),
    PanelMeasure(
        "alignment", "Alignment with the benchmark", "nats per gram", "likeness",
        "Xie et al. 2023 (DSIR), per hashed uni- and bigram; the target is the benchmark's seen half",
        "word order beyond pairs, nor whether any item is in the corpus",
    ),
    PanelMeasure(
        "auroc", "Told from the benchmark", "share", "likeness",
        "area under the ROC curve of a logistic regression on hashed words, cross-validated",
        "why they differ: format alone can be enough",
    ),
    PanelMeasure(
        "auroc_of_one_word", "Told from the benchmark by one word", "share", "likeness",
        "the same by whether a text has the one word or mark whose share differs most between the sides; 0.5 where no "
        "word stands in half of one side's texts and in a share smaller by .5 of the other's",
        "whether that word belongs to a template or to a subject",
    ),
    PanelMeasure(
        "auroc_without_format", "Told from the benchmark without fixed words", "share", "likeness",
        "the same on the same texts without any such word", "a format that shows in the order or the number of words",
    ),
    PanelMeasure(
        "overlap_hits", "Items hit", "count", "overlap", "verbatim overlap under the named rule",
        "paraphrases and translations",
    ),
    PanelMeasure(
        "overlap_hit_share", "Items hit, share of the eligible", "share", "overlap",
        "verbatim overlap under the named rule", "paraphrases and translations, nor items too short for the rule",
    ),
)  # fmt: skip
"""All of them, in the order of the page."""
