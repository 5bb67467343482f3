"""`TabletopCore`: n tables, their episodes and what judges them, without Gymnasium's surface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.actions import checked_actions, flipped_gripper
from vla_gym.envs.disturbance import move_objects
from vla_gym.envs.episode import Episode, pack, unpack
from vla_gym.envs.episode_source import EpisodeRequest, EpisodeSource
from vla_gym.envs.goal_view import GoalView, compute_reward
from vla_gym.envs.judge import Judge
from vla_gym.envs.listeners import Listener, StepEvent
from vla_gym.envs.observation import Observer
from vla_gym.envs.running_episodes import RunningEpisodes
from vla_gym.envs.settings import Settings
from vla_gym.envs.task import Task
from vla_gym.errors import InvalidConfigError
from vla_gym.rendering import Renderer, make_renderer
from vla_gym.safety.approval import Approval
from vla_gym.safety.guard import Guard
from vla_gym.safety.limits import SafetyConfig
from vla_gym.world.actuator import Actuator, PlainActuator
from vla_gym.world.controller import REFERENCE_HZ, TcpDeltaController
from vla_gym.world.cores import usable_cores
from vla_gym.world.world import World

_REDRAWS = 50
"""Most times that episodes which start solved are drawn again."""


class TabletopCore:
    """Runs episodes of some tasks in n sub-environments.

    It connects its parts: `world` simulates, `source` draws episodes, `current` holds the running
    ones, `actuator` executes actions, `judge` decides on success and rewards, `observer` and
    `renderer` make observations; listeners are called.

    Args:
        tasks: Tasks of which each episode draws one.
        n: Number of sub-environments.
        settings: Everything else.
    """

    def __init__(self, tasks: Sequence[Task], n: int, settings: Settings) -> None:
        self.tasks, self.settings = tuple(tasks), settings
        self.axes, self.split = frozenset(settings.novelty), settings.split
        self.control_hz = settings.control_hz
        chosen = settings.terminate_action
        self.terminate_action = any(t.terminate for t in tasks) if chosen is None else chosen
        self._ratio = settings.control_hz / REFERENCE_HZ
        own = max(round(t.horizon * self._ratio) for t in tasks)
        self.horizon = settings.horizon or settings.max_episode_steps or own
        # a spec, made again, asks for what is the default: then tasks keep their own limits
        self._limit = settings.horizon or (self.horizon if self.horizon != own else None)
        self._threads = settings.n_threads or usable_cores()
        self.world = World(n, n_threads=self._threads, robot=settings.robot)
        renderer = self.make_renderer(settings.image_size)
        n_slots = self.world.n_slots
        self.current = RunningEpisodes(self.tasks, n, n_slots)
        self.source = EpisodeSource(
            self.tasks, n, n_slots, settings.split, self.axes, self.terminate_action
        )
        self.judge = Judge(self.world, self.current, settings.reward_type == "dense")
        if settings.goals:  # tools take an environment with this method for one with goals
            self.compute_reward = compute_reward
        goals = GoalView(self.world, self.current, self.tasks) if settings.goals else None
        self.observer = Observer(self.world, renderer, settings.cameras, settings.text, goals)
        self._gripper_flipped = settings.gripper_sign == "positive_closes"
        self._controller = TcpDeltaController(self.world, settings.control_hz)
        self.actuator: Actuator = PlainActuator(self.world, self._controller)
        self._listeners: list[Listener] = []
        self._observations: Mapping[str, Any] = {}
        self.protect(settings.safety)

    # ---- what is attached ---------------------------------------------------------------------

    @property
    def renderer(self) -> Renderer:
        """Renders the images of observations; another one may be assigned."""
        return self.observer.renderer

    @renderer.setter
    def renderer(self, renderer: Renderer) -> None:
        self.observer.renderer = renderer

    def make_renderer(self, size: int) -> Renderer:
        """A renderer for the sub-environments, by the chosen backend.

        Args:
            size: Width and height of the images [px].
        """
        return make_renderer(self.world, size, self._threads, self.settings.render_backend)

    def protect(self, config: SafetyConfig, approval: Approval | None = None) -> None:
        """Put a safety layer between actions and the arm, replacing the present one.

        Args:
            config: Limits and mode.
            approval: Asked about flagged actions in mode "veto".
        """
        self.actuator.close()
        self.actuator = PlainActuator(self.world, self._controller)
        if config.mode != "off":
            self.actuator = Guard(self.world, self._controller, self.control_hz, config, approval)
        self.actuator.start(np.arange(len(self.episodes)), self._played(self.episodes))

    @property
    def guard(self) -> Guard | None:
        """The safety layer, or None in mode "off"."""
        return self.actuator if isinstance(self.actuator, Guard) else None

    def add_listener(self, listener: Listener) -> None:
        """Call a listener at the start, steps and end of episodes; in the order of adding."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Listener) -> None:
        """Remove a listener that was added."""
        self._listeners.remove(listener)

    # ---- the running episodes -----------------------------------------------------------------

    @property
    def task(self) -> Task:
        """The task; of a mixture, the first."""
        return self.tasks[0]

    @property
    def running_tasks(self) -> tuple[Task, ...]:
        """`tasks`, followed by those that were put together for running episodes."""
        return self.current.tasks

    @property
    def action_scale(self) -> NDArray:
        """Displacement [m] and rotation vector [rad] of a full action. Shape (6,)."""
        return self._controller.scale

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the task's stages, in order; none for a mixture."""
        return self.judge.stages[0] if len(self.tasks) == 1 else ()

    @property
    def episodes(self) -> list[Episode]:
        """The episode of each sub-environment; none before the first reset."""
        return self.current.episodes

    @property
    def instructions(self) -> tuple[str, ...]:
        """The instruction of each sub-environment; none before the first reset."""
        return tuple(self.current.instructions) if self.episodes else ()

    @property
    def elapsed(self) -> NDArray[np.int64]:
        """Control steps since each episode started. Shape (n,), writable."""
        return self.current.elapsed

    @property
    def task_id(self) -> NDArray[np.int64]:
        """Index into `running_tasks` of each sub-environment. Shape (n,)."""
        return self.current.task_id

    @property
    def roles(self) -> dict[str, NDArray]:
        """Privileged: role -> slots, as `RunningEpisodes.roles`."""
        return self.current.roles

    @property
    def named_slots(self) -> NDArray[np.int64]:
        """Privileged: slots of the first and last object that each instruction names. Shape (n, 2).

        Of a group its first member; an object that is absent is left out.
        """
        return self.current.named_slots.copy()

    # ---- one episode, one step ----------------------------------------------------------------

    def start(self, ids: NDArray[np.int64], request: EpisodeRequest) -> None:
        """Start episodes; those that would be solved from the start are drawn again.

        Args:
            ids: Sub-environments. Shape (m,).
            request: What is asked for in each of them.

        Raises:
            InvalidConfigError: If there is no present scene, or a role cannot be played.
            InstructionError: If an instruction is not understood or does not fit.
        """
        self._set_up(ids, request)
        if not request.same_scene:
            self._replace_solved(ids, request)
        for listener in self._listeners:
            listener.on_episode_start(self, ids)
        self.judge.start(ids)

    def _replace_solved(self, ids: NDArray[np.int64], request: EpisodeRequest) -> None:
        for _ in range(_REDRAWS):
            solved = self.judge.solved()[ids]
            if not solved.any():
                return
            ids, request = ids[solved], request.of_rows(solved)
            self._set_up(ids, request)

    def _set_up(self, ids: NDArray[np.int64], request: EpisodeRequest) -> None:
        """Draw episodes and put sub-environments into their start."""
        episodes = self.source.episodes(ids, request, self.episodes)
        self.current.adopt(ids, episodes)
        self.current.elapsed[ids] = 0
        world = self.world
        world.set_objects(ids, [e.binding.specs for e in episodes])
        world.place(ids, np.stack([e.pos for e in episodes]), np.stack([e.quat for e in episodes]))
        world.reset_robot(ids)
        world.set_visuals(ids, [e.looks for e in episodes])
        world.forward(ids)
        self.judge.reset(ids)
        self.actuator.start(ids, self._played(episodes))

    def advance(
        self, actions: NDArray, resting: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Act for one control step, without observations and without autoreset.

        Args:
            actions: Shape (n, 7), or (n, 8) with the terminate action, in [-1, 1].
            resting: Sub-environments whose episode is over, and for which this is no step: their
                action is ignored, and they are paid nothing. Shape (n,).

        Returns:
            Rewards, terminated, truncated (n,) and infos.

        Raises:
            InvalidActionError: If an action has the wrong shape or is not in [-1, 1].
        """
        if not self.episodes:
            raise InvalidConfigError("Call reset() before step().")
        clip = self.settings.out_of_range == "clip"
        actions = checked_actions(actions, self.current.n, self.terminate_action, resting, clip)
        motion = self._motion_of(actions)
        if "moved" in self.axes:
            move_objects(self.world, self.current)
        executed = self.actuator.execute(motion, self.settings.substeps)
        self.current.elapsed += 1
        ended = actions[:, 7] > 0 if self.terminate_action else np.zeros(self.current.n, bool)
        success = self.judge.step(ended)
        rewards = self.judge.rewards(success)
        terminated = success | ended | self.judge.violated | self.world.diverged
        truncated = (self.elapsed >= self._limits()) & ~terminated
        infos = self.judge.info(success) | self.actuator.info(motion, executed)
        if "executed_action" in infos and self._gripper_flipped:
            infos["executed_action"] = flipped_gripper(infos["executed_action"])
        running = np.ones(self.current.n, bool) if resting is None else ~resting
        rewards, terminated, truncated = (
            rewards * running,
            terminated & running,
            truncated & running,
        )
        if self._listeners:
            self._notify(
                StepEvent(
                    actions, rewards, terminated, truncated, infos, running, self._observations
                )
            )
        return rewards, terminated, truncated, infos

    def _motion_of(self, actions: NDArray) -> NDArray:
        """Actions in the convention of the arm: a positive gripper number opens, and so does 0."""
        motion = flipped_gripper(actions) if self._gripper_flipped else actions
        if self.settings.gripper == "hold":
            opened = self.world.ctrl[:, self.world.n_arm] > 0.0
            motion = motion.copy()
            motion[:, 6] = np.where(motion[:, 6] == 0.0, np.where(opened, 1.0, -1.0), motion[:, 6])
        return motion

    def _limits(self) -> NDArray | int:
        """Control steps after which each episode is truncated. Shape (n,)."""
        own = np.rint(self.current.horizons * self._ratio).astype(np.int64)
        return self._limit or own

    def observe(self) -> dict[str, Any]:
        """The present observation of every sub-environment."""
        self._observations = obs = self.observer.observe(self.instructions)
        return obs

    def _notify(self, event: StepEvent) -> None:
        for listener in self._listeners:
            listener.on_step(self, event)
        if event.done.any():
            for listener in self._listeners:
                listener.on_episode_end(self, np.flatnonzero(event.done))

    # ---- state --------------------------------------------------------------------------------

    def get_state(self) -> dict[str, NDArray]:
        """Everything needed to continue from here bit by bit, as copies of plain arrays."""
        state = {"episodes": pack(self.episodes), "elapsed": self.elapsed.copy()}
        for name, part in self._parts().items():
            state |= {f"{name}/{key}": value for key, value in part.get_state().items()}
        return state

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state` of an environment with the same arguments."""
        self.current.adopt(np.arange(self.current.n), unpack(state["episodes"]))
        self.elapsed[:] = state["elapsed"]
        for name, part in self._parts().items():
            own = [key for key in state if key.startswith(f"{name}/")]
            part.set_state({key.removeprefix(f"{name}/"): state[key] for key in own})

    def _parts(self) -> dict[str, Any]:
        """The parts with a state of their own."""
        return {"world": self.world, "source": self.source, "judge": self.judge,
                "actuator": self.actuator}  # fmt: skip

    @staticmethod
    def _played(episodes: Sequence[Episode]) -> list[dict[str, tuple[int, ...]]]:
        return [e.binding.played for e in episodes]
