"""Three analyses of WeightWatcher in one process of its own environment: base, tuned, and tuned with its base."""

import json
import sys
from pathlib import Path


def main() -> None:
    """Arguments: base, tuned, file for the numbers, and "mp" to fit Marchenko-Pastur bulks as well."""
    import weightwatcher

    base, tuned, out, *more = sys.argv[1:]
    found = {}
    for of, given in {
        "base": {"model": base},
        "tuned": {"model": tuned},
        "change": {"model": tuned, "base_model": base},
    }.items():
        details = weightwatcher.WeightWatcher(log_level="ERROR").analyze(**given, mp_fit="mp" in more)
        for row in details.to_dict("records"):
            name = f"{row['longname']}.weight".removeprefix("model.")
            # Its entropy is -sum e ln e / ln rank, of the energies; the rank is full in these pairs.
            energy_rank = float(min(row["M"], row["N"]) ** row["entropy"])
            found[f"{name} {of}"] = {"stable_rank": float(row["stable_rank"]), "energy_rank": energy_rank}
    Path(out).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
