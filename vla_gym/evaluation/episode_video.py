"""Videos of episodes: the frames, the instruction that the policy was given, and the outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.policy import Policy, PolicySpec
from vla_gym.envs.listeners import Listener, StepEvent
from vla_gym.evaluation.protocol import run_episodes
from vla_gym.evaluation.records import EpisodeRecord
from vla_gym.rendering import Renderer


@dataclass(frozen=True)
class EpisodeVideo:
    """One recorded episode."""

    frames: NDArray[np.uint8]
    """One frame per control step, taken before its action. Shape (t, h, w, 3)."""
    record: EpisodeRecord
    instruction: str
    """The instruction that the policy was given."""
    judged: bool
    """Whether the outcome was judged by that instruction; False if it replaced the episode's."""

    @property
    def caption(self) -> str:
        """The instruction and the outcome."""
        if not self.judged:
            return self.instruction
        return f"{self.instruction}\n{'success' if self.record.success else 'no success'}"


class FrameRecorder(Listener):
    """Renders a frame at the start of each episode and after each step that does not end it.

    Args:
        renderer: Renders the environment's sub-environments.
        camera: ``"fixed"`` or ``"wrist"``.
    """

    def __init__(self, renderer: Renderer, camera: str = "fixed") -> None:
        self._renderer, self._camera = renderer, camera
        self._frames: dict[int, list[NDArray[np.uint8]]] = {}

    def frames(self, i: int) -> NDArray[np.uint8]:
        """Frames of the last episode in sub-environment i. Shape (t, h, w, 3)."""
        return np.stack(self._frames[i])

    def on_episode_start(self, venv: Any, ids: NDArray[np.int64]) -> None:
        """Render the first frames."""
        self._frames.update((int(i), []) for i in ids)
        self._render(ids)

    def on_step(self, venv: Any, event: StepEvent) -> None:
        """Render the episodes that go on."""
        self._render(np.flatnonzero(event.running & ~event.done))

    def _render(self, ids: NDArray[np.int64]) -> None:
        if len(ids):
            for i, frame in zip(ids, self._renderer.render(self._camera, ids), strict=True):
                self._frames[int(i)].append(frame)


class InstructionOverride:
    """A policy that is given another instruction than the environment's.

    Args:
        policy: The policy that acts.
        instruction: What it is given in every sub-environment.
    """

    def __init__(self, policy: Policy, instruction: str) -> None:
        self._policy, self._instruction = policy, instruction

    @property
    def spec(self) -> PolicySpec:
        """That of the policy."""
        return self._policy.spec

    def reset(self, mask: NDArray[np.bool_], obs: Mapping[str, Any]) -> None:
        """Reset with the instruction replaced."""
        self._policy.reset(mask, self._replaced(obs))

    def act(self, obs: Mapping[str, Any]) -> NDArray:
        """Act with the instruction replaced."""
        return self._policy.act(self._replaced(obs))

    def _replaced(self, obs: Mapping[str, Any]) -> dict[str, Any]:
        return {**obs, "instruction": (self._instruction,) * len(obs["instruction"])}


def record_videos(
    venv: Any,
    policy: Policy,
    episodes: int = 1,
    seed: int = 0,
    size: int = 384,
    camera: str = "fixed",
    override: str | None = None,
    asked: str | None = None,
) -> list[EpisodeVideo]:
    """Run and record one episode in each of the first sub-environments.

    Args:
        venv: The environment.
        policy: Acts in all its sub-environments.
        episodes: How many sub-environments to record, at most ``venv.num_envs``.
        seed: Sub-environment k is reset with seed + k.
        size: Width and height of the frames [px].
        camera: ``"fixed"`` or ``"wrist"``.
        override: Instruction given to the policy in place of the environment's own.
        asked: Instruction of the environment; scenes are then drawn in which it makes sense.

    Returns:
        One video per sub-environment.
    """
    renderer = venv.unwrapped.make_renderer(size)
    recorder = FrameRecorder(renderer, camera)
    actor = policy if override is None else InstructionOverride(policy, override)
    try:
        records = run_episodes(venv, actor, seed, episodes, [recorder], asked=asked)
    finally:
        renderer.close()
    return [
        EpisodeVideo(
            recorder.frames(k), record, override or record.instruction, judged=override is None
        )
        for k, record in enumerate(records)
    ]
