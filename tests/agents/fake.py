"""A point-mass double of the environment: the same interface, hundreds of times faster."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.world.predicates import Inside

LOW, HIGH = np.array([0.38, -0.22]), np.array([0.64, 0.22])
STEP_M, GRASP_M, GOAL_M = 0.05, 0.03, 0.05
HOME = np.array([0.45, 0.0, 0.20])


class FakePickPlace(VectorEnv):
    """Slots 0, 1 are cubes, 2, 3 bowls; the instruction names one of each by its slot."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}
    render_mode = None

    def __init__(self, num_envs: int = 8, horizon: int = 40) -> None:
        self.num_envs, self.horizon = num_envs, horizon
        n = num_envs
        self.single_observation_space = spaces.Dict(
            image=spaces.Box(0, 255, (8, 8, 3), np.uint8),
            proprio=spaces.Box(-np.inf, np.inf, (26,), np.float32),
            instruction=spaces.Text(100),
        )
        self.single_action_space = spaces.Box(-1.0, 1.0, (7,), np.float32)
        self.observation_space = self.single_observation_space
        self.action_space = gym.vector.utils.batch_space(self.single_action_space, n)
        self.tcp, self.vel = np.tile(HOME, (n, 1)), np.zeros((n, 3))
        self.width, self.target = np.full(n, 0.08), np.full(n, 0.08)
        self.held, self.t = np.full(n, -1), np.zeros(n, int)
        self.world = SimpleNamespace(
            n=n, n_slots=4, object_pos=np.zeros((n, 4, 3)), present=np.ones((n, 4), bool),
            kind_id=np.tile([0, 0, 4, 4], (n, 1)), views=None,
        )  # fmt: skip
        rows = np.arange(n)
        self.world.pose_of = lambda slot: (
            self.world.object_pos[rows, slot], np.tile(np.eye(3), (n, 1, 1))
        )  # fmt: skip
        self.world.kind_of = lambda slot: (self.world.kind_id[rows, slot], np.ones(n))
        self.tasks = (SimpleNamespace(goal=Inside("object", "target")),)
        self.episodes = [SimpleNamespace(task=0)] * n
        self.roles = {"object": np.zeros(n, int), "target": np.full(n, 2)}
        self.rngs = [np.random.default_rng(i) for i in range(n)]
        self.world.pinhole = lambda name="fixed": DOWNWARDS

    @property
    def named_slots(self) -> NDArray:
        return np.stack([self.roles["object"], self.roles["target"]], axis=1)

    @property
    def instructions(self) -> tuple[str, ...]:
        pairs = zip(self.roles["object"], self.roles["target"], strict=True)
        return tuple(f"put s{o} into s{t}" for o, t in pairs)

    def reset(self, *, seed: Any = None, options: Any = None) -> tuple[dict, dict]:
        if seed is not None:
            seeds = seed if isinstance(seed, list) else range(seed, seed + self.num_envs)
            self.rngs = [np.random.default_rng(s) for s in seeds]
        self._start(np.arange(self.num_envs))
        return self._obs(), {}

    def _start(self, ids: NDArray) -> None:
        for i in ids:
            rng = self.rngs[i]
            while True:
                xy = rng.uniform(LOW, HIGH, (4, 2))
                gaps = np.linalg.norm(xy[:, None] - xy[None], axis=-1) + np.eye(4)
                if gaps.min() > 0.09:
                    break
            self.world.object_pos[i, :, :2], self.world.object_pos[i, :, 2] = xy, 0.02
            self.roles["object"][i], self.roles["target"][i] = rng.integers(2), 2 + rng.integers(2)
        self.tcp[ids], self.vel[ids], self.t[ids], self.held[ids] = HOME, 0.0, 0, -1
        self.width[ids] = self.target[ids] = 0.08

    def step(self, actions: NDArray) -> tuple[dict, NDArray, NDArray, NDArray, dict]:
        assert np.abs(actions).max() <= 1.0 + 1e-6
        n, pos = self.num_envs, self.world.object_pos
        new = self.tcp + STEP_M * actions[:, :3]
        new = np.clip(new, [0.3, -0.3, 0.015], [0.7, 0.3, 0.35])
        self.vel, self.tcp = (new - self.tcp) * 10.0, new
        self.target = np.where(actions[:, 6] > 0, 0.08, 0.0)
        floor = np.where(self.held >= 0, 0.04, 0.0)
        was_open = self.width > 0.06
        self.width = np.clip(
            self.width + np.clip(self.target - self.width, -0.04, 0.04), floor, 0.08
        )
        away = np.linalg.norm(pos[:, :2] - self.tcp[:, None], axis=-1)
        near = away.argmin(1)
        takes = (self.held < 0) & was_open & (self.target == 0) & (away.min(1) < GRASP_M)
        self.held = np.where(takes, near, self.held)
        drops = (self.held >= 0) & (self.target > 0)
        rows = np.arange(n)
        carried = self.held >= 0
        pos[rows[carried], self.held[carried]] = self.tcp[carried]
        obj, goal = self.roles["object"], self.roles["target"]
        off = np.linalg.norm(pos[rows, obj, :2] - pos[rows, goal, :2], axis=1)
        success = drops & (self.held == obj) & (off < GOAL_M)
        pos[rows[drops], self.held[drops], 2] = 0.02
        self.held = np.where(drops, -1, self.held)
        self.t += 1
        truncated = (self.t >= self.horizon) & ~success
        done = success | truncated
        infos: dict[str, Any] = {"is_success": success, "stage": (self.held >= 0).astype(int)}
        if done.any():
            last, instructions = self._obs(), self.instructions
            infos["final_obs"] = np.array(
                [row_of(last, i) if done[i] else None for i in range(n)], object
            )
            infos["_final_obs"] = done
            infos["final_info"] = {"is_success": success, "instruction": instructions}
            self._start(np.flatnonzero(done))
        return self._obs(), success.astype(np.float32), success, truncated, infos

    def _obs(self) -> dict[str, Any]:
        proprio = np.zeros((self.num_envs, 26), np.float32)
        proprio[:, 14:17], proprio[:, 20:23] = self.tcp, self.vel
        proprio[:, 23], proprio[:, 24] = self.width, self.target
        image = np.zeros((self.num_envs, 8, 8, 3), np.uint8)
        xy = self.world.object_pos[..., :2]
        image[:, 0, :4, :2] = np.clip((xy - [0.3, -0.3]) / [0.4, 0.6] * 255, 0, 255).round()
        return {"image": image, "proprio": proprio, "instruction": self.instructions}

    def get_state(self) -> dict[str, NDArray]:
        names = ("tcp", "vel", "width", "target", "held", "t")
        state = {name: getattr(self, name).copy() for name in names}
        state |= {f"role/{k}": v.copy() for k, v in self.roles.items()}
        state["object_pos"] = self.world.object_pos.copy()
        words = [r.bit_generator.state["state"] for r in self.rngs]
        state["rng"] = np.array(
            [[w[k] >> s & (2**64 - 1) for k in ("state", "inc") for s in (0, 64)] for w in words],
            np.uint64,
        )
        return state

    def set_state(self, state: dict[str, NDArray]) -> None:
        for name in ("tcp", "vel", "width", "target", "held", "t"):
            setattr(self, name, state[name].copy())
        for name in self.roles:
            self.roles[name] = state[f"role/{name}"].copy()
        self.world.object_pos[...] = state["object_pos"]
        for rng, row in zip(self.rngs, state["rng"].view(np.uint64), strict=True):
            a, b, c, d = (int(v) for v in row)
            full = rng.bit_generator.state
            full["state"] = {"state": a | b << 64, "inc": c | d << 64}
            rng.bit_generator.state = full


def row_of(obs: dict[str, Any], i: int) -> dict[str, Any]:
    """The observation of one sub-environment."""
    return {key: value[i] for key, value in obs.items()}


DOWNWARDS = PinholeCamera(
    np.array([0.5, 0.0, 1.025]), np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), 0.3
)
"""A camera that looks straight down, to the right along y."""


class FakeGrounder:
    """Reads slots from the instruction, and their positions from the first row of pixels."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def ground(self, images: NDArray, instructions: Any, chosen: Any = None) -> Any:
        self.calls.append(len(images))
        point = torch.zeros(len(images), 2, 2)
        confidence = torch.zeros(len(images), 2)
        for i, text in enumerate(instructions):
            slots = [int(w[1:]) for w in text.split() if w[0] == "s" and w[1:].isdigit()]
            for r, slot in enumerate(slots):
                xy = images[i, 0, slot, :2] / 255 * [0.4, 0.6] + [0.3, -0.3]
                point[i, r] = torch.as_tensor(DOWNWARDS.project([*xy, 0.025]))
                confidence[i, r] = 1.0
        return SimpleNamespace(point=point, confidence=confidence, shape=None, hand=None)


class FakeExpert:
    """Above, down, close, up, across, open; reads the simulator."""

    def __init__(self, venv: FakePickPlace) -> None:
        self.venv = venv

    def reset(self, mask: NDArray) -> None:
        pass

    def act(self, obs: dict[str, Any]) -> NDArray[np.float32]:
        env, rows = self.venv, np.arange(self.venv.num_envs)
        obj = env.world.object_pos[rows, env.roles["object"]]
        target = env.world.object_pos[rows, env.roles["target"]]
        holds = env.held == env.roles["object"]
        goal = np.where(holds[:, None], target, obj)
        off = np.linalg.norm(goal[:, :2] - env.tcp[:, :2], axis=1)
        height = np.where(holds, 0.10, np.where(off < 0.03, 0.02, 0.10))
        want = np.concatenate([goal[:, :2], height[:, None]], 1)
        action = np.zeros((env.num_envs, 7), np.float32)
        action[:, :3] = np.clip((want - env.tcp) / STEP_M, -1, 1)
        low = (env.tcp[:, 2] < 0.035) & (off < 0.015)
        action[:, 6] = np.where(holds, np.where(off < 0.02, 1, -1), np.where(low, -1, 1))
        return action
