"""Manifests that tell when they were altered: sealed by a hash of their content, and compared leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .files import digest

__all__ = ["differing", "seal", "sealed"]

_SEAL = "sha256"


def seal(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with the hash of all its other content."""
    content = {key: value for key, value in manifest.items() if key != _SEAL}
    return {**content, _SEAL: digest(content)}


def sealed(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest is as it was when it was sealed."""
    return manifest == seal(manifest)


def differing(one: Any, other: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every leaf in which two JSON values differ, by its dotted place."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differing(one.get(key), other.get(key), f"{place}.{key}" if place else key)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from differing(a, b, f"{place}.{index}")
    elif one != other or type(one) is not type(other):
        yield place, one, other
