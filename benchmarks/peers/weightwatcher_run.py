"""Analyses of WeightWatcher in one process of its own environment: base, tuned, or tuned with its base."""

import argparse
import json
import time
from pathlib import Path


def main() -> None:
    """Write numbers by matrix, and the seconds of every analysis, start and import left out."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base")
    parser.add_argument("tuned")
    parser.add_argument("out")
    parser.add_argument("--of", nargs="+", choices=("base", "tuned", "change"), default=["base", "tuned", "change"])
    parser.add_argument("--with", dest="more", nargs="*", choices=("mp_fit", "randomize"), default=[])
    given = parser.parse_args()
    import weightwatcher

    models = {
        "base": {"model": given.base},
        "tuned": {"model": given.tuned},
        "change": {"model": given.tuned, "base_model": given.base},
    }
    numbers, seconds = {}, {}
    for of in given.of:
        begin = time.perf_counter()
        watcher = weightwatcher.WeightWatcher(log_level="ERROR")
        details = watcher.analyze(**models[of], **dict.fromkeys(given.more, True))
        seconds[of] = time.perf_counter() - begin
        for row in details.to_dict("records"):
            name = f"{row['longname']}.weight".removeprefix("model.")
            # Its entropy is -sum e ln e / ln rank, of the energies; the rank is full in these pairs.
            energy_rank = float(min(row["M"], row["N"]) ** row["entropy"])
            numbers[f"{name} {of}"] = {"stable_rank": float(row["stable_rank"]), "energy_rank": energy_rank}
    Path(given.out).write_text(json.dumps({"numbers": numbers, "seconds": seconds}), encoding="utf-8")


if __name__ == "__main__":
    main()
