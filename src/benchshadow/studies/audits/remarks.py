"""What a reader of an audit must know before its numbers: what was refused, and what an AUROC near 1 rests on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .numbers import NEAR_ONE, Row

__all__ = ["format_remarks", "reading_remarks", "refusal"]


def reading_remarks(
    corpora: list[dict[str, Any]], benchmarks: list[dict[str, Any]], repeated: list[dict[str, str]], *, reference: bool
) -> Iterator[str]:
    """What was refused, empty or repeated, and whether soft overlap could be measured."""
    for each in corpora:
        if each["refused"]:
            said = f"rows or files that were refused: {each['refused']}, the first {each['first_refused']}"
            yield f"{each['name']}: {said}."
        if each["empty"]:
            yield f"{each['name']}: rows that are empty and were passed over: {each['empty']}."
    for each in benchmarks:
        if each["refused"]:
            yield f"{each['name']}: rows that are no items and were refused: {each['refused']}."
    if repeated:
        first = repeated[0]
        said = f"the first {first['benchmark']} {first['item']}; summary.json lists them as repeated_items"
        yield f"{len(repeated)} items of the benchmarks repeat an earlier item, {said}."
    if not reference:
        yield "Soft overlap needs a reference corpus that cannot hold the items, and none was named."


def refusal(folder: object, count: int, listed: Sequence[Mapping[str, Any]]) -> str:
    """What was refused of some work, with the place of the first; empty where nothing was."""
    if not count:
        return ""
    first = listed[0]
    place = f"{first['where']}{':' + str(first['line']) if first['line'] else ''}: {first['reason']}"
    return f"{folder}: every row and file must be read but {count} were refused, the first {place}"


def format_remarks(rows: Iterable[Row]) -> Iterator[str]:
    """What an AUROC near 1 rests on, as it was measured by one fixed word and without any."""
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for each in rows:
        if each["diagnostic"].startswith("auroc") and each.get("benchmark"):
            found.setdefault((each["arm"], each["benchmark"]), {})[each["diagnostic"]] = each
    for (corpus, benchmark), mine in found.items():
        if "auroc_without_format" in mine:
            area, one, rest = (mine[name] for name in ("auroc", "auroc_of_one_word", "auroc_without_format"))
            about = f"{corpus} is told from {benchmark} with an AUROC of {area['value']:.3f}"
            yield f"{about}, {_because(one['value'], rest)} ({one['method']})."


def _because(one: float, rest: Row) -> str:
    without = "nothing is left" if rest["value"] is None else f"it is {rest['value']:.3f}"
    if rest["value"] is None or rest["value"] < NEAR_ONE:
        return f"which rests on the format: without its fixed words {without}"
    if one >= NEAR_ONE:
        said = f"for which one fixed word is enough ({one:.3f} by it alone)"
        return f"{said}, though without such words {without}: compare the same fields on both sides"
    return f"which rests on no fixed word: the best of them gives {one:.3f} alone, and without them {without}"
