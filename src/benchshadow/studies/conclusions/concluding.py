"""From the whole runs of a study to what it writes of them: claims, statements, summary, and records of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from benchshadow.errors import InputError
from benchshadow.records import frame, read, read_json, write, write_json
from benchshadow.studies.declaring.measures import measures
from benchshadow.studies.declaring.study import CONTROL, Study
from benchshadow.studies.preparing.beforehand import leak_statements, told_leaks
from benchshadow.studies.running.runs import MANIFEST, Run, is_whole, run_folder

from .claim_rows import claim_rows
from .claims import claims, derived, table
from .footprint_conclusions import conclude_footprints
from .layers import layer_rows, layers_said
from .onset import onset_rows, onset_statements
from .preregistration import beforehand, changed_afterwards
from .statements import doses, level, statements
from .trajectories import curves

__all__ = ["conclude"]

_LAYERS = {"code": "layers", "severity": "info"}


def conclude(study: Study, out: Path, runs: Sequence[Run], failed: dict[str, str]) -> dict[str, Any]:
    """Write what the whole runs together say, and give the content of `summary.json`.

    `study.json` holds the design, `claims.json` a row per claim, `statements.json` what follows in words, and
    `records.parquet` the study's own measures, at the last step and along the relative change. `signature.json` and
    `overlaps.parquet` lay the footprints side by side.

    Raises:
        InputError: no run is whole, or what was declared beforehand was altered.
    """
    whole = [run for run in runs if is_whole(out, run)]
    if not whole:
        reason = next(iter(failed.values()), "no run is whole")
        raise InputError(out, f"no run could be finished ({reason})")
    records = pl.concat([read(run_folder(out, run)) for run in whole])
    manifests = [(run.arm, read_json(run_folder(out, run) / MANIFEST)) for run in whole]
    sealed = [manifest for _, manifest in manifests]
    declared, changed = beforehand(study, out, sealed), changed_afterwards(study, out, sealed)
    made = claims(study, records, declared)
    write(pl.concat([derived(study, records), frame(curves(study, records))]), out / "records.parquet")
    leaked = told_leaks(study, out)
    write_json(out / "study.json", _told(study, manifests[0][1]) | {"leaks": leaked})
    strength, why = level(study, declared)
    dosed = list(doses(study, made, _treated(manifests)))
    folders = {(run.arm, run.replicate): run_folder(out, run) for run in whole}
    said = statements(study, made, dosed, declared) + conclude_footprints(study, out, folders, records, made)
    labels = {(each.arm, each.measure, each.at): each.verdict.label for each in made if each.verdict is not None}
    onsets = onset_rows(study.onsets, labels, {name: margin.value for name, margin in study.margins.items()})
    said += onset_statements(onsets) + leak_statements(leaked)
    if changed:
        text = (
            f"Changed after the first outcome, so that what it says was not declared beforehand: {'; '.join(changed)}."
        )
        said.append({"code": "changed", "id": "changed", "about": "", "text": text, "severity": "warning"})
    layers = layer_rows(study, records)
    said += [{**_LAYERS, "id": f"layers-{arm}", "about": arm, "text": text} for arm, text in layers_said(layers)]
    write_json(out / "claims.json", claim_rows(study, made))
    told = {"level": strength, "why": why, "statements": said, "doses": dosed, "onsets": onsets, "layers": layers}
    write_json(out / "statements.json", told)
    summary = {
        "verb": "study",
        "study": study.name,
        "sha256": study.sha256,
        "runs": {
            "whole": len(whole),
            "failed": sum(run.title in failed for run in runs),
            "planned": len(runs),
        },
        "failures": failed,
        "level": strength,
        "statements": [each["text"] for each in said],
        "table": table(study, records),
    }
    write_json(out / "summary.json", summary)
    return summary


def _treated(manifests: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, float]:
    """Share of the sequences that each arm's treatment replaced, mean over its runs; declared epochs leave it open."""
    found: dict[str, list[float]] = {}
    for arm, manifest in manifests:
        data = manifest.get("data")
        if data is None:  # a run that was trained elsewhere
            continue
        found.setdefault(arm, []).append(data["treated_sequences"] / data["budget"]["sequences"])
    return {arm: sum(shares) / len(shares) for arm, shares in found.items()}


def _told(study: Study, manifest: dict[str, Any]) -> dict[str, Any]:
    """What the report tells of the study's design."""
    counted = {task["benchmark"]: task for task in manifest["evaluation"]}
    says = {task.name: task.says for task in study.tasks}
    return {
        "name": study.name,
        "title": study.title,
        "question": study.question,
        "sha256": study.sha256,
        "control": CONTROL,
        "placebo_arm": study.same,
        "arms": {name: arm.model_dump(mode="json") | {"title": name} for name, arm in study.arms.items()},
        "replicates": list(study.replicates),
        "bases": study.bases,
        "settings": study.settings.model_dump(mode="json"),
        "base_settings": study.base.settings.model_dump(mode="json") if study.base.settings else None,
        "architecture": study.architecture.model_dump(mode="json") if study.architecture else None,
        "tasks": [{**counted[name], "says": says[name]} for name in counted],
        "measures": [
            {
                "name": each.name,
                "title": each.title,
                "unit": each.unit,
                "kind": each.kind,
                "tier": each.tier,
                "benchmark": each.parts[0][1] if len(each.parts) == 1 else None,
                "diagnostic": each.parts[0][2],
                "parts": [list(part) for part in each.parts],
                "split": each.split,
                "says": each.says,
            }
            for each in measures(study)
        ],
        "environment": manifest["environment"],
    }
