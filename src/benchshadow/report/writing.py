"""The front door: a folder of a study, a footprint or an audit becomes `report.html`, and its charts become figures."""

from __future__ import annotations

from pathlib import Path

from benchshadow.errors import InputError
from benchshadow.records import read_json, replace_whole, write_text

from . import libraries
from .elements import Page
from .embedding import html
from .look import PAPER, configuration

__all__ = ["FORMATS", "figures", "write"]

FORMATS = ("svg", "png", "pdf")


def write(folder: Path) -> Path:
    """Write `report.html` into a folder, whole or not at all; it needs no network to be read.

    Args:
        folder: what `study`, `demo`, `footprint` or `audit` left: records, summary and
            manifests. Weights are never read.

    Returns:
        The path of the page.

    Raises:
        InputError: the folder is not one of these, or a file in it is broken.
        MissingExtra: the libraries of the extra `report` are not installed.
    """
    folder = Path(folder)
    path = folder / "report.html"
    write_text(path, html(_page(folder)))
    return path


def figures(folder: Path, out: Path, format: str = "svg") -> list[Path]:  # noqa: A002 (the word that users know)
    """Draw every chart of a folder's report as a file of its own, for a paper.

    Args:
        folder: as for `write`.
        out: folder of the figures; made where it does not exist.
        format: svg, png or pdf.
    """
    if format not in FORMATS:
        raise InputError("format", f"must be one of {', '.join(FORMATS)} but is {format!r}")
    convert, written = libraries.vl_convert(), []
    draw = getattr(convert, f"vegalite_to_{format}")
    for figure in _page(Path(folder)).figures():
        for index, panel in enumerate(figure.panels, start=1):
            many = len(figure.panels) > 1
            spec = _plain(panel.spec) | {"width": 360, "height": 240, "config": configuration(PAPER, legend=True)}
            if many:
                spec["title"] = panel.title
            path = Path(out) / f"{figure.name}{f'-{index}' if many else ''}.{format}"
            drawn = draw(spec)
            with replace_whole(path) as partial:
                partial.write_bytes(drawn.encode() if isinstance(drawn, str) else drawn)
            written.append(path)
    return written


def _plain(spec: dict) -> dict:
    """A specification without what only a browser can use: a menu becomes its first choice, which the title names."""
    params = [
        {key: value for key, value in param.items() if key != "bind"} if "bind" in param else param
        for param in spec.get("params", [])
    ]
    first = [param["value"] for param in spec.get("params", []) if "bind" in param]
    return spec | ({"params": params} if params else {}) | ({"title": str(first[0])} if first else {})


def _page(folder: Path) -> Page:
    for library in (libraries.jinja, libraries.vl_convert):
        library()
    if not folder.is_dir():
        raise InputError(folder, "no such folder")
    if (folder / "study.json").is_file():
        from .study_page import study_page

        return study_page(folder)
    summary = folder / "summary.json"
    told = read_json(summary) if summary.is_file() else {}
    verb = told.get("verb") if isinstance(told, dict) else None
    if verb == "footprint" or (verb is None and (folder / "coverage.parquet").is_file()):
        from .footprint_page import footprint_page

        return footprint_page(folder)
    if verb == "audit":
        from .audit_page import audit_page

        return audit_page(folder)
    if verb == "study restore":
        from .restore_page import restore_page

        return restore_page(folder)
    raise InputError(
        folder,
        "must hold a study (study.json) or a footprint (summary.json, coverage.parquet) or an audit (summary.json) or "
        "restored runs (summary.json)",
    )
