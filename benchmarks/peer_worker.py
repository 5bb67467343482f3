"""Measures one other package; run by `peers.py` with the Python of the peers' environment.

    python peer_worker.py fetch frames 2 64 5      # peer, what, workers, frame size [px], seconds

Prints one line of JSON. Needs nothing of this repository.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import partial
from typing import Any

os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import gymnasium as gym
import numpy as np


class Frames(gym.ObservationWrapper):
    """Adds a frame to every observation, as Gymnasium's AddRenderObservation does."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        env.reset(seed=0)
        frame = np.asarray(env.render())
        self.observation_space = gym.spaces.Box(0, 255, frame.shape, np.uint8)

    def observation(self, observation: Any) -> np.ndarray:
        """The frame alone."""
        return np.asarray(self.env.render(), np.uint8)


def fetch(frames: bool, size: int) -> gym.Env:
    """gymnasium-robotics."""
    import gymnasium_robotics

    gym.register_envs(gymnasium_robotics)
    extra = {"render_mode": "rgb_array", "width": size, "height": size} if frames else {}
    return gym.make("FetchPickAndPlace-v4", **extra)


def metaworld(frames: bool, size: int) -> gym.Env:
    """Meta-World."""
    import metaworld as package  # noqa: F401 - registers its ids

    extra = {"render_mode": "rgb_array", "width": size, "height": size} if frames else {}
    return gym.make("Meta-World/MT1", env_name="pick-place-v3", **extra)


def panda(frames: bool, size: int) -> gym.Env:
    """panda-gym, on PyBullet."""
    import panda_gym  # noqa: F401 - registers its ids

    extra = {"render_width": size, "render_height": size} if frames else {}
    return gym.make("PandaPickAndPlace-v3", render_mode="rgb_array", **extra)


def robosuite(frames: bool, size: int) -> gym.Env:
    """Robosuite's Lift with a Panda, at its 20 Hz."""
    import robosuite as suite
    from robosuite.wrappers import GymWrapper

    env = suite.make(
        "Lift", robots="Panda", has_renderer=False, has_offscreen_renderer=frames,
        use_camera_obs=frames, camera_heights=size, camera_widths=size, camera_names="agentview",
        control_freq=20,
    )  # fmt: skip
    wrapped = GymWrapper(env, keys=["agentview_image"] if frames else None)
    wrapped.metadata = {"render_modes": []}  # it has none, and worker processes ask for it
    return wrapped


PEERS = {"fetch": fetch, "metaworld": metaworld, "panda": panda, "robosuite": robosuite}
RENDERS = ("fetch", "metaworld", "panda")
"""Peers whose frames come from `render`."""


def build(name: str, frames: bool, size: int) -> gym.Env:
    """One environment, its frames in the observation."""
    env = PEERS[name](frames, size)
    return Frames(env) if frames and name in RENDERS else env


def measure(name: str, what: str, workers: int, size: int, seconds: float) -> dict[str, Any]:
    """Steps per second over all workers."""
    make = partial(build, name, what == "frames", size)
    if workers > 1:
        # spawned: an OpenGL context that has been forked hangs
        env: Any = gym.vector.AsyncVectorEnv([make] * workers, context="spawn")
        actions = [env.action_space.sample() for _ in range(32)]
    else:
        env = make()
        actions = [env.action_space.sample() for _ in range(32)]
    env.reset(seed=0)

    def step(k: int) -> None:
        _, _, terminated, truncated, _ = env.step(actions[k % 32])
        if workers == 1 and (terminated or truncated):
            env.reset()

    for k in range(5):
        step(k)
    calls, start = 0, time.perf_counter()
    while calls < 5 or time.perf_counter() - start < seconds:
        step(calls)
        calls += 1
    rate = calls * workers / (time.perf_counter() - start)
    return {"steps_per_s": round(rate, 1)}


if __name__ == "__main__":
    peer, what, workers, size, seconds = sys.argv[1:6]
    try:
        result = measure(peer, what, int(workers), int(size), float(seconds))
    except Exception as exc:  # other packages may raise anything
        result = {"error": f"{type(exc).__name__}: {str(exc)[:200]}"}
    print(json.dumps(result), flush=True)
    os._exit(0)  # some of them hang in their own clean-up
