"""The few forms of chart that the pages use, each from rows of plain values to a Vega-Lite specification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import libraries
from .look import Series

__all__ = ["Row", "lines", "scatter", "spectra"]

Row = dict[str, Any]
_FORMAT = ".3~g"


def scatter(
    rows: Sequence[Row], series: Sequence[Series], x: str, y: str, *, reach: tuple[float, float] | None, says: str
) -> dict[str, Any]:
    """Points with x and y, one per run, about the origin; `reach` draws the A/A range as a box around it."""
    alt = libraries.altair()
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}]))
    rules = [zero.mark_rule(strokeOpacity=0.7).encode(**{axis: "zero:Q"}) for axis in ("x", "y")]
    points = (
        alt.Chart(alt.InlineData(values=list(rows)))
        .mark_point(filled=True, size=90, opacity=0.85)
        .encode(
            x=alt.X("x:Q", title=x),
            y=alt.Y("y:Q", title=y),
            color=_colour(alt, series),
            shape=_shape(alt, series),
            tooltip=_tips(alt, ("arm", "arm", "N"), ("replicate", "replicate", "N"), ("x", x, "Q"), ("y", y, "Q")),
        )
    )
    layers = [*rules, points]
    if reach is not None:
        box = [{"x": -reach[0], "x2": reach[0], "y": -reach[1], "y2": reach[1]}]
        band = alt.Chart(alt.InlineData(values=box)).mark_rect(color="#8a939c", opacity=0.22)
        layers.insert(0, band.encode(x="x:Q", x2="x2:Q", y="y:Q", y2="y2:Q"))
    return _whole(alt.layer(*layers), 320, says)


def lines(
    rows: Sequence[Row],
    series: Sequence[Series],
    x: str,
    y: str,
    *,
    says: str,
    log: bool = False,
    detail: bool = False,
    height: int = 300,
    x_domain: tuple[float, float] | None = None,
    y_domain: tuple[float, float] | None = None,
    one_line: bool = False,
    order: Sequence[str] | None = None,
    values: Sequence[float] | None = None,
) -> dict[str, Any]:
    """A line with points per arm, or per run where `detail`; `one_line` joins all arms by their mean instead.

    With `order` the horizontal axis holds words in that order; `values` are its ticks.
    """
    alt = libraries.altair()
    x_scale: dict[str, Any] = {"type": "log", "nice": False} if log else {"zero": False}
    y_scale: dict[str, Any] = {"zero": False}
    if x_domain:
        x_scale["domain"] = list(x_domain)
    if y_domain:
        y_scale["domain"] = list(y_domain)
    horizontal = alt.X("x:Q", title=x, scale=alt.Scale(**x_scale), axis=_ticks(alt, values))
    if order is not None:
        horizontal = alt.X("x:O", title=x, sort=list(order), axis=alt.Axis(labelAngle=0))
    vertical = alt.Y("y:Q", title=y, scale=alt.Scale(**y_scale))
    base = alt.Chart(alt.InlineData(values=list(rows)))
    tips = _tips(alt, ("arm", "arm", "N"), ("note", "of", "N"), ("x", x, "N" if order else "Q"), ("y", y, "Q"))
    colour = _colour(alt, series)
    if one_line:
        joined = base.mark_line(color="#8a939c", strokeWidth=1.5).encode(x=horizontal, y=alt.Y("mean(y):Q", title=y))
    else:
        joined = base.mark_line(strokeWidth=1.4, opacity=0.75).encode(x=horizontal, y=vertical, color=colour)
        joined = joined.encode(detail="note:N") if detail else joined
    points = base.mark_point(filled=True, size=42 if detail else 60, opacity=0.9).encode(
        x=horizontal, y=vertical, color=colour, shape=_shape(alt, series), tooltip=tips
    )
    return _whole(alt.layer(joined, points), height, says)


def spectra(rows: Sequence[Row], choices: Sequence[str], series: Sequence[Series], says: str) -> dict[str, Any]:
    """Singular values by rank, beside the edges of rounding; a menu picks the tensor.

    Args:
        rows: with tensor, what, rank and value.
        choices: the tensors, the first one shown first.
        series: what is drawn: the spectrum first, then the edges, whose shapes are lines or dashes.
        says: the text alternative.
    """
    alt = libraries.altair()
    menu = alt.binding_select(options=list(choices), name="Tensor  ")
    picked = alt.selection_point(name="picked", fields=["tensor"], bind=menu, value=choices[0])
    base = alt.Chart(alt.InlineData(values=list(rows))).transform_filter(picked)
    tips = _tips(alt, ("what", "of", "N"), ("rank", "rank", "Q"), ("value", "singular value", "Q"))
    names = [each.name for each in series]
    hues = alt.Scale(domain=names, range=[each.colour for each in series])
    dashes = alt.Scale(domain=names, range=[[1, 0] if each.shape == "line" else [6, 4] for each in series])
    colour = alt.Color("what:N", title=None, scale=hues)
    dash = alt.StrokeDash("what:N", title=None, scale=dashes)
    x = alt.X("rank:Q", title="rank of the direction (log scale)", scale=alt.Scale(type="log", nice=False))
    axis = alt.Axis(format=".1~g")
    y = alt.Y("value:Q", title="singular value (weight, log scale)", scale=alt.Scale(type="log"), axis=axis)
    curve = base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour, strokeDash=dash, tooltip=tips)
    return _whole(curve.add_params(picked), 320, says)


def _ticks(alt: Any, values: Sequence[float] | None) -> Any:
    return alt.Axis() if values is None else alt.Axis(values=list(values), format=_FORMAT)


def _colour(alt: Any, series: Sequence[Series]) -> Any:
    scale = alt.Scale(domain=[each.name for each in series], range=[each.colour for each in series])
    return alt.Color("arm:N", title=None, scale=scale)


def _shape(alt: Any, series: Sequence[Series]) -> Any:
    scale = alt.Scale(domain=[each.name for each in series], range=[each.shape for each in series])
    return alt.Shape("arm:N", title=None, scale=scale)


def _tips(alt: Any, *fields: tuple[str, str, str]) -> list[Any]:
    return [
        alt.Tooltip(f"{name}:{kind}", title=title, **({"format": _FORMAT} if kind == "Q" else {}))
        for name, title, kind in fields
    ]


def _whole(chart: Any, height: int, says: str) -> dict[str, Any]:
    """The specification; its address of a schema is dropped, since nothing is to be fetched."""
    # Its parts were held to the schema as they were made; a second time would take a third of a page.
    spec = chart.properties(height=height, description=says).to_dict(validate=False)
    spec.pop("$schema", None)
    spec.pop("config", None)
    return spec
