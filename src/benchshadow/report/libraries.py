"""The libraries of the extra `report`, loaded only when a page is made, and the sentence where they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from benchshadow.errors import MissingExtra

__all__ = ["jinja", "vl_convert"]


def jinja() -> Any:
    """The library that fills templates."""
    return _load("jinja2")


def vl_convert() -> Any:
    """The library that holds the scripts that draw charts, and draws them without a browser."""
    return _load("vl_convert")


def _load(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError:
        raise MissingExtra("report.html", "report") from None
