"""DSIR's own package in one process of its own environment: fitted on a corpus and a target, then all texts scored."""

import argparse
import json
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Write seconds of fitting and of scoring, start and import left out, and the log importance weights."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus")
    parser.add_argument("target")
    parser.add_argument("out")
    given = parser.parse_args()
    import numpy as np
    from data_selection import HashedNgramDSIR

    with tempfile.TemporaryDirectory() as cache:
        begin = time.perf_counter()
        dsir = HashedNgramDSIR([given.corpus], [given.target], cache_dir=cache, num_proc=1)
        dsir.fit_importance_estimator(num_tokens_to_fit="all")
        fitted = time.perf_counter()
        dsir.compute_importance_weights()
        scored = time.perf_counter()
        weights = np.load(Path(cache) / "log_importance_weights" / "0.npy").tolist()
    said = {"fitting": fitted - begin, "scoring": scored - fitted, "totals": weights}
    Path(given.out).write_text(json.dumps(said), encoding="utf-8")


if __name__ == "__main__":
    main()
