"""Vendi scores by the vendi_score package in one process of its own environment: every order of every draw."""

import argparse
import json
import time
import warnings
from pathlib import Path


def main() -> None:
    """Write seconds, start and import left out, and scores by draw and order."""
    parser = argparse.ArgumentParser()
    parser.add_argument("draws")
    parser.add_argument("out")
    parser.add_argument("--orders", nargs="+", default=["0.5", "1", "2", "inf"])
    given = parser.parse_args()
    import numpy as np
    from vendi_score import vendi

    warnings.simplefilter("ignore", DeprecationWarning)
    draws = np.load(given.draws)
    orders = [each if each == "inf" else float(each) for each in given.orders]
    begin = time.perf_counter()
    scores = []
    for rows in draws:
        kernel = rows @ rows.T
        scores.append([float(vendi.score_K(kernel, q=order)) for order in orders])
    said = {"seconds": time.perf_counter() - begin, "scores": scores}
    Path(given.out).write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main()
