"""The folder of a run: its name, its log, what is kept in it, what a resumed run goes on from."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from vla_gym.agents.learning.config import TrainConfig, to_dict
from vla_gym.agents.policies.checkpoint_folder import complete, read_meta, resumable
from vla_gym.errors import InvalidConfigError
from vla_gym.io import replace_text
from vla_gym.tracking.run_logger import RunLogger

RUNS = Path("runs")
"""Where runs go that were given no folder."""


class TrainingRun:
    """Folder and log of a run; a context manager that ends with the report.

    Args:
        config: A resolved configuration.

    Raises:
        CheckpointError: If there is nothing to resume.
        InvalidConfigError: If the folder holds another run.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.resumed = None if config.resume is None else resumable(config.resume)
        self.folder = _prepare(config, self.resumed)
        self.config = replace(config, run_dir=self.folder)
        self.log = RunLogger(self.folder, to_dict(self.config), config.wandb)

    def __enter__(self) -> TrainingRun:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write the report."""
        if (self.folder / "best").is_dir():
            name = f"{self.config.env}-{self.config.agent}"
            self.log.artifact(self.folder / "best", name)
        print(f"report: {self.log.finish()}", flush=True)


def prune(folder: Path, keep: int) -> None:
    """Delete all but the latest checkpoints."""
    for _, path in sorted(complete(folder))[:-keep]:
        shutil.rmtree(path)


def _prepare(config: TrainConfig, resumed: Path | None) -> Path:
    """Choose and make the run's folder."""
    if resumed is not None:
        # <run>/checkpoints/step-<n>: the folder may have moved since
        folder = resumed.parent.parent if resumed.parent.name == "checkpoints" else resumed.parent
        _forget_after(folder, read_meta(resumed).get("steps", 0))
    else:
        stamp = time.strftime("%Y%m%d-%H%M%S")
        name = f"{config.env}-{config.agent}-{config.preset}-seed{config.seed}-{stamp}"
        folder = config.run_dir or RUNS / name
        if (folder / "metrics.jsonl").exists():
            raise InvalidConfigError(
                f"{folder} already holds a run. Resume it with --resume {folder}, or name another "
                "folder with --run-dir."
            )
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _forget_after(folder: Path, step: int) -> None:
    """Drop metrics later than the checkpoint; they will be logged again."""
    file = folder / "metrics.jsonl"
    if not file.is_file():
        return
    kept = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (ValueError, KeyError):  # the line that was being written when the run was killed
            continue
    replace_text(file, "".join(f"{line}\n" for line in kept))
