"""The tables of README.md and of the embedded CLIP's model card."""

from __future__ import annotations

from pathlib import Path

from vla_gym.evaluation.statistics import format_rate

from .results import axes_table, load, part, runs_table
from .text import RESULTS, ROOT, filled, load_json, table

PAGE = ROOT / "README.md"
CARD = ROOT / "vla_gym" / "assets" / "clip" / "MODEL_CARD.md"


def clip_table(path: Path) -> str:
    """The metrics of the CLIP evaluation and their targets."""
    rows = []
    for metric in (load_json(path) or {"marks": []})["marks"]:
        figure = f"{metric['value']:.1f} mm"
        if metric["share"]:
            figure = format_rate(round(metric["value"] * metric["n"]), metric["n"]).split(", n=")[0]
        missed = " (missed)" if metric["reached"] is False else ""
        rows.append([metric["what"], figure, str(metric["n"]), f"{metric['aim']}{missed}"])
    return table(["metric", "value", "n", "target"], rows)


def pages() -> dict[Path, str]:
    """Both pages with their tables."""
    groups = part(load(RESULTS / "learning"), "pickplace-")
    tables = {"results": runs_table(groups), "axes": axes_table(groups)}
    metrics = {"metrics": clip_table(RESULTS / "clip-exam.json")}
    return {
        PAGE: filled(PAGE.read_text(encoding="utf-8"), tables),
        CARD: filled(CARD.read_text(encoding="utf-8"), metrics),
    }
