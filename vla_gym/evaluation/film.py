"""Films of a policy at work: the scene, the sentence, how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.registry import Policy
from vla_gym.evaluation.protocol import run_episodes
from vla_gym.evaluation.records import EpisodeRecord


@dataclass(frozen=True)
class Clip:
    """One filmed episode."""

    frames: NDArray[np.uint8]
    """Shape (t, h, w, 3); one frame a control step."""
    record: EpisodeRecord
    sentence: str
    """What the policy was told."""
    judged: bool
    """Whether the outcome belongs to that sentence; not if it was replaced by another."""

    @property
    def caption(self) -> str:
        """The sentence and the outcome."""
        if not self.judged:
            return self.sentence
        return f"{self.sentence}\n{'success' if self.record.success else 'no success'}"


class Told:
    """A policy that is told another sentence than the environment's.

    Args:
        policy: Who acts.
        sentence: What it is told, in all worlds.
    """

    def __init__(self, policy: Policy, sentence: str) -> None:
        self._policy, self._sentence = policy, sentence

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any]) -> None:
        """Begin with the sentence replaced."""
        self._policy.reset(mask, self._replaced(obs))

    def act(self, obs: Mapping[str, Any]) -> NDArray:
        """Act on the sentence replaced."""
        return self._policy.act(self._replaced(obs))

    def _replaced(self, obs: Mapping[str, Any]) -> dict[str, Any]:
        return {**obs, "instruction": (self._sentence,) * len(obs["instruction"])}


def film(
    venv: Any,
    policy: Policy,
    episodes: int = 1,
    seed: int = 0,
    size: int = 384,
    camera: str = "fixed",
    sentence: str | None = None,
    asked: str | None = None,
) -> list[Clip]:
    """Run and film one episode in each of the first worlds.

    Args:
        venv: The environment.
        policy: Acts in all its worlds.
        episodes: How many worlds to film, at most ``venv.num_envs``.
        seed: World k is reset with seed + k.
        size: Width and height of the pictures [px].
        camera: ``"fixed"`` or ``"wrist"``.
        sentence: Told to the policy in place of the environment's own.
        asked: A sentence of the environment; scenes are then drawn in which it makes sense.

    Returns:
        One clip a world.
    """
    from vla_gym.rendering.opengl import OpenGLRenderer

    pool = OpenGLRenderer(venv.unwrapped.world, size=size)
    shots: list[list[NDArray]] = [[] for _ in range(episodes)]

    def shoot(running: NDArray[np.bool_]) -> None:
        ids = np.flatnonzero(running)
        for i, frame in zip(ids, pool.render(camera, ids), strict=True):
            shots[i].append(frame)

    actor = policy if sentence is None else Told(policy, sentence)
    try:
        records = run_episodes(venv, actor, seed, episodes, on_step=shoot, asked=asked)
    finally:
        pool.close()
    return [
        Clip(np.stack(frames), record, sentence or record.instruction, judged=sentence is None)
        for frames, record in zip(shots, records, strict=True)
    ]
