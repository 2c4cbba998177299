"""Curves of a training run as SVG, which notebooks and browsers show: nothing needs to be installed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from os import PathLike
from typing import Any

__all__ = ["Plot", "draw"]

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 360, 220, 56, 28, 24  # of a panel and its margins
_COLORS = ("#1f77b4", "#d62728")  # training, validation


class Plot:
    """A drawing: a notebook shows it, `save` writes it to a file.

    >>> Plot("<svg></svg>")._repr_svg_()
    '<svg></svg>'
    """

    def __init__(self, svg: str) -> None:
        self.svg = svg

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the SVG to `path`."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.svg)


def draw(curves: Mapping[str, Sequence[Any]], names: Sequence[str] = ()) -> Plot:
    """One panel a metric, with its values in training and, dashed, in validation (`val_` before the name).

    `names` are the metrics to show, all unless given; ValueError naming one that is not among `curves`. Values that are
    not finite leave a gap.

    >>> draw({"loss": [3.0, 2.0, 1.5], "val_loss": [3.5, 2.5, 2.4]}).svg.count("<polyline")
    2
    """
    for name in names:
        if name not in curves:
            raise ValueError(f"there is no metric '{name}' to draw; there are {list(curves)}")
    shown = names or [name for name in curves if not (name.startswith("val_") and name[4:] in curves)]
    panels = []
    for k, name in enumerate(shown):
        body = _panel(name, {key: curves[key] for key in (name, f"val_{name}") if key in curves})
        panels.append(f'<g transform="translate({k * _WIDTH},0)">{body}</g>')
    size = f'width="{_WIDTH * len(shown)}" height="{_HEIGHT}"'
    style = 'font-family="sans-serif" font-size="11" fill="#555"'
    return Plot(f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{"".join(panels)}</svg>')


def _panel(title: str, curves: Mapping[str, Sequence[Any]]) -> str:
    values = [float(v) for curve in curves.values() for v in curve if math.isfinite(v)] or [0.0]
    low, high = min(values), max(values)
    epochs = max(len(curve) for curve in curves.values())
    right, base = _WIDTH - 12, _HEIGHT - _BOTTOM
    across, up = (right - _LEFT) / max(epochs - 1, 1), (base - _TOP) / ((high - low) or 1.0)
    frame = f"M{_LEFT},{_TOP}V{base}H{right}"
    parts = [f'<path d="{frame}" fill="none" stroke="#aaa"/><text x="{_LEFT}" y="16">{escape(title)}</text>']
    for level in sorted({low, high}):
        y = base - (level - low) * up
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{level:.4g}</text>')
    for number in sorted({1, epochs}):
        x = _LEFT + (number - 1) * across
        parts.append(f'<text x="{x:.1f}" y="{base + 15}" text-anchor="middle">{number}</text>')
    for (name, curve), color in zip(curves.items(), _COLORS, strict=False):
        look = f'fill="none" stroke="{color}" stroke-width="1.5" stroke-linecap="round"'
        look += ' stroke-dasharray="5 3"' if name != title else ""
        for run in _runs(curve):
            run = run * 2 if len(run) == 1 else run  # a dot
            points = " ".join(f"{_LEFT + k * across:.1f},{base - (v - low) * up:.1f}" for k, v in run)
            parts.append(f'<polyline points="{points}" {look}/>')
    return "".join(parts)


def _runs(curve: Sequence[Any]) -> list[list[tuple[int, float]]]:
    """(epoch, value) of neighbouring finite values."""
    runs: list[list[tuple[int, float]]] = [[]]
    for k, value in enumerate(curve):
        if math.isfinite(value):
            runs[-1].append((k, float(value)))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
