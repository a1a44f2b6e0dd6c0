"""Vendi scores of ten draws of a thousand texts in four orders, beside the vendi_score package.

    OMP_NUM_THREADS=1 python benchmarks/vendi.py [--repeats 5] [--small]

Rows are real texts (school maths, and glosses), in our own embedding of 256 dimensions, and random rows of 1,536,
where the smaller Gram matrix is that of the texts, as in the package. The peer gets rows of unit length, forms the
kernel once a draw and calls `score_K` for every order (`score_X` ignores its order), with one BLAS thread and with one
per core; the faster counts. Ours takes a draw per core. Sampling is left out, processes started, libraries imported.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from harness import HERE, WORK, apart, options, run
from other_tools import environment
from pages import in_brackets, page, save, table, verdict

from benchshadow.data.diversity import ORDERS, entropy_number, fit_embedding, kernel_spectra
from benchshadow.data.documents import data_file, read_documents

GOAL, CLOSE, CLOSE_BELOW_ONE = 3.0, 1e-9, 1e-6
TEXTS = {"gsm8k/train.jsonl.gz": "{question}", "wordnet/synsets.jsonl.gz": "{definition}"}
FOLDER = WORK / "vendi"
OURS = "benchshadow"


def write(n: int, draws: int) -> dict[str, Path]:
    """Rows of all draws by kind, draws x n x d."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    texts = []
    for name, template in TEXTS.items():
        found = read_documents(data_file(name), template, "", "", 0)
        texts += [found[number].document.text for number in rng.permutation(len(found))[: 3 * n]]
    rows = fit_embedding(texts, dimensions=256, rng=rng)(texts)
    rows = rows[np.linalg.norm(rows, axis=1) > 0]
    wide = rng.normal(size=(3 * n, 1536)) * np.geomspace(1, 0.01, 1536)
    wide /= np.linalg.norm(wide, axis=1, keepdims=True)
    paths = {}
    for name, some in (("texts, 256 dimensions", rows), ("random, 1,536 dimensions", wide)):
        paths[name] = FOLDER / f"{some.shape[1]}.npy"
        np.save(paths[name], np.stack([some[rng.permutation(len(some))[:n]] for _ in range(draws)]))
    return paths


def ours(path: Path) -> dict[str, Any]:
    """Seconds, and scores by draw and order."""
    draws = np.load(path)
    kernel_spectra(draws[:1, :50])
    begin = time.perf_counter()
    scores = [[entropy_number(spectrum, q) for q in ORDERS] for spectrum in kernel_spectra(draws)]
    return {"seconds": time.perf_counter() - begin, "scores": scores}


def theirs(path: Path, threads: int) -> dict[str, Any]:
    """The same of the peer."""
    out, script = FOLDER / "theirs.json", HERE / "peers" / "vendi_score_run.py"
    run(
        [str(environment("vendi-score")), str(script), str(path), str(out), "--orders", *[f"{q:g}" for q in ORDERS]],
        threads,
    )
    return json.loads(out.read_text(encoding="utf-8"))


def measure(name: str, path: Path, repeats: int) -> dict[str, Any]:
    """Both by turns, and the largest relative difference of a score by order."""
    programs = {OURS: partial(apart, ours, path)}
    programs |= {f"vendi_score, threads: {n}": partial(theirs, path, n) for n in sorted({1, os.cpu_count() or 1})}
    seconds: dict[str, list[float]] = {program: [] for program in programs}
    scores = {}
    for _ in range(repeats):
        for program, call in programs.items():
            said = call()
            seconds[program].append(said["seconds"])
            scores[program == OURS] = np.array(said["scores"])
            print(f"  {name}, {program}: {said['seconds']:.3f} s", flush=True)
    apart_by = np.max(np.abs(scores[True] / scores[False] - 1), axis=0)
    means = scores[True].mean(axis=0)
    orders = [f"{q:g}" for q in ORDERS]
    return {
        "rows": name, "seconds": seconds, "differences": dict(zip(orders, apart_by.tolist(), strict=True)),
        "scores": dict(zip(orders, means.tolist(), strict=True)),
    }  # fmt: skip


def written(found: Mapping[str, Any]) -> str:
    """The result as a page."""
    rows, accuracy, verdicts = [], [], []
    for each in found["rows"]:
        peer = min(median(seconds) for program, seconds in each["seconds"].items() if program != OURS)
        for program, seconds in each["seconds"].items():
            rows.append([each["rows"], program, in_brackets(seconds, 3), f"{peer / median(seconds):.1f}"])
        for order, value in each["differences"].items():
            accuracy.append([each["rows"], order, f"{each['scores'][order]:.4f}", f"{value:.1e}"])
            goal = CLOSE_BELOW_ONE if float(order) < 1 else CLOSE
            if value > goal:
                verdicts.append(f"- {each['rows']}, order {order}: difference {value:.1e}, goal {goal:g}: missed.")
        times = peer / median(each["seconds"][OURS])
        verdicts.append(f"- {each['rows']}, times faster: {verdict(times, GOAL, least=True)}.")
    what = f"{found['n']} rows, {found['draws']} draws, orders {', '.join(f'{q:g}' for q in ORDERS)}."
    head = ["rows", "program", "seconds: median (all)", "times faster"]
    second = ["rows", "order", "mean score", "largest relative difference"]
    closing = f"Goals of accuracy: {CLOSE:g} for orders of 1 and above, {CLOSE_BELOW_ONE:g} below; misses are listed."
    return page("Vendi scores", found, what, table(head, rows), table(second, accuracy), verdicts, closing)


def main() -> None:
    """Measure and write the result."""
    given = options(__doc__)
    n, draws = (200, 3) if given.small else (1_000, 10)
    found = [measure(name, path, given.repeats) for name, path in write(n, draws).items()]
    save("vendi", {"n": n, "draws": draws, "rows": found}, written, small=given.small)


if __name__ == "__main__":
    main()
