"""`RunLogger`: writes metrics, videos, tables and files of a run to its folder and to W&B."""

from __future__ import annotations

import json
import math
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.evaluation.statistics import success_metrics
from vla_gym.io import to_plain, write_json
from vla_gym.tracking.report import write_report
from vla_gym.tracking.video import captioned, enlarged, write_video
from vla_gym.tracking.wandb_sink import WANDB_MODES, WandbMode, WandbSink

if TYPE_CHECKING:
    from vla_gym.evaluation.records import EvalResult


class RunLogger:
    """Writes the metrics, videos, tables and files of a run.

    The run folder has everything: ``config.json``, ``metrics.jsonl`` (one line per call of `log`),
    ``videos/``, ``tables/``, ``evaluations/``, ``artifacts/``. Weights & Biases gets
    the same data; if it fails, the run goes on.

    Args:
        run_dir: The run's folder; created if missing.
        config: Configuration of the run, for example a dataclass.
        wandb_mode: ``"auto"`` (online if logged in and reachable, else offline), ``"online"``,
            ``"offline"`` or ``"disabled"``.
        project: W&B project.
        name: Name of the run; the folder's name if empty.

    Raises:
        UnknownNameError: If the mode is unknown.
    """

    def __init__(
        self,
        run_dir: str | Path,
        config: Any = None,
        wandb_mode: WandbMode = "auto",
        project: str = "vla-gym",
        name: str = "",
    ) -> None:
        if wandb_mode not in WANDB_MODES:
            raise UnknownNameError("wandb mode", wandb_mode, WANDB_MODES)
        self.run_dir = Path(run_dir)
        self.run_dir.mkdir(parents=True, exist_ok=True)
        self.config: dict[str, Any] = to_plain(config if config is not None else {})
        write_json(self.run_dir / "config.json", self.config)
        self._start_s = time.monotonic()
        self.wandb = WandbSink(
            self.run_dir, self.config, wandb_mode, project, name or self.run_dir.name
        )

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Write metrics.

        Args:
            metrics: Name -> number; the part of a name before the slash is its group. Numbers
                that are not finite are stored as null.
            step: Environment steps so far.
        """
        plain = {key: _number(key, value) for key, value in metrics.items()}
        elapsed = round(time.monotonic() - self._start_s, 3)
        line = json.dumps({"step": int(step), "time_s": elapsed, **plain})
        with (self.run_dir / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self.wandb.log({k: v for k, v in plain.items() if v is not None}, int(step))

    def video(
        self, name: str, frames: NDArray[np.uint8], fps: float, step: int, caption: str = ""
    ) -> Path:
        """Write a video with its caption below the frames.

        Args:
            name: Name of the video.
            frames: Shape (t, h, w, 3).
            fps: Frames per second.
            step: Environment steps so far.
            caption: Text below the frames.

        Returns:
            The file.
        """
        shown = captioned(enlarged(frames), caption) if caption else frames
        path = write_video(self._path("videos", name, step, ".mp4"), shown, fps)
        note = {"name": name, "step": int(step), "caption": caption, "file": path.name}
        write_json(path.with_suffix(".json"), note)
        self.wandb.video(name, path, int(step), caption)
        return path

    def table(self, name: str, rows: Sequence[Mapping[str, Any]], step: int) -> Path:
        """Write a table.

        Args:
            name: Name of the table.
            rows: Column -> value; rows may have different columns.
            step: Environment steps so far.

        Returns:
            The file.
        """
        path = self._path("tables", name, step, ".json")
        plain = [to_plain(row) for row in rows]
        write_json(path, {"name": name, "step": int(step), "rows": plain})
        self.wandb.table(name, plain, int(step))
        return path

    def evaluation(self, name: str, result: EvalResult, step: int) -> Path:
        """Write an evaluation: its file, its success as a metric, its episodes as a table.

        Args:
            name: For example ``"eval"``; the metrics become ``eval/success`` and so on.
            result: What `evaluate` returned.
            step: Environment steps so far.

        Returns:
            The file.
        """
        data = result.to_dict()
        policy = Path(result.policy).name
        path = self._path("evaluations", f"{name}-{policy}", step, ".json")
        write_json(path, {"name": name, "step": int(step), **data})
        metrics = success_metrics(name, result.successes, result.n)
        metrics[f"{name}/wrong_object"] = data["wrong_object"]["rate"]
        metrics[f"{name}/episode_steps"] = data["mean_steps"]
        for stage, rate in data["stages"].items():
            metrics[f"{name}/reached_{stage}"] = rate["rate"]
        self.log(metrics, step)
        self.wandb.table(f"{name}/episodes", data["episodes"], int(step))
        return path

    def artifact(self, path: str | Path, name: str, type: str = "model") -> Path:
        """Keep a file or folder; one outside the run folder is copied into it.

        Args:
            path: File or folder.
            name: Name of the artifact.
            type: For example ``"model"`` or ``"dataset"``.

        Returns:
            Its path in the run folder.

        Raises:
            InvalidConfigError: If the path does not exist.
        """
        path = Path(path)
        if not path.exists():
            raise InvalidConfigError(f"Cannot keep {path} as an artifact: it does not exist.")
        if not path.resolve().is_relative_to(self.run_dir.resolve()):
            kept = self.run_dir / "artifacts" / path.name
            kept.parent.mkdir(exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, kept, dirs_exist_ok=True)
            else:
                shutil.copy2(path, kept)
            path = kept
        self.wandb.artifact(path, _slug(name), type)
        return path

    def finish(self) -> Path:
        """Write the report and finish the W&B run; call it once, at the end.

        Returns:
            Path of the report.
        """
        report = write_report(self.run_dir)
        self.wandb.artifact(report, f"{_slug(self.run_dir.name)}-report", "report")
        self.wandb.finish()
        return report

    def __enter__(self) -> RunLogger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish()

    def _path(self, folder: str, name: str, step: int, suffix: str) -> Path:
        parent = self.run_dir / folder
        parent.mkdir(exist_ok=True)
        return parent / f"{_slug(name)}-{int(step):09d}{suffix}"


def _number(key: str, value: Any) -> float | int | None:
    if isinstance(value, (bool, np.bool_)):
        return int(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    try:
        number = float(value)  # also tensors and arrays of one element
    except (TypeError, ValueError) as exc:
        raise InvalidConfigError(f"Metric {key!r} must be a number, got {value!r}.") from exc
    return number if math.isfinite(number) else None


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "unnamed"
