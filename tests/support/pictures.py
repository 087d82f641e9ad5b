"""Draws a Grafana dashboard as an SVG: its panels where it has them, with what a Prometheus has answered.

Grafana draws more finely; this shows somebody who reads a document what there is to see. Which panels, of which kind
and with which units comes from the dashboard's own JSON:
https://grafana.com/docs/grafana/latest/reference/dashboard-json/
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

COLUMN, ROW, GAP = 50, 30, 4  # pixels of a unit of Grafana's grid, of which 24 are a row
HEADER = 44
INK, FAINT, LINE, PAPER, GROUND = "#24292f", "#6e7781", "#d8dee4", "#ffffff", "#f6f8fa"
COLORS = {"green": "#1a7f37", "red": "#cf222e"}
SERIES = ["#0969da", "#bf8700", "#1a7f37", "#cf222e", "#8250df", "#bf3989", "#57606a", "#0a7b83", "#953800", "#4d2d00"]
# The steps of a scale are these times a power of ten.
STEPS = (1, 2, 2.5, 5, 10)


@dataclass
class Series:
    """A line of a panel: how the legend calls it, and its values by the time in seconds."""

    name: str
    values: list[tuple[float, float]]


def draw(dashboard: dict[str, Any], answers: Callable[[dict[str, Any]], list[Series]]) -> str:
    """Return the picture of a dashboard; ``answers(panel)`` are the series that a panel shows."""
    panels = dashboard["panels"]
    height = HEADER + max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) * ROW + GAP
    width = 24 * COLUMN + GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        rect(0, 0, width, height, GROUND),
        text(14, 29, dashboard["title"], size=18),
    ]
    for panel in panels:
        place = panel["gridPos"]
        left, top = place["x"] * COLUMN + GAP, HEADER + place["y"] * ROW
        wide, high = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
        lines += [
            f'<g transform="translate({left} {top})">',
            rect(0, 0, wide, high, PAPER, LINE),
            text(10, 20, panel["title"], size=13),
            *KINDS[panel["type"]](panel, answers(panel), wide, high),
            "</g>",
        ]
    return "\n".join([*lines, "</svg>", ""])


def stat(panel: dict[str, Any], series: list[Series], width: int, height: int) -> Iterator[str]:
    """Yield the newest value of each series, in the colour that it has."""
    defaults = panel["fieldConfig"]["defaults"]
    share = width / max(len(series), 1)
    for number, one in enumerate(series):
        value = one.values[-1][1]
        shown, color = said(value, defaults), INK
        for mapping in defaults.get("mappings", []):
            known = mapping["options"].get(f"{value:.0f}", {})
            shown, color = known.get("text", shown), COLORS.get(known.get("color"), color)
        for step in defaults.get("thresholds", {}).get("steps", []):
            if step["value"] is None or value >= step["value"]:
                color = COLORS[step["color"]]
        # A version is in a label, and its number says nothing.
        if panel.get("options", {}).get("textMode") == "name":
            shown = one.name
        else:
            yield text(share * (number + 0.5), height - 16, one.name, color=FAINT, anchor="middle")
        yield text(share * (number + 0.5), height - 42, shown, size=24, color=color, anchor="middle")


def timeseries(panel: dict[str, Any], series: list[Series], width: int, height: int) -> Iterator[str]:
    """Yield the axes, the lines, and the legend below them."""
    defaults = panel["fieldConfig"]["defaults"]
    legend = list(rows([one.name for one in series], width - 20))
    left, right, top, bottom = 72, width - 24, 34, height - 30 - 16 * len(legend)
    values = [value for one in series for _, value in one.values]
    moments = [moment for one in series for moment, _ in one.values]
    start, end = min(moments), max(moments)
    ticks = scale(max(values))

    def across(moment: float) -> float:
        return left + (right - left) * (moment - start) / (end - start)

    def up(value: float) -> float:
        return bottom - (bottom - top) * value / ticks[-1]

    for tick in ticks:
        yield f'<path d="M{left} {up(tick):.1f}H{right}" stroke="{LINE}"/>'
        yield text(left - 6, up(tick) + 4, said(tick, defaults), color=FAINT, anchor="end")
    for number in range(5):
        moment = start + (end - start) * number / 4
        label = time.strftime("%H:%M", time.gmtime(moment))
        yield text(across(moment), bottom + 15, label, color=FAINT, anchor="middle")
    for number, one in enumerate(series):
        points = " ".join(f"{across(moment):.1f},{up(value):.1f}" for moment, value in one.values)
        yield f'<polyline points="{points}" fill="none" stroke="{SERIES[number % 10]}" stroke-width="1.5"/>'
    number = 0
    for row, names in enumerate(legend):
        y = bottom + 34 + 16 * row
        for x, name in names:
            yield rect(x, y - 8, 10, 8, SERIES[number % 10])
            yield text(x + 14, y, name, color=FAINT)
            number += 1


KINDS = {"stat": stat, "timeseries": timeseries}


def rect(left: float, top: float, width: float, height: float, fill: str, border: str = "none") -> str:
    """Return a rectangle."""
    return f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="{fill}" stroke="{border}"/>'


def text(left: float, base: float, shown: str, size: int = 11, color: str = INK, anchor: str = "start") -> str:
    """Return a text that begins, ends or has its middle at ``left``."""
    place = f'x="{left:.0f}" y="{base:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(shown)}</text>"


def rows(names: list[str], width: float) -> Iterator[list[tuple[float, str]]]:
    """Yield names with where each begins, so many in a row as there is room for."""
    row: list[tuple[float, str]] = []
    x = 10.0
    for name in names:
        # Roughly: a letter is as wide as half its height.
        needed = 28 + 6.2 * len(name)
        if row and x + needed > width:
            yield row
            row, x = [], 10.0
        row.append((x, name))
        x += needed
    yield row


def scale(most: float) -> list[float]:
    """Return round numbers from 0 to ``most`` or a little more, three to six of them; 0 and 1 where all is 0."""
    if not most:
        return [0, 1]
    least = most / 4
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * factor for factor in STEPS if power * factor >= least * 0.999)
    return [step * number for number in range(math.ceil(most / step - 0.001) + 1)]


def said(value: float, defaults: dict[str, Any]) -> str:
    """Return a value in the unit of a panel, in which Grafana names units."""
    unit = defaults["unit"]
    if unit == "percentunit":
        return f"{100 * value:.4g} %"
    if unit == "s":
        for size, name in ((3600, "h"), (60, "min"), (1, "s")):
            if value >= size:
                return f"{value / size:.3g} {name}"
        return f"{1000 * value:.3g} ms"
    return f"{value:.3g}" + {"none": "", "ops": " ops/s", "reqps": " req/s"}[unit]
