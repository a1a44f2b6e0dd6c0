"""Matrices by what they do and where: the order of roles on every page, and what the parts of a model are called."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["in_order", "parts"]

_ROLES = (
    *(f"attention.{each}" for each in ("query", "key", "value", "output")),
    *(f"attention.cross.{each}" for each in ("query", "key", "value", "output")),
    *(f"{kind}.{each}" for kind in ("mlp", "expert") for each in ("gate", "up", "down")),
    "router",
)
_OUTSIDE = ("embedding", "projector", "pooler", "head")


def in_order(found: Iterable[str]) -> list[str]:
    """Roles in the order in which a block uses them, unknown ones after, and those outside the blocks last."""
    found = set(found)
    known = [role for role in _ROLES if role in found]
    outside = [role for word in _OUTSIDE for role in sorted(found) if role == word or role.startswith(f"{word}.")]
    return known + sorted(found - {*known, *outside}) + outside


def parts(found: Iterable[tuple[str, str | None]]) -> dict[tuple[str, str | None], str]:
    """What each tower and stack is called: nothing where there is one, a tower's name, "encoder" and "decoder".

    Args:
        found: towers, each with the stack that layers are counted in ("encoder.block"), None outside the blocks.
    """
    stacks: dict[str, set[str]] = {}
    for tower, stack in found:
        stacks.setdefault(tower, set()).update([stack] if stack else [])
    called: dict[tuple[str, str | None], str] = {}
    for tower, within in stacks.items():
        own = [tower] if len(stacks) > 1 else []
        called[tower, None] = " ".join(own)
        # What is read comes before what is written.
        for stack in sorted(within, key=lambda name: ("decoder" in name, name)):
            called[tower, stack] = " ".join(own + ([_own_word(stack, within)] if len(within) > 1 else []))
    return called


def _own_word(stack: str, others: set[str]) -> str:
    """The first word of its name that the names of all stacks do not share."""
    names = [other.split(".") for other in others]
    for i, word in enumerate(stack.split(".")):
        if any(len(name) <= i or name[i] != word for name in names):
            return word
    return stack
