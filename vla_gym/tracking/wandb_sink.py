"""Weights & Biases as a guest: it may follow a run, but it can neither stop nor stall it."""

from __future__ import annotations

import logging
import netrc
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies

_log = logging.getLogger(__name__)

WandbMode = Literal["auto", "online", "offline", "disabled"]
MODES: tuple[WandbMode, ...] = ("auto", "online", "offline", "disabled")
INIT_TIMEOUT_S = 20.0
FINISH_TIMEOUT_S = 60.0
STEP = "step"
"""Own step axis, so that a late video does not collide with newer metrics."""


class WandbSink:
    """Sends everything on; after the first failure it falls silent for good.

    Args:
        folder: Where offline data goes.
        config: The run's configuration.
        mode: ``"auto"`` is online if there is an API key and the server answers, else offline.
        project: Project name.
        name: Name of the run.
    """

    def __init__(
        self, folder: Path, config: Mapping[str, Any], mode: WandbMode, project: str, name: str
    ) -> None:
        self._run: Any = None
        self._dead = False
        self.mode = resolve_mode(mode)
        self.url: str | None = None
        if self.mode != "disabled":
            self._guarded(lambda: self._start(folder, config, project, name), INIT_TIMEOUT_S + 10.0)

    @property
    def active(self) -> bool:
        """Whether data is still being sent."""
        return self._run is not None

    def log(self, metrics: Mapping[str, Any], step: int) -> None:
        """Send numbers."""
        self._call(lambda run, wandb: run.log({**metrics, STEP: step}))

    def video(self, name: str, path: Path, step: int, caption: str) -> None:
        """Send a film that has been written to a file."""
        form: Any = path.suffix[1:]
        self._call(
            lambda run, wandb: run.log(
                {name: wandb.Video(str(path), caption=caption or None, format=form), STEP: step}
            )
        )

    def table(self, name: str, rows: Sequence[Mapping[str, Any]], step: int) -> None:
        """Send rows as a table."""
        columns = list(dict.fromkeys(key for row in rows for key in row))
        data = [[_cell(row.get(c)) for c in columns] for row in rows]
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
        """Wait for what is still under way, but not for long."""
        run, self._run = self._run, None
        if run is not None:
            self._guarded(run.finish, FINISH_TIMEOUT_S)

    def _start(self, folder: Path, config: Mapping[str, Any], project: str, name: str) -> None:
        # quiet, and never a question at the terminal
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
        # a start that took too long has been given up meanwhile
        self._run = None if self._dead else run

    def _call(self, send: Callable[[Any, Any], None]) -> None:
        if self._run is None:
            return
        try:
            import wandb

            send(self._run, wandb)
        except Exception as fault:
            self._give_up(fault)

    def _guarded(self, job: Callable[[], None], timeout_s: float) -> None:
        fault = run_within(timeout_s, job)
        if fault is not None:
            self._give_up(fault)

    def _give_up(self, fault: BaseException) -> None:
        self._run, self._dead = None, True
        _log.warning(
            "Weights & Biases is switched off for this run (%s: %s); its folder has everything.",
            type(fault).__name__,
            fault,
        )


def resolve_mode(mode: WandbMode) -> Literal["online", "offline", "disabled"]:
    """What ``"auto"`` means here and now; WANDB_MODE in the environment decides first."""
    if mode != "auto":
        return mode
    asked = os.environ.get("WANDB_MODE", "")
    if asked in ("online", "offline", "disabled"):
        return asked
    return "online" if has_api_key() and reachable() else "offline"


def server() -> str:
    """Address of the W&B server."""
    return os.environ.get("WANDB_BASE_URL") or "https://api.wandb.ai"


def has_api_key() -> bool:
    """Whether someone has logged in, without asking anyone."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        where = os.environ.get("NETRC")
        return netrc.netrc(where).authenticators(urlsplit(server()).hostname or "") is not None
    except (OSError, netrc.NetrcParseError):
        return False


def reachable(timeout_s: float = 3.0) -> bool:
    """Whether the server, or the proxy on the way to it, takes a connection."""
    url = urlsplit(server())
    url = urlsplit(getproxies().get(url.scheme) or server())
    port = url.port or (443 if url.scheme == "https" else 80)

    def connect() -> None:
        socket.create_connection((url.hostname or "", port), timeout_s).close()

    # looking up a name has no time limit of its own
    return run_within(timeout_s, connect) is None


def run_within(timeout_s: float, job: Callable[[], None]) -> BaseException | None:
    """Run a job that may hang, on a thread that dies with the process.

    Returns:
        What went wrong, or None.
    """
    faults: list[BaseException] = []

    def work() -> None:
        try:
            job()
        except BaseException as fault:  # wandb also raises SystemExit and KeyboardInterrupt
            faults.append(fault)

    thread = threading.Thread(target=work, name="guarded", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        return TimeoutError(f"no answer within {timeout_s:.0f} s")
    return faults[0] if faults else None


def _cell(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
