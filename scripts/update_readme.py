"""Writes the tables of README.md and of CLIP's model card from docs/results/*.json.

No number in them is typed by hand.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from vla_gym.evaluation.statistics import format_rate

ROOT = Path(__file__).parents[1]
RESULTS, AXES, MARKS = "results", "axes", "marks"
"""Names of the marks between which tables stand."""
HEAD = (
    "| run | policy | success [95% Wilson interval] | learnt from |",
    "|---|---|---|---|",
)


def table(folder: Path) -> str:
    """The results as a Markdown table, or a sentence that says there are none."""
    rows: list[str] = []
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        if "rows" in data and "minutes" in data:  # a training run, not a benchmark
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


def axes_table(path: Path) -> str:
    """Success of each policy on each way of being new."""
    if not path.is_file():
        return "Not measured yet."
    found = json.loads(path.read_text(encoding="utf-8"))["axes"]
    names = list(dict.fromkeys(axis for row in found.values() for axis in row))
    rows = ["| what is new | " + " | ".join(f"`{p}`" for p in found) + " |",
            "|---|" + "---|" * len(found)]  # fmt: skip
    for axis in names:
        cells = [format_rate(*row[axis]) if axis in row else "" for row in found.values()]
        rows.append(f"| {axis} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


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


def updated(text: str, name: str, content: str) -> str:
    """The text with what stands between two marks replaced."""
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    before, rest = text.split(start)
    return f"{before}{start}\n{content}\n{end}{rest.split(end)[1]}"


def pages() -> dict[Path, str]:
    """Each page with its tables written afresh."""
    results = ROOT / "docs" / "results"
    readme, card = ROOT / "README.md", ROOT / "vla_gym" / "assets" / "clip" / "MODEL_CARD.md"
    text = updated(readme.read_text(encoding="utf-8"), RESULTS, table(results))
    marks = marks_table(results / "clip-exam.json")
    return {
        readme: updated(text, AXES, axes_table(results / "axes.json")),
        card: updated(card.read_text(encoding="utf-8"), MARKS, marks),
    }


if __name__ == "__main__":
    for page, fresh in pages().items():
        if "--check" in sys.argv and fresh != page.read_text(encoding="utf-8"):
            sys.exit(f"{page.name} is out of date: run scripts/update_readme.py.")
        page.write_text(fresh, encoding="utf-8")
