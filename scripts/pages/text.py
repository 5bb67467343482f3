"""What the generators share: paths, result files, Markdown."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vla_gym.io import replace_file

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RESULTS, IMAGES = DOCS / "results", DOCS / "images"


def load_json(path: Path) -> dict[str, Any] | None:
    """A result file; None if it has not been measured."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, or a note if there are no rows."""
    if not rows:
        return "Not measured yet."
    lines = ("| " + " | ".join(row) + " |" for row in (head, *rows))
    return "\n".join((next(lines), "|" + "---|" * len(head), *lines))


def filled(text: str, tables: Mapping[str, str]) -> str:
    """A page with each table put between its marks, ``<!-- name -->`` and ``<!-- /name -->``.

    Raises:
        ValueError: If a page lacks the marks of a table.
    """
    for name, content in tables.items():
        start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if text.count(start) != 1 or text.count(end) != 1:
            raise ValueError(f"The page needs the marks {start} and {end}, once each.")
        before, rest = text.split(start)
        text = f"{before}{start}\n{content}\n{end}{rest.split(end)[1]}"
    return text


def pyplot() -> Any:
    """Matplotlib without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt


def save_figure(figure: Any, path: Path, dpi: int = 110) -> Path:
    """Write a Matplotlib figure as PNG, atomically, and close it."""
    replace_file(path, lambda file: figure.savefig(file, format="png", dpi=dpi))
    pyplot().close(figure)
    return path
