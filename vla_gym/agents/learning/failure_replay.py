"""Failure replay: training repeats scenes in which episodes failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs import episode as ep
from vla_gym.envs.episode_source import Draw


class FailureReplay:
    """Lets a share of episodes start with the scene of an earlier one that failed.

    A scene is kept when its episode fails and dropped when it succeeds, so that hard scenes occur
    more often than in random draws (after prioritised level replay, Jiang et al. 2021).

    Args:
        venv: A `TabletopVectorEnv`, whose later draws are changed.
        share: Share of episodes that repeat a scene.
        size: Largest number of scenes kept; the oldest are dropped first.
        seed: Seed of the choices.
    """

    def __init__(self, venv: Any, share: float = 0.3, size: int = 256, seed: int = 0) -> None:
        self.share, self.size = share, size
        self.rng = np.random.default_rng(seed)
        self.scenes: list[ep.Episode] = []
        """Scenes of failed episodes, oldest first."""
        self._now: list[ep.Episode | None] = [None] * venv.num_envs
        self._ended: list[ep.Episode | None] = [None] * venv.num_envs
        venv.unwrapped.source.add_drawer(self._draw)

    @property
    def progress(self) -> float:
        """Scalar to log: the number of scenes kept."""
        return float(len(self.scenes))

    def note(self, done: NDArray[np.bool_], success: NDArray[np.bool_]) -> None:
        """Take in how episodes ended; the next ones have started.

        Args:
            done: Sub-environments whose episode ended. Shape (n,).
            success: Whether it succeeded. Shape (n,).
        """
        for i in np.flatnonzero(done):
            scene = self._ended[i]
            if scene is not None:
                self.scenes = [s for s in self.scenes if s is not scene]
                if not success[i]:
                    self.scenes = [*self.scenes, scene][-self.size :]

    def _draw(self, i: int, draw: Draw) -> ep.Episode:
        again = len(self.scenes) >= 8 and self.rng.random() < self.share
        scene = self.scenes[int(self.rng.integers(len(self.scenes)))] if again else draw(i)
        self._ended[i], self._now[i] = self._now[i], scene
        return scene

    def get_state(self) -> dict[str, NDArray]:
        """The state, as plain arrays."""
        now = [scene for scene in self._now if scene is not None]
        kept = {id(scene): k for k, scene in enumerate(self.scenes)}
        return {
            "scenes": ep.pack(self.scenes),
            "now": ep.pack(now),
            # a repeated scene is the same object as the one that is kept
            "kept": np.array([-2 if s is None else kept.get(id(s), -1) for s in self._now]),
        }

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Restore a state from `get_state`."""
        self.scenes = ep.unpack(state["scenes"])
        rest = iter(ep.unpack(state["now"]))
        self._now = []
        for k in state["kept"]:
            own = next(rest) if k > -2 else None
            self._now.append(self.scenes[int(k)] if k >= 0 else own)
