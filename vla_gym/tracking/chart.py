"""Line charts as inline SVG: labelled axes, ticks, a legend, bands for intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

WIDE, NARROW = (900, 320), (440, 240)
"""Sizes to draw at [px]; text is not scaled, so draw at about the size of display."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 16, 14, 46
MAX_DOTS = 40
"""Curves of at most this many points get a dot with its value on each point."""
MAX_POINTS = 300
"""Curves with more points are drawn as means of neighbouring points."""
N_COLOURS = 6
"""The style sheet defines the colours ``--c0`` to ``--c5``."""


@dataclass
class Series:
    """One curve."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = field(default_factory=list)
    """Lower edge of the band; empty for none."""
    high: Sequence[float] = field(default_factory=list)
    """Upper edge of the band."""


def line_chart(
    series: Sequence[Series],
    y_label: str,
    x_label: str = "environment steps",
    y_range: tuple[float, float] | None = None,
    size: tuple[int, int] = WIDE,
) -> str:
    """Draw curves over one pair of axes.

    Args:
        series: The curves; those without points are left out.
        y_label: Label of the vertical axis.
        x_label: Label of the horizontal axis.
        y_range: Limits of the vertical axis; None fits them to the data.
        size: Width and height [px].

    Returns:
        An ``<svg>`` element, or an empty string if there is nothing to draw.
    """
    series = [_thinned(s) for s in series if len(s.x)]
    if not series:
        return ""
    xs = [v for s in series for v in s.x]
    ys = [v for s in series for v in (*s.y, *s.low, *s.high)]
    x_ticks = [v for v in ticks(min(xs), max(xs)) if min(xs) <= v <= max(xs)]
    y_ticks = ticks(*(y_range or (min(ys), max(ys))))
    frame = _Frame(size, (min(xs), max(xs)), y_range or (y_ticks[0], y_ticks[-1]))
    parts = [
        f'<svg viewBox="0 0 {size[0]} {size[1]}" role="img" '
        f'aria-label="{escape(y_label)} over {escape(x_label)}">',
        *_axes(frame, x_ticks, y_ticks, x_label, y_label),
    ]
    for i, s in enumerate(series):
        parts += _curve(frame, s, f"var(--c{i % N_COLOURS})")
    return "".join([*parts, "</svg>"]) + (_legend(series) if len(series) > 1 else "")


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that enclose the range.

    Args:
        low: Lower end.
        high: Upper end.
        about: Approximate number of intervals.
    """
    if high <= low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def label(value: float) -> str:
    """A tick's text: 250k, 1.5M, 0.25, 1e-05."""
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


@dataclass(frozen=True)
class _Frame:
    """Maps values to positions in the drawing [px]."""

    size: tuple[int, int]
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    @property
    def right(self) -> int:
        return self.size[0] - _RIGHT

    @property
    def base(self) -> int:
        return self.size[1] - _BOTTOM

    def x(self, v: float) -> float:
        a, b = self.x_range
        return round(_LEFT + (v - a) / ((b - a) or 1.0) * (self.right - _LEFT), 1)

    def y(self, v: float) -> float:
        a, b = self.y_range
        return round(self.base - (v - a) / ((b - a) or 1.0) * (self.base - _TOP), 1)


def _axes(
    frame: _Frame, x_ticks: list[float], y_ticks: list[float], x_label: str, y_label: str
) -> list[str]:
    right, base = frame.right, frame.base
    parts = []
    for v in y_ticks:
        y = frame.y(v)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
        parts.append(_text(label(v), "tick", f'x="{_LEFT - 8}" y="{y + 4:.1f}"', "end"))
    parts += [_text(label(v), "tick", f'x="{frame.x(v)}" y="{base + 18}"') for v in x_ticks]
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{base}" y2="{base}"/>')
    parts.append(_text(x_label, "name", f'x="{(_LEFT + right) / 2}" y="{frame.size[1] - 8}"'))
    parts.append(
        _text(y_label, "name", f'transform="translate(14 {(_TOP + base) / 2}) rotate(-90)"')
    )
    return parts


def _curve(frame: _Frame, s: Series, colour: str) -> list[str]:
    parts = []
    if s.low:
        rim = [*zip(s.x, s.high, strict=True), *reversed(list(zip(s.x, s.low, strict=True)))]
        outline = " ".join(f"{frame.x(x)},{frame.y(v)}" for x, v in rim)
        parts.append(f'<polygon class="band" points="{outline}" fill="{colour}"/>')
    line = " ".join(f"{frame.x(x)},{frame.y(y)}" for x, y in zip(s.x, s.y, strict=True))
    parts.append(f'<polyline class="curve" points="{line}" stroke="{colour}"/>')
    if len(s.x) <= MAX_DOTS:
        parts += [_dot(frame, s, k, colour) for k in range(len(s.x))]
    return parts


def _dot(frame: _Frame, s: Series, k: int, colour: str) -> str:
    text = f"{s.name} at {s.x[k]:g}: {s.y[k]:.4g}"
    if s.low:
        text += f" [{s.low[k]:.3g}, {s.high[k]:.3g}]"
    return (
        f'<circle cx="{frame.x(s.x[k])}" cy="{frame.y(s.y[k])}" r="3" fill="{colour}">'
        f"<title>{escape(text)}</title></circle>"
    )


def _text(text: str, kind: str, place: str, anchor: str = "middle") -> str:
    return f'<text class="{kind}" {place} text-anchor="{anchor}">{escape(text)}</text>'


def _legend(series: Sequence[Series]) -> str:
    items = (
        f'<span><i style="background:var(--c{i % N_COLOURS})"></i>{escape(s.name)}</span>'
        for i, s in enumerate(series)
    )
    return f'<div class="legend">{"".join(items)}</div>'


def _thinned(s: Series) -> Series:
    if len(s.x) <= MAX_POINTS:
        return s
    size = -(-len(s.x) // MAX_POINTS)

    def means(values: Sequence[float]) -> list[float]:
        chunks = (values[i : i + size] for i in range(0, len(values), size))
        return [sum(c) / len(c) for c in chunks]

    return Series(s.name, means(s.x), means(s.y), means(s.low), means(s.high))
