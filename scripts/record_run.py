"""Keeps what a finished run measured: docs/results/NAME.json, NAME.csv, and the picture of curves.

python scripts/record_run.py runs/<run> ppo-default
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = Path(__file__).parents[1]
RESULTS, CURVES = ROOT / "docs" / "results", ROOT / "docs" / "images" / "curves.png"
COLUMNS = ("step", "time_s", "validation/success", "validation/success_low",
           "validation/success_high", "rollout/success_rate")  # fmt: skip


def keep(run: Path, name: str) -> None:
    """Copy a run's figures, without its private paths."""
    result = json.loads((run / "results.json").read_text(encoding="utf-8"))
    for private in ("run_dir", "resume", "wandb"):
        result["config"].pop(private, None)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    with (RESULTS / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        for line in lines:
            point = json.loads(line)
            if any(column in point for column in COLUMNS[2:]):
                table.writerow({k: round(v, 5) for k, v in point.items() if k in COLUMNS})


def draw() -> None:
    """All kept curves in one picture: validation with its interval, training as a thin line."""
    fig, ax = plt.subplots(figsize=(7, 3.6))
    for i, path in enumerate(sorted(RESULTS.glob("*.csv"))):
        with path.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        colour = f"C{i}"
        seen = [r for r in rows if r["validation/success"]]
        x = [float(r["step"]) / 1e3 for r in seen]
        low, high = ([float(r[f"validation/success_{k}"]) for r in seen] for k in ("low", "high"))
        ax.plot(x, [float(r["validation/success"]) for r in seen], color=colour, label=path.stem)
        ax.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        told = [r for r in rows if r["rollout/success_rate"]]
        ax.plot([float(r["step"]) / 1e3 for r in told],
                [float(r["rollout/success_rate"]) for r in told],
                color=colour, linewidth=0.6, linestyle=":")  # fmt: skip
    ax.set_xlabel("environment steps [thousand]")
    ax.set_ylabel("success")
    ax.set_ylim(0, 1)
    ax.grid(alpha=0.3)
    ax.legend(loc="lower right", frameon=False,
              title="validation; dotted: while exploring")  # fmt: skip
    fig.tight_layout()
    fig.savefig(CURVES, dpi=110)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        keep(Path(sys.argv[1]), sys.argv[2])
    draw()
