"""Writes the tables of README.md and of CLIP's model card from docs/results.

No number in them is typed by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from make_results_docs import axes_table, load, part, runs_table, updated

from vla_gym.evaluation.statistics import format_rate

ROOT = Path(__file__).parents[1]
RESULTS, AXES, MARKS = "results", "axes", "marks"
"""Names of the marks between which tables stand."""


def marks_table(path: Path) -> str:
    """What CLIP was asked and how well it answered."""
    if not path.is_file():
        return "Not measured yet."
    rows = ["| asked | figure | n | aim |", "|---|---|---|---|"]
    for mark in json.loads(path.read_text(encoding="utf-8"))["marks"]:
        figure = f"{mark['value']:.1f} mm"
        if mark["share"]:
            figure = format_rate(round(mark["value"] * mark["n"]), mark["n"]).split(", n=")[0]
        missed = " (missed)" if mark["reached"] is False else ""
        rows.append(f"| {mark['what']} | {figure} | {mark['n']} | {mark['aim']}{missed} |")
    return "\n".join(rows)


def pages() -> dict[Path, str]:
    """Each page with its tables written afresh."""
    results = ROOT / "docs" / "results"
    readme, card = ROOT / "README.md", ROOT / "vla_gym" / "assets" / "clip" / "MODEL_CARD.md"
    learnt = part(load(results / "learning"), "pickplace-")
    text = updated(readme.read_text(encoding="utf-8"), RESULTS, "\n".join(runs_table(learnt)))
    marks = marks_table(results / "clip-exam.json")
    return {
        readme: updated(text, AXES, "\n".join(axes_table(learnt))),
        card: updated(card.read_text(encoding="utf-8"), MARKS, marks),
    }


if __name__ == "__main__":
    for page, fresh in pages().items():
        if "--check" in sys.argv and fresh != page.read_text(encoding="utf-8"):
            sys.exit(f"{page.name} is out of date: run scripts/update_readme.py.")
        page.write_text(fresh, encoding="utf-8")
