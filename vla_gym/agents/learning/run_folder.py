"""The folder of a run: its name, what is kept in it, what a resumed run goes on from."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from vla_gym.agents.learning.config import TrainConfig
from vla_gym.agents.policies import checkpoint
from vla_gym.errors import InvalidConfigError
from vla_gym.io import replace_text

RUNS = Path("runs")
"""Where runs go that were given no folder."""


def find_resume(config: TrainConfig) -> Path | None:
    """The checkpoint to go on from, if the run is to be resumed.

    Raises:
        CheckpointError: If there is none.
    """
    return None if config.resume is None else checkpoint.resolve(config.resume, "latest")


def prepare(config: TrainConfig, resumed: Path | None) -> Path:
    """Choose and make the run's folder; `config.run_dir` is set to it.

    Args:
        config: The run; changed in place.
        resumed: The checkpoint it goes on from.

    Raises:
        InvalidConfigError: If the folder holds another run.
    """
    if resumed is not None:
        # <run>/checkpoints/step-<n>: the folder may have moved since
        folder = resumed.parent.parent if resumed.parent.name == "checkpoints" else resumed.parent
        _forget_after(folder, checkpoint.read_meta(resumed).get("steps", 0))
    else:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        name = f"{config.env}-{config.agent}-{config.preset}-seed{config.seed}-{stamp}"
        folder = config.run_dir or RUNS / name
        if (folder / "metrics.jsonl").exists():
            raise InvalidConfigError(
                f"{folder} already holds a run. Go on with it by --resume {folder}, or name"
                " another folder by --run-dir."
            )
    folder.mkdir(parents=True, exist_ok=True)
    config.run_dir = folder
    return folder


def prune(folder: Path, keep: int) -> None:
    """Delete all but the latest checkpoints."""
    for _, path in sorted(checkpoint.complete(folder))[:-keep]:
        shutil.rmtree(path)


def _forget_after(folder: Path, step: int) -> None:
    """Drop curve points later than the checkpoint; they will be made again."""
    file = folder / "metrics.jsonl"
    if not file.is_file():
        return
    kept = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError):  # the line that was being written when it was killed
            continue
    replace_text(file, "".join(f"{line}\n" for line in kept))
