"""Writes the results table of README.md from docs/results/*.json; no number is typed by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from vla_gym.evaluation.statistics import format_rate

ROOT = Path(__file__).parents[1]
START, END = "<!-- results: start -->", "<!-- results: end -->"


def table(folder: Path) -> str:
    """The results as a Markdown table, or a sentence that says there are none."""
    rows = []
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        rate = format_rate(data["success"]["count"], data["n"])
        seeds = f"{data['seeds']['first']} to {data['seeds']['last']}"
        cells = (data["env_id"], data["policy"], data["split"], seeds, rate)
        rows.append("| " + " | ".join(cells) + " |")
    if not rows:
        return "No results have been recorded yet."
    head = "| environment | policy | split | seeds | success [95% Wilson interval] |"
    return "\n".join([head, "|---|---|---|---|---|", *rows])


def updated(text: str, results: str) -> str:
    """The text with what stands between the marks replaced."""
    before, rest = text.split(START)
    return f"{before}{START}\n{results}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    fresh = updated(text, table(ROOT / "docs" / "results"))
    if "--check" in sys.argv and fresh != text:
        sys.exit("README.md is out of date: run scripts/update_readme.py.")
    readme.write_text(fresh, encoding="utf-8")
