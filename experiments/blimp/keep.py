"""Copies what is small of the finished study to results/, its claims beside it, and writes its tables as Markdown.

Run after the study as  python experiments/blimp/keep.py [experiments/blimp/out]
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SMALL = ("study.toml", "study.json", "statements.json", "summary.json", "failures.json", "records.parquet")


def table(summary: dict[str, Any], study: dict[str, Any], kind: str) -> list[str]:
    """Mean over replicates with lowest and highest, a row per measure and a column per arm."""
    cells = {(row["arm"], row["measure"]): row for row in summary["table"]}
    arms = list(dict.fromkeys(row["arm"] for row in summary["table"]))
    measures = [each for each in study["measures"] if each["kind"] == kind]
    arms = [arm for arm in arms if any((arm, each["name"]) in cells for each in measures)]
    lines = ["| measure | " + " | ".join(arms) + " |", "|---" * (len(arms) + 1) + "|"]
    for each in measures:
        row = [cells.get((arm, each["name"])) for arm in arms]
        lines.append(f"| {each['title']} | " + " | ".join(map(shown, row)) + " |")
    return lines


def shown(cell: dict[str, Any] | None) -> str:
    """A mean, and the range where there is more than one run."""
    if cell is None:
        return ""
    if cell["n"] == 1 or cell["low"] == cell["high"]:
        return f"{cell['mean']:.3g}"
    return f"{cell['mean']:.3g} ({cell['low']:.3g} to {cell['high']:.3g})"


def equal_change(claims: list[dict[str, Any]]) -> list[str]:
    """The footprints where arm and control have changed equally far."""
    lines = [
        "| arm | measure | at relative change | arm | control | against the A/A range |",
        "|---|---|---|---|---|---|",
    ]
    for claim in claims:
        if claim["at"] != "last step" and claim["measure"] in ("stable_rank", "participation_ratio", "effective_rank"):
            if not claim["comparable"]:
                lines.append(f"| {claim['arm']} | {claim['measure']} | {claim['reason']} | | | |")
                continue
            numbers = f"{claim['at_value']:.3g} | {claim['arm_mean']:.3g} | {claim['control_mean']:.3g}"
            lines.append(f"| {claim['arm']} | {claim['measure']} | {numbers} | {claim['place']} |")
    return lines


def fed(out: Path) -> list[str]:
    """What each arm was fed, by the manifests of the first replicate."""
    keys = (
        "documents",
        "unique_documents",
        "mean_epochs",
        "effective_domains",
        "effective_documents",
        "entropy_per_token",
    )
    lines = ["| arm | treated share | " + " | ".join(keys) + " |", "|---" * (len(keys) + 2) + "|"]
    manifests = [json.loads(path.read_text()) for path in sorted(out.glob("runs/*/manifest.json"))]
    first = min(manifest["replicate"] for manifest in manifests)
    for manifest in manifests:
        if manifest["replicate"] == first:
            data = manifest["data"]
            share = data["treated_sequences"] / data["budget"]["sequences"]
            numbers = " | ".join(f"{data['reported'][key]:.4g}" for key in keys)
            lines.append(f"| {manifest['arm']} | {share:.2g} | {numbers} |")
    return lines


def main() -> None:
    """Copy, and write results/tables.md."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "out"
    kept = HERE / "results"
    kept.mkdir(exist_ok=True)
    for name in SMALL:
        shutil.copyfile(out / name, kept / name)
    shutil.copyfile(out / "claims.json", HERE / "claims.json")
    names = ("summary", "study", "claims", "statements")
    summary, study, claims, said = (json.loads((out / f"{name}.json").read_text()) for name in names)
    parts = {
        "Outcomes at the last step": table(summary, study, "outcome"),
        "Footprint of the change against the base, at the last step": table(summary, study, "footprint"),
        "Footprint at equal relative change": equal_change(claims),
        "What each arm was fed (first replicate)": fed(out),
        "What can be said": [f"- {each['text']}" for each in said["statements"]],
    }
    text = (
        "# Tables\n\nMade by `python experiments/blimp/keep.py`; mean over replicates, lowest to highest in brackets.\n"
    )
    for title, lines in parts.items():
        text += f"\n## {title}\n\n" + "\n".join(lines) + "\n"
    (kept / "tables.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
