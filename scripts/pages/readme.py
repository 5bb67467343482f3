"""The tables of README.md and of the embedded CLIP's model card."""

from __future__ import annotations

from pathlib import Path

from vla_gym.evaluation.statistics import format_rate

from .results import axes_table, load, part, runs_table
from .text import RESULTS, ROOT, filled, load_json, table

PAGE = ROOT / "README.md"
CARD = ROOT / "vla_gym" / "assets" / "clip" / "MODEL_CARD.md"


def marks_table(path: Path) -> str:
    """The questions of the CLIP evaluation and how well it answered them."""
    rows = []
    for mark in (load_json(path) or {"marks": []})["marks"]:
        figure = f"{mark['value']:.1f} mm"
        if mark["share"]:
            figure = format_rate(round(mark["value"] * mark["n"]), mark["n"]).split(", n=")[0]
        missed = " (missed)" if mark["reached"] is False else ""
        rows.append([mark["what"], figure, str(mark["n"]), f"{mark['aim']}{missed}"])
    return table(["asked", "figure", "n", "aim"], rows)


def pages() -> dict[Path, str]:
    """Both pages with their tables."""
    groups = part(load(RESULTS / "learning"), "pickplace-")
    tables = {"results": runs_table(groups), "axes": axes_table(groups)}
    marks = {"marks": marks_table(RESULTS / "clip-exam.json")}
    return {
        PAGE: filled(PAGE.read_text(encoding="utf-8"), tables),
        CARD: filled(CARD.read_text(encoding="utf-8"), marks),
    }
