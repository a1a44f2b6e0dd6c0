"""The page of an audit: how close corpora are to benchmarks, on what evidence, and what they cover and repeat."""

from __future__ import annotations

import shlex
from pathlib import Path

from benchshadow.data.panel import PANEL

from .audit_answer import answer, answer_points
from .audit_coverage import coverage_blocks
from .audit_differences import difference_blocks
from .audit_documents import document_blocks
from .audit_evidence import evidence_blocks
from .audit_folder import AuditFolder, open_audit
from .audit_methods import method_blocks
from .audit_overlap import overlap_blocks
from .audit_tables import copies_table, names_of, panel_table, refused_table, sizes_table
from .elements import Block, Page, Prose, Section, Terms, present
from .numbers import counted, number
from .provenance import manifest_table
from .words import AUDIT_GLOSSARY, glossary

__all__ = ["audit_page"]

_SHOWN_REMARKS = 8
_AUROC = "Told from the benchmark: 0.5 where a classifier cannot tell a document from an item, 1 where it always can."
_ALIGNED = "Alignment above 0: the corpus reads more like the benchmark than like the reference."


def audit_page(folder: Path) -> Page:
    """Everything that an audit's folder can show; what was not measured is left out."""
    audit = open_audit(folder)
    remarks = [str(each) for each in audit.summary.get("remarks") or []]
    shown, held = remarks[:_SHOWN_REMARKS], []
    if len(remarks) > len(shown):
        shown.append(f"{counted(len(remarks) - len(shown), 'more remark')} below, under “What was read”.")
        held = [Prose(remarks, points=True, style="remark")]
    sections = [
        Section("overlap", "Overlap", overlap_blocks(audit)),
        Section("evidence", "Evidence", evidence_blocks(audit)),
        Section("documents", "Documents", document_blocks(audit)),
        Section("likeness", "Likeness", _likeness(audit)),
        Section("coverage", "Coverage", coverage_blocks(audit)),
        Section("repetition", "Repetition and concentration", _repetition(audit)),
        Section("surface", "Surface", present(panel_table(audit, names_of("surface")))),
        Section("differences", "Differences between corpora", difference_blocks(audit)),
        Section("other", "Other numbers", _other(audit)),
        Section("read", "What was read", present(sizes_table(audit), *held, _fields(audit), refused_table(audit))),
        Section("methods", "How it was computed", method_blocks(audit)),
        Section("limits", "What these numbers do not tell", _limits(audit)),
        Section("provenance", "Where this comes from", _provenance(audit)),
        Section("glossary", "Words", [glossary(AUDIT_GLOSSARY)]),
    ]
    return Page(
        _title(audit),
        f"Audit of {_counted(len(audit.corpora), 'a corpus', 'corpora')}",
        "How close to these benchmarks, how much of that is template, how much is covered, and how concentrated and "
        "repeated is it?",
        answer(audit),
        answer_points(audit),
        shown,
        [section for section in sections if section.blocks],
        warned=True,
    )


def _title(audit: AuditFolder) -> str:
    corpora, benchmarks = (" and ".join(names) for names in (audit.corpora, audit.benchmarks))
    if len(audit.corpora) > 2:
        corpora = counted(len(audit.corpora), "corpus", "corpora")
    if len(audit.benchmarks) > 2:
        benchmarks = counted(len(audit.benchmarks), "benchmark")
    return f"{corpora} beside {benchmarks}" if benchmarks else corpora


def _counted(many: int, one: str, plural: str) -> str:
    return one if many == 1 else f"{number(many)} {plural}"


def _likeness(audit: AuditFolder) -> list[Block]:
    reference = audit.summary.get("reference")
    beside = "held-out half:"
    note = f"{_ALIGNED} {_AUROC}"
    table = panel_table(audit, names_of("likeness"), note=note, beside=beside)
    told = f"Alignment is measured against {reference}." if reference else ""
    return present(Prose([told]) if told and table else None, table)


def _repetition(audit: AuditFolder) -> list[Block]:
    repeated = [name for name in names_of("repetition") if name != "copies"]
    return present(
        panel_table(audit, repeated, "Repetition"),
        copies_table(audit),
        panel_table(audit, names_of("concentration"), "Concentration of frequencies"),
    )


def _other(audit: AuditFolder) -> list[Block]:
    """Numbers that the panel does not list: shown by their names, not dropped."""
    listed = {measure.name for measure in PANEL}
    rest = [name for name in audit.records["diagnostic"].unique(maintain_order=True) if name and name not in listed]
    return present(panel_table(audit, rest)) if rest else []


def _fields(audit: AuditFolder) -> Terms | None:
    """What of every benchmark was compared: a difference of format can outweigh content."""
    told = []
    for each in audit.summary.get("benchmarks") or []:
        fields = each.get("fields")
        text = ", ".join(map(str, fields)) if isinstance(fields, list | tuple) else str(fields or "not told")
        halves = [
            f"{number(each[half])} {said}"
            for half, said in (("seen", "in the seen half"), ("held_out", "held out"))
            if each.get(half) is not None
        ]
        items = counted(each.get("items") or 0, "item")
        told.append((str(each["name"]), f"{items}{''.join(f', {half}' for half in halves)}; compared: {text}."))
    return Terms(told) if told else None


def _limits(audit: AuditFolder) -> list[Block]:
    general = [
        "An audit tells what stands in a corpus. What a model takes in from it is not in these numbers.",
        "Verbatim rules find words in a row: the same content in other words needs the likeness beside them.",
    ]
    used = set(audit.records["diagnostic"])
    terms = [(each.title, f"does not tell {each.tells_not}.") for each in PANEL if each.name in used]
    return present(Prose(general, points=True), Terms(terms) if terms else None)


def _provenance(audit: AuditFolder) -> list[Block]:
    table = manifest_table(audit.manifest, "Files, hashes, settings and versions")
    return present(table, Prose(["To make it again:"]), Prose([_command(audit)], style="command"))


def _command(audit: AuditFolder) -> str:
    """What a shell needs to make the audit again: as the manifest tells it, or by names."""
    told = audit.manifest.get("command")
    if told:
        return shlex.join(map(str, told)) if isinstance(told, list) else str(told)
    words = ["benchshadow", "audit", *_places(audit, "corpora", audit.corpora)]
    for place in _places(audit, "benchmarks", audit.benchmarks):
        words += ["--benchmark", place]
    words += ["--reference", str(audit.summary["reference"])] if audit.summary.get("reference") else []
    words += ["--seed", str(audit.summary["seed"])] if audit.summary.get("seed") else []
    return shlex.join([*words, "--out", "DIR"])


def _places(audit: AuditFolder, kind: str, names: list[str]) -> list[str]:
    """Paths as the manifest tells them, names where it does not."""
    told = audit.manifest.get(kind)
    paths = [each["path"] for each in told if isinstance(each, dict) and each.get("path")] if told else []
    return [str(path) for path in paths] or names
