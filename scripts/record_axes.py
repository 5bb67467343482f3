"""Keeps what `vla-gym evaluate --novelty each --out FOLDER` measured: docs/results/axes.json.

python scripts/record_axes.py FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TARGET = Path(__file__).parents[1] / "docs" / "results" / "axes.json"


def collect(folder: Path) -> dict[str, dict[str, list[int]]]:
    """Policy -> ways of being new -> successes and episodes."""
    found: dict[str, dict[str, list[int]]] = {}
    for path in sorted(folder.glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        kwargs = data["env_kwargs"]
        name = "+".join(kwargs.get("novelty", ())) or ("swapped" if kwargs.get("swap") else "none")
        found.setdefault(data["policy"], {})[name] = [data["success"]["count"], data["n"]]
    return found


if __name__ == "__main__":
    TARGET.write_text(json.dumps({"axes": collect(Path(sys.argv[1]))}, indent=1) + "\n")
