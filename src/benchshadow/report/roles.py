"""The roles of matrices in the order in which every page lists them."""

from __future__ import annotations

__all__ = ["in_order"]

_ROLES = ("attention.query", "attention.key", "attention.value", "attention.output", "mlp.gate", "mlp.up", "mlp.down")


def in_order(found: list[str]) -> list[str]:
    """Roles in the order in which a block uses them, unknown ones after."""
    known = [role for role in _ROLES if role in found]
    return known + sorted(role for role in found if role not in known)
