"""Scenes that went wrong, tried again: learning spends its time where it still fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs import episode as ep
from vla_gym.envs.episode_source import Draw


class FailureReplay:
    """Lets a share of episodes begin as earlier ones that failed.

    A scene is kept when its episode fails and let go when it succeeds, so that those few that are
    hard come up far more often than by chance (after prioritised level replay, Jiang et al. 2021).

    Args:
        venv: A `TabletopVectorEnv`; what it draws from now on is changed.
        share: Share of episodes that are scenes tried again.
        size: How many scenes are kept; the oldest goes first.
        seed: Of the choices.
    """

    def __init__(self, venv: Any, share: float = 0.3, size: int = 256, seed: int = 0) -> None:
        self.share, self.size = share, size
        self.rng = np.random.default_rng(seed)
        self.scenes: list[ep.Episode] = []
        """Those that failed last."""
        self._now: list[ep.Episode | None] = [None] * venv.num_envs
        self._ended: list[ep.Episode | None] = [None] * venv.num_envs
        venv.unwrapped.source.add_drawer(self._draw)

    @property
    def progress(self) -> float:
        """What is worth a curve: how many scenes are kept."""
        return float(len(self.scenes))

    def note(self, done: NDArray[np.bool_], success: NDArray[np.bool_]) -> None:
        """Learn how episodes ended whose worlds have begun anew since.

        Args:
            done: Shape (n,).
            success: Shape (n,).
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
        """Everything needed to go on from here, as plain arrays."""
        now = [scene for scene in self._now if scene is not None]
        kept = {id(scene): k for k, scene in enumerate(self.scenes)}
        return {
            "scenes": ep.pack(self.scenes),
            "now": ep.pack(now),
            # a scene that is tried again is the very one that is kept
            "kept": np.array([-2 if s is None else kept.get(id(s), -1) for s in self._now]),
        }

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state`."""
        self.scenes = ep.unpack(state["scenes"])
        rest = iter(ep.unpack(state["now"]))
        self._now = []
        for k in state["kept"]:
            own = next(rest) if k > -2 else None
            self._now.append(self.scenes[int(k)] if k >= 0 else own)
