"""HTML elements of the report: the page, tables, cells, videos."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import Any

_MIME = {".mp4": "video/mp4", ".webm": "video/webm", ".gif": "image/gif", ".webp": "image/webp"}


def page(title: str, body: str) -> str:
    """A complete page with its style sheet."""
    style = resources.files("vla_gym.tracking").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>{body}</body></html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table.

    Args:
        head: Column titles; a leading ``#`` marks a column of numbers.
        rows: Cells as HTML; cells made by `num` contain their ``<td>``.
    """
    titles = "".join(
        f'<th class="num">{escape(h[1:])}</th>' if h.startswith("#") else f"<th>{escape(h)}</th>"
        for h in head
    )
    body = "".join(
        "<tr>" + "".join(c if c.startswith("<td") else f"<td>{c}</td>" for c in row) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def num(text: str) -> str:
    """A right-aligned cell."""
    return f'<td class="num">{text}</td>'


def cell(value: Any) -> str:
    """Any value as a cell."""
    if isinstance(value, bool):
        return outcome(value, "yes", "no")
    if isinstance(value, float):
        return num(f"{value:.4g}")
    if isinstance(value, int):
        return num(f"{value:,}")
    if isinstance(value, (list, tuple)):
        return escape(", ".join(map(str, value)))
    return escape("" if value is None else str(value))


def outcome(good: bool, yes: str = "success", no: str = "failure") -> str:
    """Text coloured as good or bad."""
    return f'<span class="{"yes" if good else "no"}">{yes if good else no}</span>'


def interval_bar(rate: float, low: float, high: float) -> str:
    """A proportion and its interval on a scale from 0 to 1, as a cell."""
    x, a, b = (4 + 140 * v for v in (rate, low, high))
    return (
        '<td class="range"><svg viewBox="0 0 148 16" role="img" '
        f'aria-label="{low:.2f} to {high:.2f}">'
        '<line class="grid" x1="4" x2="144" y1="8" y2="8"/>'
        '<line class="grid" x1="4" x2="4" y1="3" y2="13"/>'
        '<line class="grid" x1="144" x2="144" y1="3" y2="13"/>'
        f'<line x1="{a:.1f}" x2="{b:.1f}" y1="8" y2="8" stroke="var(--c0)" stroke-width="4" '
        f'stroke-opacity=".45" stroke-linecap="round"/>'
        f'<circle cx="{x:.1f}" cy="8" r="4" fill="var(--c0)"/></svg></td>'
    )


def video(suffix: str, data: str) -> str:
    """A video or an animated image, embedded as base64."""
    source = f"data:{_MIME.get(suffix, 'application/octet-stream')};base64,{data}"
    if suffix in (".gif", ".webp"):
        return f'<img alt="" src="{source}">'
    return f'<video controls autoplay loop muted playsinline src="{source}"></video>'


def duration(seconds: float) -> str:
    """A duration as text: 45 s, 12 min, 1 h 05 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
