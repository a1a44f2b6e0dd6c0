"""Overlap by the definitions, with sets of tuples of words, one document at a time."""

from __future__ import annotations

import math
from collections import Counter

from benchshadow.data.overlap import words


def grams(text, n):
    return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]


def longest_run(marks):
    best = run = 0
    for mark in marks:
        run = run + 1 if mark else 0
        best = max(best, run)
    return best


def share(marks):
    return sum(marks) / len(marks) if marks else 0.0


def covered(marks, n, size):
    inside = {i + k for i, mark in enumerate(marks) if mark for k in range(n)}
    return len(inside) / size if size else 0.0


def plain_overlap(benchmarks, documents):
    """For every (benchmark, item): words, and (share by rule, longest run of words)."""
    corpus = [words(document.text) for document in documents]
    there = {n: {gram for text in corpus for gram in grams(text, n)} for n in (8, 11, 13)}
    fives = [set(grams(text, 5)) for text in corpus]
    found = {}
    for name, items in benchmarks.items():
        sets = [set(grams(words(item.text), 5)) for item in items]
        frequency = Counter(gram for each in sets for gram in each)
        for item, own in zip(items, sets, strict=True):
            text = words(item.text)
            marks = {n: [gram in there[n] for gram in grams(text, n)] for n in there}
            weight = {gram: math.log((len(items) + 1) / frequency[gram]) for gram in own}
            total = sum(weight.values())
            best = max([sum(weight[g] for g in own & each) for each in fives], default=0.0) / total if total else 0.0
            run = longest_run(marks[8])
            longest = run + 7 if run else 0
            found[name, item.id] = {
                "any-13gram": share(marks[13]),
                "any-8gram": share(marks[8]),
                "palm-8gram-70": share(marks[8]),
                "llama-10token": covered(marks[11], 11, len(text)),
                "contam-8gram": longest / len(text) if text else 0.0,
                "weighted-5gram": best,
                "longest": longest,
                "words": len(text),
            }
    return found
