"""Writes `report.html` of a run folder: one self-contained file for any browser, offline too."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from vla_gym.evaluation.statistics import wilson
from vla_gym.io import replace_text
from vla_gym.tracking import markup
from vla_gym.tracking.chart import NARROW, Series, line_chart

MAX_EMBEDDED_BYTES = 48_000_000
"""Total size of embedded videos; further videos are only named."""
MAX_EPISODES = 500
"""Rows of a table of episodes; the JSON file has all of them."""


@dataclass
class RunData:
    """The contents of a run folder."""

    folder: Path
    config: dict[str, Any] = field(default_factory=dict)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    evaluations: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    videos: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def read(cls, folder: str | Path) -> RunData:
        """Read what is there; a crashed run lacks files and may end in an incomplete line."""
        folder = Path(folder)
        run = cls(folder)
        run.config = _read_json(folder / "config.json") or {}
        lines = folder / "metrics.jsonl"
        if lines.is_file():
            for line in lines.read_text(encoding="utf-8").splitlines():
                try:
                    run.metrics.append(json.loads(line))
                except json.JSONDecodeError:
                    continue
        for name, into in (
            ("evaluations", run.evaluations),
            ("tables", run.tables),
            ("videos", run.videos),
        ):
            found = (_read_json(p) for p in sorted((folder / name).glob("*.json")))
            into += sorted((d for d in found if d), key=lambda d: d.get("step", 0))
        return run

    def names(self) -> list[str]:
        """Names of the metrics, in order of appearance."""
        fixed = {"step", "time_s"}
        return [k for k in dict.fromkeys(k for row in self.metrics for k in row) if k not in fixed]

    def series(self, name: str) -> Series:
        """One metric as a curve, with its interval if it was logged or can be computed."""
        rows = [r for r in self.metrics if r.get(name) is not None]
        rows.sort(key=lambda r: r["step"])
        curve = Series(name, [r["step"] for r in rows], [r[name] for r in rows])
        low, high, n = f"{name}_low", f"{name}_high", f"{name}_n"
        if rows and all(r.get(low) is not None and r.get(high) is not None for r in rows):
            curve.low, curve.high = [r[low] for r in rows], [r[high] for r in rows]
        elif rows and all(r.get(n) for r in rows):
            bounds = [wilson(round(r[name] * r[n]), int(r[n])) for r in rows]
            curve.low, curve.high = [b.low for b in bounds], [b.high for b in bounds]
        return curve


def write_report(run_dir: str | Path) -> Path:
    """Write the report from the files of a run folder.

    Args:
        run_dir: The folder that a `RunLogger` wrote.

    Returns:
        ``report.html`` in that folder.
    """
    run = RunData.read(run_dir)
    sections = [
        _head(run),
        _evaluations(run),
        _curves(run),
        _videos(run),
        _episodes(run),
        _tables(run),
        _config(run),
        _notes(),
    ]
    path = run.folder / "report.html"
    replace_text(path, markup.page(f"Run {run.folder.name}", "\n".join(sections)))
    return path


def _head(run: RunData) -> str:
    facts = []
    if run.metrics:
        steps, seconds = (max(r.get(k, 0) for r in run.metrics) for k in ("step", "time_s"))
        facts.append(f"{steps:,} environment steps")
        facts.append(f"{markup.duration(seconds)} of wall time")
    for key in ("preset", "env_id", "seed"):
        if key in run.config:
            facts.append(f"{key} {run.config[key]}")
    line = " · ".join(escape(str(f)) for f in facts) or "Nothing was logged."
    return f'<h1>{escape(run.folder.name)}</h1><p class="soft">{line}</p>'


def _evaluations(run: RunData) -> str:
    if not run.evaluations:
        return "<h2>Success</h2><p>This run has no evaluation.</p>"
    latest = _latest(run.evaluations)
    rows = []
    for e in latest:
        s, wrong, seeds = e["success"], e["wrong_object"], e["seeds"]
        rows.append(
            [
                escape(e["name"]),
                escape(e["policy"]),
                escape(e["split"]),
                markup.num(f"{e['step']:,}"),
                markup.num(str(e["n"])),
                markup.num(f"{seeds['first']} to {seeds['last']}"),
                markup.num(f"<b>{s['rate']:.2f}</b> [{s['low']:.2f}, {s['high']:.2f}]"),
                markup.interval_bar(s["rate"], s["low"], s["high"]),
                markup.num(f"{wrong['rate']:.2f}"),
            ]
        )
    head = ["evaluation", "policy", "split", "#step", "#n", "#seeds", "#success [95%]", "",
            "#wrong object"]  # fmt: skip
    return "<h2>Success</h2>" + markup.table(head, rows)


def _curves(run: RunData) -> str:
    names = [n for n in run.names() if not n.endswith(("_low", "_high", "_n"))]
    success = [n for n in names if n.rsplit("/", 1)[-1] in ("success", "success_rate")]
    losses = [n for n in names if "loss" in n.rsplit("/", 1)[-1]]
    others = [n for n in names if n not in success and n not in losses]
    out = ""
    # a single measurement is no curve; the table above has it
    curves = [s for s in map(run.series, success) if len(set(s.x)) > 1]
    chart = line_chart(curves, "success rate", y_range=(0.0, 1.0))
    if chart:
        note = "Bands are 95% Wilson intervals; curves without a band were logged without a count."
        out += f'<h2>Success during training</h2><div class="card">{chart}</div>'
        out += f'<p class="note">{note}</p>'
    if losses:
        out += f"<h2>Losses</h2>{_small_charts(run, losses)}"
    if others:
        out += f"<details><summary>Other curves</summary>{_small_charts(run, others)}</details>"
    return out


def _small_charts(run: RunData, names: Iterable[str]) -> str:
    cards = []
    for name in names:
        chart = line_chart([run.series(name)], name.rsplit("/", 1)[-1], size=NARROW)
        if chart:
            cards.append(f'<div class="card"><h3>{escape(name)}</h3>{chart}</div>')
    return f'<div class="grid2">{"".join(cards)}</div>'


def _videos(run: RunData) -> str:
    figures, size = [], 0
    for video in reversed(run.videos):
        path = run.folder / "videos" / video["file"]
        if not path.is_file():
            continue
        size += path.stat().st_size
        text = f"{video['name']}, step {video['step']:,}"
        if video.get("caption"):
            text += f": {video['caption']}"
        if size > MAX_EMBEDDED_BYTES:
            figures.append(f"<p class='note'>videos/{escape(path.name)} ({escape(text)})</p>")
            continue
        data = base64.b64encode(path.read_bytes()).decode()
        figures.append(
            f"<figure class='card'>{markup.video(path.suffix, data)}"
            f"<figcaption>{escape(text)}</figcaption></figure>"
        )
    return f'<h2>Videos</h2><div class="grid3">{"".join(figures)}</div>' if figures else ""


def _episodes(run: RunData) -> str:
    out = ""
    latest = _latest(run.evaluations)
    for e in latest:
        episodes = e.get("episodes", [])
        names = list(e.get("stages", {}))
        rows = [
            [
                markup.num(str(r["seed"])),
                escape(r["instruction"]),
                markup.outcome(r["success"]),
                markup.num(str(r["steps"])),
                escape(names[r["stage"] - 1] if 0 < r["stage"] <= len(names) else "none"),
                "yes" if r["wrong_object"] else "",
            ]
            for r in episodes[:MAX_EPISODES]
        ]
        cut = f" (the first {MAX_EPISODES} of {len(episodes)})" if len(rows) < len(episodes) else ""
        head = ["#seed", "instruction", "outcome", "#steps", "last stage reached", "wrong object"]
        title = f"Episodes: {e['name']}, {e['policy']}, {e['split']}, step {e['step']:,}{cut}"
        out += f"<details{' open' if e is latest[-1] else ''}><summary>{escape(title)}</summary>"
        out += f"{markup.table(head, rows)}</details>"
    return out


def _tables(run: RunData) -> str:
    out = ""
    for t in _latest(run.tables):
        columns = list(dict.fromkeys(k for row in t["rows"] for k in row))
        rows = [[markup.cell(row.get(c)) for c in columns] for row in t["rows"]]
        numbers = [
            all(cell.startswith("<td") for cell in column) for column in zip(*rows, strict=True)
        ]
        head = [f"#{c}" if n else c for c, n in zip(columns, numbers, strict=True)]
        out += f"<h2>{escape(t['name'])}</h2>" + markup.table(head, rows)
    return out


def _config(run: RunData) -> str:
    rows = [[f"<code>{escape(k)}</code>", markup.cell(v)] for k, v in _flat(run.config)]
    body = markup.table(["setting", "value"], rows)
    return f"<details><summary>Configuration</summary>{body}</details>" if rows else ""


def _notes() -> str:
    return (
        '<p class="note">Success: the goal held at some step of the episode. Each episode has its '
        "own seed; a seed and a split determine the scene and the instruction. Choose settings and "
        "checkpoints on validation seeds, and report a policy's success on test seeds, on which "
        "nothing was chosen.</p>"
    )


def _latest(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The latest of each name, policy and split, in order of first appearance."""
    by_key: dict[tuple, dict[str, Any]] = {}
    for item in items:
        by_key[item.get("name"), item.get("policy"), item.get("split")] = item
    return list(by_key.values())


def _flat(config: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    out: list[tuple[str, Any]] = []
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            out += _flat(value, f"{prefix}{key}.")
        else:
            out.append((f"{prefix}{key}", value))
    return out


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
