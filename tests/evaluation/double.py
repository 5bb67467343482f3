"""A vector environment without physics.

A sub-environment succeeds at step seed % 4 + 1 if the first number of the action is positive.
"""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

ID = "Double-v0"
HORIZON = 5


class Double(VectorEnv):
    metadata: ClassVar[dict[str, Any]] = {
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "render_modes": [],
    }

    def __init__(self, num_envs: int = 1, split: str = "train", cameras: tuple = ("image",)):
        self.num_envs, self.split, self.cameras = num_envs, split, cameras
        self.single_observation_space = spaces.Dict(proprio=spaces.Box(-1, 1, (26,), np.float32))
        self.single_action_space = spaces.Box(-1.0, 1.0, (7,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.seeds, self.t = np.zeros(num_envs, int), np.zeros(num_envs, int)
        self.seen: list[np.ndarray] = []

    def reset(self, *, seed: Any = None, options: Any = None):
        self.seeds = np.asarray(seed if isinstance(seed, list) else [0] * self.num_envs)
        self.t[:] = 0
        return self._obs(), {}

    def step(self, actions):
        self.seen.append(np.array(actions))
        self.t += 1
        success = (self.t == self.seeds % 4 + 1) & (actions[:, 0] > 0)
        truncated = ~success & (self.t >= HORIZON)
        done = success | truncated
        old = {
            "is_success": success.copy(),
            "stage": np.minimum(self.t, 3),
            "wrong_object": self.seeds % 2 == 1,
        }
        new = {"is_success": success & ~done, "stage": np.where(done, 0, old["stage"])}
        new["wrong_object"] = old["wrong_object"] & ~done
        infos: dict[str, Any] = dict(new)
        if done.any():
            infos["final_info"], infos["_final_info"] = old, done
            self.t[done] = 0
            self.seeds = np.where(done, self.seeds + 1000, self.seeds)
        return self._obs(), success.astype(float), success, truncated, infos

    def _obs(self):
        words = tuple(f"do {s}" for s in self.seeds)
        return {"proprio": np.zeros((self.num_envs, 26), np.float32), "instruction": words}


class Goer:
    """Goes on in every world, or only where `rule` says so."""

    def __init__(self, venv: Any = None, rule: Any = None) -> None:
        self.rule, self.masks = rule, []

    def reset(self, mask, obs):
        self.masks.append(mask.copy())

    def act(self, obs):
        go = [1.0 if self.rule is None or self.rule(w) else -1.0 for w in obs["instruction"]]
        return np.tile(np.asarray(go)[:, None], (1, 7))


def register() -> str:
    if ID not in gym.registry:
        gym.register(ID, vector_entry_point=Double)
    return ID
