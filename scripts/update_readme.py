"""Writes the results table of README.md from docs/results/*.json; no number is typed by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from vla_gym.evaluation.statistics import format_rate

ROOT = Path(__file__).parents[1]
START, END = "<!-- results: start -->", "<!-- results: end -->"
HEAD = (
    "| run | policy | success [95% Wilson interval] | learnt from |",
    "|---|---|---|---|",
)


def table(folder: Path) -> str:
    """The results as a Markdown table, or a sentence that says there are none."""
    rows: list[str] = []
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        if "rows" in data:
            rows += _run(path.stem, data)
        elif "success" in data:
            rows.append(_evaluation(path.stem, data))
    return "\n".join([*HEAD, *rows]) if rows else "No results have been recorded yet."


def _run(name: str, data: dict[str, Any]) -> list[str]:
    """A training run's rows: the trained policy, and what it is to be compared with."""
    config = data["config"]
    cost = f"{config['demos']} demonstrations, {data['steps']:,} steps, {data['minutes']:.0f} min"
    rows = []
    for row in data["rows"]:
        rate = format_rate(round(row["success"] * row["episodes"]), row["episodes"])
        told = cost if row["policy"] == "trained" else ""
        rows.append(f"| `{name}` | {row['policy']} | {rate} | {told} |")
    return rows


def _evaluation(name: str, data: dict[str, Any]) -> str:
    rate = format_rate(data["success"]["count"], data["n"])
    return f"| `{name}` | {data['policy']} | {rate} | |"


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
