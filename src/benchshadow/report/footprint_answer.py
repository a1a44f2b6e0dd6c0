"""The answer of a footprint in a few sentences: how large, over how many directions, where, and what it cannot say."""

from __future__ import annotations

import polars as pl

from .elements import Point
from .footprint_folder import FootprintFolder
from .numbers import number

__all__ = ["answer", "level_point"]

_LEVELS = {
    0: ("one pass over the values", "no spectra: ranks begin with level 1, tails and signal with level 2"),
    1: ("Gram products", "no single singular values: tails, entropy ranks and the signal's rank need level 2"),
    2: ("all singular values", "no directions: which of them turned needs level 3"),
    3: ("all singular values and the top directions", ""),
}


def answer(footprint: FootprintFolder) -> str:
    """How much was seen, how large the change is, over how many directions, and whether rounding could make it."""
    own = footprint.coverage
    own = own.filter(pl.col("stored").is_not_null()) if "stored" in own.columns else own
    total = number(int(own["parameters"].sum()))
    said = [f"All {total} parameters are accounted for."]
    if footprint.kind == "adapter":
        said = [f"All {total} parameters of the matrices that the adapter changes are accounted for."]
        said.append("Without the base the size of the change is absolute.")
    if footprint.of == "base":
        return " ".join([*said, *_of_checkpoint(footprint)])
    size, rank, layers = (footprint.value(name) for name in ("relative_change", "stable_rank", "effective_layers"))
    if size is not None:
        said.append(f"In the blocks the change is {number(100 * size['value'])}% of the size of the base.")
    if rank is not None:
        text = f"Its stable rank is {number(rank['value'])} dimensions on average"
        random = rank["null_random"]
        said.append(f"{text}, where a random update would have {number(random)}." if random is not None else f"{text}.")
    if layers is not None and layers["null_random"] is not None:
        said.append(
            f"Its energy is spread over {number(layers['value'])} layers, where an update uniform per parameter would "
            f"be over {number(layers['null_random'])}."
        )
    rounding = footprint.model.filter((pl.col("diagnostic") == "rounding_share") & pl.col("value").is_finite())
    if rounding.height:
        said.append(_rounding(float(rounding["value"].max())))  # type: ignore[arg-type]
    return " ".join(said)


def _of_checkpoint(footprint: FootprintFolder) -> list[str]:
    rank, effective = (footprint.value(name) for name in ("stable_rank", "effective_rank"))
    said = []
    if rank is not None:
        said.append(f"In the blocks the stable rank is {number(rank['value'])} dimensions on average.")
    if effective is not None:
        said.append(f"The effective rank is {number(effective['value'])}.")
    return said


def _rounding(share: float) -> str:
    """In words where rounding explains more than half of the energy of the change."""
    if share > 0.5:
        return (
            f"Not resolved: rounding of the stored numbers explains {number(100 * share)}% of the energy of the change."
        )
    if share < 1e-4:
        return "Rounding of the stored numbers explains less than 0.01% of its energy."
    return f"Rounding of the stored numbers explains {number(100 * share)}% of its energy."


def level_point(footprint: FootprintFolder) -> list[Point]:
    """What the level measured, and what a higher one would add; nothing where no level was recorded."""
    if footprint.level not in _LEVELS:
        return []
    holds, lacks = _LEVELS[footprint.level]
    return [Point(f"Level {footprint.level}", f"{holds}; {lacks}." if lacks else f"{holds}.")]
