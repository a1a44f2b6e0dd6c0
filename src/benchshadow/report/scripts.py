"""The scripts that draw a page's charts, kept between processes: bundling them takes longer than all else of a page."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from benchshadow.errors import InputError
from benchshadow.records import write_text

from . import libraries

__all__ = ["drawing", "kept_folder"]


def kept_folder() -> Path:
    """Where what is costly to make is kept between processes; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "benchshadow"


@lru_cache(maxsize=1)
def drawing() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, safe inside a page.

    Kept in the user's cache folder under the version of the library that bundles them; where that cannot be read or
    written the bundle is made again.
    """
    convert = libraries.vl_convert()
    kept = kept_folder() / f"vega-{convert.__version__}.js"
    with suppress(OSError, UnicodeDecodeError):
        return kept.read_text(encoding="utf-8")
    made = convert.javascript_bundle().replace("</script", "<\\/script").replace("<!--", "<\\!--")
    with suppress(InputError):
        write_text(kept, made)
    return made
