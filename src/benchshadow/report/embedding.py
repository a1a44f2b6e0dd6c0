"""A page as one file: the template filled, the style, the scripts and the charts inside it, nothing fetched."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchshadow.errors import InputError
from benchshadow.records import replace_whole

from . import libraries
from .elements import Page, Panel
from .look import PAGE, configuration
from .scripts import drawing, kept_folder

__all__ = ["html"]

_TEMPLATES = Path(__file__).parent / "templates"


def html(page: Page) -> str:
    """The page as HTML that needs no network; every text is escaped."""
    jinja = libraries.jinja()
    environment = jinja.Environment(
        loader=jinja.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja.StrictUndefined,
        bytecode_cache=_kept(jinja),
    )
    template = environment.get_template("page.html")
    parts = {name: (_TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")}
    filled = template.render(
        page=page,
        style=parts["page.css"],
        script=parts["page.js"],
        drawing=drawing() if page.figures() else "",
        specification=_specification,
    )
    return filled.strip() + "\n"


def _specification(panel: Panel) -> str:
    """A chart as JSON that no text in it can end early."""
    spec: dict[str, Any] = panel.spec | {"width": "container", "config": configuration(PAGE, legend=False)}
    text = json.dumps(spec, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _kept(jinja: Any) -> Any:
    """Compiled templates, kept between processes: compiling takes as long as filling; where not, they are compiled."""

    class Kept(jinja.BytecodeCache):
        def load_bytecode(self, bucket: Any) -> None:
            with suppress(OSError):
                bucket.bytecode_from_string(self._path(bucket).read_bytes())

        def dump_bytecode(self, bucket: Any) -> None:
            with suppress(OSError, InputError), replace_whole(self._path(bucket)) as partial:
                partial.write_bytes(bucket.bytecode_to_string())

        @staticmethod
        def _path(bucket: Any) -> Path:
            return kept_folder() / f"template-{bucket.key}.bin"

    return Kept()
