"""Logging to Weights & Biases that can neither stop nor delay a run."""

from __future__ import annotations

import logging
import netrc
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

_log = logging.getLogger(__name__)

WandbMode = Literal["auto", "online", "offline", "disabled"]
WANDB_MODES: tuple[WandbMode, ...] = ("auto", "online", "offline", "disabled")
INIT_TIMEOUT_S = 20.0
FINISH_TIMEOUT_S = 60.0
STEP = "step"
"""Name of our step axis: W&B's own must increase, but a video arrives after newer metrics."""


class WandbSink:
    """Sends data to Weights & Biases; after the first failure it sends nothing more.

    A run that the caller has started (a sweep's, for instance) is used and left open. It gets the
    configuration under "vla_gym", and its own metrics keep their axis.

    Args:
        folder: Folder for offline data.
        config: Configuration of the run.
        mode: ``"auto"`` is online if there is an API key and the server answers, else offline.
        project: Project name.
        name: Name of the run.
    """

    def __init__(
        self, folder: Path, config: Mapping[str, Any], mode: WandbMode, project: str, name: str
    ) -> None:
        self._run: Any = None
        self._failed = False
        self._callers: Any = _open_run() if mode != "disabled" else None
        if self._callers is None:
            self.mode = resolve_mode(mode)
        else:
            self.mode = "offline" if getattr(self._callers, "offline", False) else "online"
        self._defined: set[str] = set()
        self.url: str | None = None
        if self._callers is not None:
            self._run_limited(lambda: self._join(config), INIT_TIMEOUT_S)
        elif self.mode != "disabled":
            self._run_limited(
                lambda: self._start(folder, config, project, name), INIT_TIMEOUT_S + 10.0
            )

    @property
    def active(self) -> bool:
        """Whether data is still being sent."""
        return self._run is not None

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Send numbers."""
        self._define(metrics)
        self._call(lambda run, wandb: run.log({**metrics, STEP: step}))

    def video(self, name: str, path: Path, step: int, caption: str) -> None:
        """Send a video file."""
        form: Any = path.suffix[1:]
        self._define([name])
        self._call(
            lambda run, wandb: run.log(
                {name: wandb.Video(str(path), caption=caption or None, format=form), STEP: step}
            )
        )

    def table(self, name: str, rows: Sequence[Mapping[str, Any]], step: int) -> None:
        """Send rows as a table."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        data = [[_cell(row.get(c)) for c in columns] for row in rows]
        self._define([name])
        self._call(
            lambda run, wandb: run.log({name: wandb.Table(columns=columns, data=data), STEP: step})
        )

    def artifact(self, path: Path, name: str, kind: str) -> None:
        """Send a file or a folder."""

        def send(run: Any, wandb: Any) -> None:
            artifact = wandb.Artifact(name, type=kind)
            (artifact.add_dir if path.is_dir() else artifact.add_file)(str(path))
            run.log_artifact(artifact)

        self._call(send)

    def summary(self, values: Mapping[str, Any]) -> None:
        """Set the run's final figures."""
        self._call(lambda run, wandb: run.summary.update(dict(values)))

    def finish(self) -> None:
        """Wait for pending uploads, up to `FINISH_TIMEOUT_S`; a caller's run stays open."""
        run, self._run = self._run, None
        if run is not None and run is not self._callers:
            self._run_limited(run.finish, FINISH_TIMEOUT_S)

    def _start(self, folder: Path, config: Mapping[str, Any], project: str, name: str) -> None:
        # no output, and no prompt for a login
        os.environ.setdefault("WANDB_SILENT", "true")
        import wandb

        wanted = {
            "silent": True,
            "console": "off",
            "init_timeout": INIT_TIMEOUT_S,
            "finish_timeout": FINISH_TIMEOUT_S,
            "x_disable_stats": False,
        }
        known = {k: v for k, v in wanted.items() if hasattr(wandb.Settings(), k)}
        run = wandb.init(
            project=project,
            name=name,
            dir=str(folder),
            config=dict(config),
            mode=self.mode,  # type: ignore
            settings=wandb.Settings(**known),
        )
        run.define_metric(STEP, hidden=True)
        run.define_metric("*", step_metric=STEP)
        self.url = run.url if self.mode == "online" else None
        # the start may have timed out meanwhile
        self._run = None if self._failed else run

    def _join(self, config: Mapping[str, Any]) -> None:
        """Use the caller's run."""
        run = self._callers
        run.config.update({"vla_gym": dict(config)}, allow_val_change=True)
        run.define_metric(STEP, hidden=True)
        self.url = run.url if self.mode == "online" else None
        self._run = None if self._failed else run

    def _define(self, names: Iterable[str]) -> None:
        """In a caller's run, give our metrics our axis, one by one."""
        if self._run is None or self._run is not self._callers:
            return
        for name in names:
            if name not in self._defined:
                self._defined.add(name)
                self._call(lambda run, wandb, name=name: run.define_metric(name, step_metric=STEP))

    def _call(self, send: Callable[[Any, Any], None]) -> None:
        if self._run is None:
            return
        try:
            import wandb

            send(self._run, wandb)
        except Exception as exc:
            self._disable(exc)

    def _run_limited(self, job: Callable[[], None], timeout_s: float) -> None:
        exc = run_within(timeout_s, job)
        if exc is not None:
            self._disable(exc)

    def _disable(self, exc: BaseException) -> None:
        self._run, self._failed = None, True
        _log.warning(
            "Weights & Biases is switched off for this run (%s: %s); the run folder has all data.",
            type(exc).__name__,
            exc,
        )


def _open_run() -> Any:
    """The run that the caller has started in this process, or None."""
    return getattr(sys.modules.get("wandb"), "run", None)


def resolve_mode(mode: WandbMode) -> Literal["online", "offline", "disabled"]:
    """Resolve ``"auto"``: the variable WANDB_MODE decides, else login and connection."""
    if mode != "auto":
        return mode
    chosen = os.environ.get("WANDB_MODE", "")
    if chosen in ("online", "offline", "disabled"):
        return chosen
    return "online" if has_api_key() and reachable() else "offline"


def server() -> str:
    """Address of the W&B server."""
    return os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai"


def has_api_key() -> bool:
    """Whether an API key is set, in the environment or in .netrc."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        path = os.environ.get("NETRC")
        return netrc.netrc(path).authenticators(urlsplit(server()).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def reachable(timeout_s: float = 3.0) -> bool:
    """Whether the server, or the proxy in front of it, accepts a connection."""
    url = urlsplit(server())
    url = urlsplit(getproxies().get(url.scheme) or server())
    port = url.port or (443 if url.scheme == "https" else 80)

    def connect() -> None:
        socket.create_connection((url.hostname or "", port), timeout_s).close()

    # name resolution has no timeout of its own
    return run_within(timeout_s, connect) is None


def run_within(timeout_s: float, job: Callable[[], None]) -> BaseException | None:
    """Run a function that may hang, on a daemon thread.

    Returns:
        Its exception, a `TimeoutError`, or None.
    """
    errors: list[BaseException] = []

    def work() -> None:
        try:
            job()
        except BaseException as exc:  # wandb also raises SystemExit and KeyboardInterrupt
            errors.append(exc)

    thread = threading.Thread(target=work, name="guarded", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        return TimeoutError(f"no answer within {timeout_s:.0f} s")
    return errors[0] if errors else None


def _cell(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
