"""The page of a study: question, answer, tiers, footprint, dose, depth, data, claims, limits and provenance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .elements import Block, Page, Prose, Section, Terms, present
from .numbers import counted, shown
from .provenance import manifest_table
from .study_answer import about, answer, capital
from .study_claims import at_equal, claims_table
from .study_depth import depth_figures
from .study_doses import dose_figures
from .study_fed import fed_table
from .study_figures import narrow_broad_figure, trajectory_figure
from .study_folder import StudyFolder, open_study
from .study_layers import layers_table
from .study_overlaps import overlap_blocks
from .study_probes import probe_blocks
from .study_signature import WORDS, signature_blocks
from .study_tables import hint_of, measures_table
from .study_trajectories import trajectory_blocks
from .words import GLOSSARY, glossary, not_told

__all__ = ["study_page"]


def study_page(folder: Path) -> Page:
    """Everything a study's folder can show."""
    study = open_study(folder)
    lead, statements, points = answer(study)
    sections = [
        Section("outcomes", "What the models do", _outcomes(study)),
        Section("footprint", "How the weights changed", _footprint(study)),
        Section("trajectories", "Along training", trajectory_blocks(study)),
        Section("depth", "Where in the model", present(*depth_figures(study), layers_table(study))),
        Section("overlaps", "What the changes have in common", overlap_blocks(study)),
        Section("signature", "Signatures and regimes", signature_blocks(study)),
        Section("probes", "What the models hold and expect", probe_blocks(study)),
        Section("fed", "What each arm was fed", _fed(study)),
        Section("claims", "Claims", _claims(study)),
        Section("limits", "What these numbers do not tell", _limits(study)),
        Section("provenance", "Where this comes from", _provenance(study)),
        Section("glossary", "Words", [glossary(GLOSSARY | WORDS, without=("rounding edge", "signal rank"))]),
    ]
    told = study.study
    kicker = f"Study {told.get('name', folder.name)} · {_size(study)}"
    kept = [section for section in sections if section.blocks]
    return Page(told.get("title") or folder.name, kicker, told.get("question") or "", lead, points, statements, kept)


def _size(study: StudyFolder) -> str:
    replicates, bases = len(study.study.get("replicates", [])), study.study.get("bases", 1)
    parts = [counted(len(study.arms), "arm"), counted(replicates, "replicate"), counted(bases, "base model")]
    return ", ".join(parts)


def _outcomes(study: StudyFolder) -> list[Block]:
    """Tables of outcomes, what is taken together first; margins in a table of their own."""
    every = study.measures("outcome")
    found = [measure for measure in every if measure.get("split") is None]
    # The caption of their table says what they all are.
    again = [m | {"title": m["title"].removesuffix(f", {m['split']}")} for m in every if m not in found]
    together = [measure for measure in found if measure.get("tier") is None]
    margins = [measure for measure in found if measure.get("diagnostic") == "margin" and measure not in together]
    single = [measure for measure in found if measure not in together and measure not in margins]
    tables = (
        (together, "Taken together: scores centred on guessing"),
        (single, "Task by task, from the benchmark outwards"),
        (margins, "Margins in log-probability, which move before accuracy does"),
        (again, "Once more, after the same short training of a copy of every arm (equalised)"),
    )
    tables = [table for table in tables if table[0]]
    return present(
        *(measures_table(study, *table, explained=table is tables[0]) for table in tables),
        _tasks(study),
        _told(found, "What the outcomes are"),
        narrow_broad_figure(study),
        *dose_figures(study),
        at_equal(study, "outcome"),
    )


def _tasks(study: StudyFolder) -> Terms | None:
    found = [
        (
            f"{task['benchmark']} ({task['tier']})",
            f"{task.get('says') or ''} {shown(task.get('items'))} items, scored as {task.get('kind', '—')}; "
            f"a guess scores {shown(task.get('baseline'))}.".strip(),
        )
        for task in study.study.get("tasks", [])
    ]
    return Terms(found, "What the tasks are") if found else None


def _told(measures: list[dict[str, Any]], folded: str) -> Terms | None:
    """What each measure is: the hint of its column, for those who cannot hover over it."""
    found = [(measure["title"], says) for measure in measures if (says := hint_of(measure))]
    return Terms(found, folded) if found else None


def _footprint(study: StudyFolder) -> list[Block]:
    measures = study.measures("footprint")
    if not measures:
        return []
    said = [(arm, capital(text)) for arm in study.arms for text in about(study, arm, ("footprint",))]
    return present(
        measures_table(study, measures, "The change from the base to the last step, over the blocks"),
        _told(measures, "What these measures are"),
        Terms(said) if said else None,
        trajectory_figure(study),
        at_equal(study, "footprint"),
    )


def _fed(study: StudyFolder) -> list[Block]:
    sentence, table = fed_table(study)
    arms = [(arm, planned["says"]) for arm in study.arms if (planned := study.study["arms"][arm]).get("says")]
    return present(Terms(arms) if arms else None, Prose([sentence]) if sentence else None, table)


def _claims(study: StudyFolder) -> list[Block]:
    table = claims_table(study)
    if table is None:
        return [Prose(["No claim has been written yet: claims.json is missing or empty."], style="note")]
    level, why = study.claims.get("level", "descriptive"), study.claims.get("why", "")
    said = [
        (f"{statement.get('about') or 'the study'}: {statement.get('code') or 'said'}", statement["text"])
        for statement in study.claims.get("statements", [])
    ]
    beyond = "Tests of the declared families are confirmatory, every other claim is descriptive"
    strength = Prose(
        [(beyond if level == "confirmatory" else f"Every claim is {level}") + (f": {why}." if why else ".")]
    )
    return present(strength, Terms(said, f"All {len(said)} statements") if said else None, table)


def _limits(study: StudyFolder) -> list[Block]:
    general = [
        "An arm outside the A/A range differs from the control by more than a second draw of the same recipe did. "
        "That is not a test, and it says nothing of other models, sizes or benchmarks.",
        "A footprint beside an outcome is a correlation over arms. That the footprint causes the outcome is not shown.",
    ]
    used = [measure["diagnostic"] for measure in study.measures("footprint")]
    return present(Prose(general, points=True), not_told(used))


def _provenance(study: StudyFolder) -> list[Block]:
    told, manifests = study.study, study.manifests
    facts = [f"Hash of the study file (sha256): {told.get('sha256') or 'not recorded'}."]
    facts.append(f"{counted(len(manifests), 'run')} with a manifest; every number is a row of runs/*/records.parquet.")
    tables = [
        manifest_table(told.get(key) or {}, title)
        for key, title in (
            ("settings", "Settings of every run"),
            ("base_settings", "Settings of the base"),
            ("architecture", "Architecture"),
            ("environment", "Machine and versions"),
        )
    ]
    if manifests:
        run, manifest = next(iter(manifests.items()))
        tables.append(manifest_table(manifest, f"The manifest of one run, {run}"))
    command = "benchshadow study run study.toml --out DIR"
    again = Prose(["To make it again, from the study file of that hash:"])
    return present(Prose(facts, points=True), *tables, again, Prose([command], style="command"))
