"""The few forms of chart that the pages use, each from rows of plain values to a Vega-Lite specification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .look import Series

__all__ = ["Row", "lines", "scatter", "spectra"]

Row = dict[str, Any]
_FORMAT = ".3~g"
_KINDS = {"Q": "quantitative", "N": "nominal"}
_DASHES = {"dash": [6, 4]}


def scatter(
    rows: Sequence[Row], series: Sequence[Series], x: str, y: str, *, reach: tuple[float, float] | None, says: str
) -> dict[str, Any]:
    """Points with x and y, one per run, about the origin; `reach` draws the A/A range as a box around it."""
    tips = (("arm", "arm", "N"), ("replicate", "replicate", "N"), ("x", x, "Q"), ("y", y, "Q"))
    points = {
        "x": _measured("x", x),
        "y": _measured("y", y),
        "color": _colour(series),
        "shape": _shape(series),
        "tooltip": _tips(*tips),
    }
    layers = [_rule(axis) for axis in ("x", "y")]
    layers.append(_layer("points", _points(90, 0.85), points))
    datasets: dict[str, Any] = {"zero": [{"zero": 0}], "points": list(rows)}
    if reach is not None:
        datasets["reach"] = [{"x": -reach[0], "x2": reach[0], "y": -reach[1], "y2": reach[1]}]
        box = {**{axis: {"field": axis, "type": "quantitative"} for axis in "xy"}, "x2": {"field": "x2"}}
        mark = {"type": "rect", "color": "#8a939c", "opacity": 0.22}
        layers.insert(0, _layer("reach", mark, box | {"y2": {"field": "y2"}}))
    return _whole({"layer": layers}, datasets, 320, says)


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

    With `order` the horizontal axis holds words in that order; `values` are its ticks. A series whose shape is a dash
    is a broken line without points: what the others are read beside.
    """
    horizontal = _horizontal(x, log, x_domain, order, values)
    vertical = _measured("y", y, _scale(y_domain, {"zero": False}))
    tips = _tips(("arm", "arm", "N"), ("note", "of", "N"), ("x", x, "N" if order else "Q"), ("y", y, "Q"))
    beside = [each for each in series if each.shape in _DASHES]
    drawn = [each for each in series if each.shape not in _DASHES]
    both, colour = {"x": horizontal, "y": vertical}, _colour(drawn)
    joined = {"type": "line", "strokeWidth": 1.4, "opacity": 0.75}
    layers = [_layer("points", joined, both | {"color": colour} | ({"detail": _named("note")} if detail else {}))]
    if one_line:
        mean = {"aggregate": "mean", "field": "y", "type": "quantitative", "title": y}
        layers = [_layer("points", {"type": "line", "color": "#8a939c", "strokeWidth": 1.5}, both | {"y": mean})]
    encoding = both | {"color": colour, "shape": _shape(drawn), "tooltip": tips}
    layers.append(_layer("points", _points(42 if detail else 60, 0.9), encoding))
    names = {each.name for each in beside}
    datasets = {each.name: [row for row in rows if row["arm"] == each.name] for each in beside}
    # Drawn last, so that no crowd of points hides what they are read beside.
    layers += [_layer(each.name, _beside(each, len(datasets[each.name])), both | {"tooltip": tips}) for each in beside]
    points = [row for row in rows if row["arm"] not in names]
    return _whole({"layer": layers}, datasets | {"points": points}, height, says)


def spectra(rows: Sequence[Row], choices: Sequence[str], series: Sequence[Series], says: str) -> dict[str, Any]:
    """Singular values by rank, beside the edges of rounding; a menu picks the tensor.

    Args:
        rows: with tensor, what, rank and value.
        choices: the tensors, the first one shown first.
        series: what is drawn: the spectrum first, then the edges, whose shapes are lines or dashes.
        says: the text alternative.
    """
    dashes = {"domain": [each.name for each in series], "range": [_DASHES.get(each.shape, [1, 0]) for each in series]}
    value = {"axis": {"format": ".1~g"}, "scale": {"type": "log"}}
    encoding = {
        "x": _measured("rank", "rank of the direction (log scale)", {"type": "log", "nice": False}),
        "y": _measured("value", "singular value (weight, log scale)") | value,
        "color": _colour(series, "what"),
        "strokeDash": {**_named("what"), "title": None, "scale": dashes},
        "tooltip": _tips(("what", "of", "N"), ("rank", "rank", "Q"), ("value", "singular value", "Q")),
    }
    menu = {"input": "select", "options": list(choices), "name": "Tensor  "}
    picked = {"name": "picked", "select": {"type": "point", "fields": ["tensor"]}, "bind": menu, "value": choices[0]}
    curve = _layer("spectra", {"type": "line", "strokeWidth": 2}, encoding)
    chosen = {"params": [picked], "transform": [{"filter": {"param": "picked"}}]}
    return _whole(curve | chosen, {"spectra": list(rows)}, 320, says)


def _horizontal(
    title: str,
    log: bool,
    domain: tuple[float, float] | None,
    order: Sequence[str] | None,
    values: Sequence[float] | None,
) -> dict[str, Any]:
    if order is not None:
        return {"field": "x", "type": "ordinal", "title": title, "sort": list(order), "axis": {"labelAngle": 0}}
    found = _measured("x", title, _scale(domain, {"type": "log", "nice": False} if log else {"zero": False}))
    return found if values is None else found | {"axis": {"values": list(values), "format": _FORMAT}}


def _beside(series: Series, points: int) -> dict[str, Any]:
    """A broken line; where there is a single point, a stroke through it."""
    look = {"color": series.colour, "strokeWidth": 2.2}
    if points == 1:
        return {"type": "point", "shape": "stroke", "size": 260, **look}
    return {"type": "line", "strokeDash": _DASHES[series.shape], **look}


def _layer(data: str, mark: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"name": data}, "mark": mark, "encoding": encoding}


def _rule(axis: str) -> dict[str, Any]:
    return _layer("zero", {"type": "rule", "strokeOpacity": 0.7}, {axis: {"field": "zero", "type": "quantitative"}})


def _points(size: int, opacity: float) -> dict[str, Any]:
    return {"type": "point", "filled": True, "size": size, "opacity": opacity}


def _scale(domain: tuple[float, float] | None, scale: dict[str, Any]) -> dict[str, Any]:
    return scale | ({"domain": list(domain)} if domain else {})


def _measured(field: str, title: str, scale: dict[str, Any] | None = None) -> dict[str, Any]:
    found = {"field": field, "type": "quantitative", "title": title}
    return found if scale is None else found | {"scale": scale}


def _named(field: str) -> dict[str, Any]:
    return {"field": field, "type": "nominal"}


def _colour(series: Sequence[Series], field: str = "arm") -> dict[str, Any]:
    scale = {"domain": [each.name for each in series], "range": [each.colour for each in series]}
    return {**_named(field), "title": None, "scale": scale}


def _shape(series: Sequence[Series]) -> dict[str, Any]:
    scale = {"domain": [each.name for each in series], "range": [each.shape for each in series]}
    return {**_named("arm"), "title": None, "scale": scale}


def _tips(*fields: tuple[str, str, str]) -> list[dict[str, Any]]:
    return [
        {"field": name, "type": _KINDS[kind], "title": title, **({"format": _FORMAT} if kind == "Q" else {})}
        for name, title, kind in fields
    ]


def _whole(chart: dict[str, Any], datasets: dict[str, Any], height: int, says: str) -> dict[str, Any]:
    return {**chart, "datasets": datasets, "description": says, "height": height}
