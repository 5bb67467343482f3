"""`TabletopVectorEnv`: n tabletop sub-environments stepped together, the core of every env here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any, ClassVar

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from vla_gym.envs.actions import action_space
from vla_gym.envs.core import TabletopCore
from vla_gym.envs.episode_source import EpisodeRequest, checked_mask, known_options
from vla_gym.envs.observation import observation_space
from vla_gym.envs.plain_data import settled
from vla_gym.envs.settings import Settings
from vla_gym.envs.sub_env_access import SubEnvAccess
from vla_gym.envs.task import Task
from vla_gym.envs.tasks import find_tasks
from vla_gym.errors import ClosedEnvError, EpisodeOverError, InvalidConfigError, UnknownNameError
from vla_gym.rendering import Renderer
from vla_gym.rendering.viewer import Viewer

RENDER_SIZE = 480
"""Width and height of images from `render` [px]."""


class TabletopVectorEnv(SubEnvAccess, TabletopCore, VectorEnv):
    """Tables with one arm and an instruction each.

    Sub-environment k of ``reset(seed=s)`` runs the episodes of seed ``s + k``, bit by bit the same
    in a batch of any size, on any number of threads.

    By default episodes that end are followed by new ones in the same step
    (`AutoresetMode.SAME_STEP`); ``infos["final_obs"]`` and ``infos["final_info"]`` hold the last
    observation and infos of those that ended. With ``NEXT_STEP`` new episodes start in the step
    after, which ignores the action, pays nothing and returns the first observation. With
    ``DISABLED`` they wait for a reset with a mask. The episodes are the same in all three.

    Observations: ``image`` and ``wrist_image`` (n, size, size, 3) uint8, ``proprio`` (n, 26)
    float32 as laid out by `vla_gym.envs.observation.proprio_layout`, ``instruction``, n strings
    (with ``text=False`` in infos only).

    With ``goals=True`` also ``observation``, ``achieved_goal`` and ``desired_goal``, float32, as
    `vla_gym.envs.goal_view.GoalView` says; its method `compute_reward` pays for any two of them.

    Actions: (n, 7) in [-1, 1]: TCP displacement (1 is 0.05 m at 10 Hz), rotation vector (1 is
    0.25 rad), gripper (negative closes, otherwise it opens; `gripper` and `gripper_sign` change
    that). With ``terminate_action`` an eighth number ends the episode where it is positive.

    Infos, each (n,): ``is_success``; ``stage``, how many stages were reached; ``stages``, their
    names, "" for each that was not, always as many as the task with most stages has;
    ``wrong_object``, whether an object that plays no role has been grasped; ``violated``, whether a
    condition that had to hold was broken, which ends the episode; ``diverged``, whether the
    simulation became unstable, which ends it without success; ``task``, its name; ``instruction``.
    With a safety layer also ``cost`` and its parts ``cost_*``, ``peak_*``, ``executed_action`` (n,
    7 or 8) and ``safety_intervened``.

    Args:
        task: Name in `vla_gym.envs.tasks.TASKS` or `vla_gym.envs.tasks.MIXTURES`, a `Task`, or
            several tasks, of which each episode draws one.
        num_envs: Number of sub-environments.
        autoreset_mode: When the next episode starts: a `gymnasium.vector.AutoresetMode` or its
            value, ``"SameStep"``, ``"NextStep"`` or ``"Disabled"``.
        kwargs: Fields of `vla_gym.envs.settings.Settings`.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "render_modes": ["rgb_array", "human"],
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        task: str | Task | Sequence[Task] = "PickPlace",
        num_envs: int = 1,
        autoreset_mode: str | AutoresetMode = AutoresetMode.SAME_STEP,
        **kwargs: Any,
    ) -> None:
        self.autoreset_mode = _mode_of(autoreset_mode)
        if num_envs < 1:
            raise InvalidConfigError(f"num_envs must be at least 1, not {num_envs}.")
        settings = Settings.of(**kwargs)
        super().__init__(find_tasks(task), num_envs, settings)
        self.num_envs, self.render_mode = num_envs, settings.render_mode
        self.metadata = {
            **self.metadata,
            "render_fps": int(hz) if (hz := settings.control_hz) == int(hz) else hz,
            "autoreset_mode": self.autoreset_mode,
        }
        self._over = np.zeros(num_envs, bool)
        self._notes, self._spec = {}, None
        self.single_observation_space = observation_space(
            settings.image_size, settings.cameras, self.world.robot, settings.text,
            self.observer.goals,
        )  # fmt: skip
        self.single_action_space = action_space(self.terminate_action)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._viewer: Viewer | None = None
        self._frames: Renderer | None = None

    @property
    def spec(self) -> EnvSpec | None:
        """How the environment was made, with its step limit; survives JSON and pickle."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = settled(spec, self.horizon)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode in every sub-environment, or in those of ``options["reset_mask"]``.

        Args:
            seed: Sub-environment k gets seed + k; or one seed each, None to continue its stream.
                Sub-environments that are not reset keep theirs.
            options: ``instruction`` (one, or one per sub-environment) draws scenes that it fits.
                ``same_scene=True`` restores the start of the present scene; then ``instruction``,
                or ``roles`` (role -> slot, or one such dict per sub-environment), asks for other
                objects in it. ``reset_mask`` (n,) selects the sub-environments to reset; the first
                reset starts all of them. Other keys are ignored.

        Raises:
            InvalidConfigError: If options contradict each other, or the mask selects nothing.
            InstructionError: If an instruction is not understood, or names no object or several.
        """
        self.check_open()
        options = known_options(options)
        mask = checked_mask(options.get("reset_mask"), self.num_envs)
        chosen = np.flatnonzero(mask)
        request = EpisodeRequest.of(options, len(chosen))
        if not self.episodes and not mask.all():
            request, mask = request.spread(chosen, self.num_envs), np.ones(self.num_envs, bool)
        seeds = self.source.seed(seed, mask)
        if seeds is not None and seeds[0] is not None:
            self._np_random, self._np_random_seed = self.source.rngs[0], seeds[0]
        self.start(np.flatnonzero(mask), request)
        self._over &= ~mask
        self._show()
        return self.observe(), self._first_infos()

    def _first_infos(self) -> dict[str, Any]:
        """Infos after a reset: the same entries as after a step, zero where nothing has moved."""
        rest = np.zeros((self.num_envs, *(self.single_action_space.shape or ())))
        moved = self.actuator.info(rest, rest)
        return self.judge.info() | {key: np.zeros_like(value) for key, value in moved.items()}

    def step(
        self, actions: NDArray
    ) -> tuple[dict[str, Any], NDArray, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Act in every sub-environment for one control step.

        Args:
            actions: Shape (n, 7) or (n, 8), in [-1, 1].

        Raises:
            InvalidActionError: If an action has the wrong shape or is not in [-1, 1].
            EpisodeOverError: If an episode has ended and autoreset is disabled.
        """
        self.check_open()
        if self.autoreset_mode == AutoresetMode.DISABLED and self._over.any():
            raise EpisodeOverError(
                f"The episodes of sub-environments {np.flatnonzero(self._over).tolist()} have "
                "ended, and autoreset is disabled. Start new ones before step(): "
                "reset(options={'reset_mask': terminated | truncated})."
            )
        rewards, terminated, truncated, infos = self.advance(actions, self._over)
        if self._over.any():
            infos = self._restart(infos)
        obs = self.observe()
        done = terminated | truncated
        if self.autoreset_mode != AutoresetMode.SAME_STEP:
            self._over = done.copy()
        elif done.any():
            ids = np.flatnonzero(done)
            finals = np.full(self.num_envs, None, object)
            for i in ids:  # copies, as the first observations of new episodes overwrite these
                finals[i] = {key: copy(value[i]) for key, value in obs.items()}
            self.start(ids, EpisodeRequest.of({}, len(ids)))
            self.observer.refresh(obs, self.instructions, ids)
            final_info, infos = infos, infos | self.judge.info()
            infos |= {"final_obs": finals, "_final_obs": done}
            infos |= {"final_info": final_info, "_final_info": done}
        self._show()
        return obs, rewards, terminated, truncated, infos

    def _restart(self, infos: dict[str, Any]) -> dict[str, Any]:
        """Start new episodes where they are over; infos there are those of a reset."""
        over, ids = self._over, np.flatnonzero(self._over)
        self.start(ids, EpisodeRequest.of({}, len(ids)))
        fresh = self._first_infos()
        for key, value in infos.items():
            mask = over.reshape(-1, *(1,) * (value.ndim - 1))
            infos[key] = np.where(mask, fresh[key], value)
        return infos

    def get_state(self) -> dict[str, NDArray]:
        """Everything needed to continue from here bit by bit, as copies of plain arrays."""
        return super().get_state() | {"over": self._over.copy()}

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state` of an environment with the same arguments."""
        super().set_state(state)
        self._over[:] = state.get("over", np.zeros(self.num_envs, bool))

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Images of all sub-environments; in mode "human" a window shows the first one.

        Returns:
            n images (480, 480, 3) in mode "rgb_array".

        Raises:
            RenderingError: If there is no screen for "human", or no OpenGL library where OpenGL
                draws.
        """
        self.check_open()
        if self.render_mode is None:
            raise InvalidConfigError(
                "No render_mode was chosen. Pass render_mode='rgb_array' or 'human' to make()."
            )
        if self.render_mode == "human":
            self._viewer = self._viewer or Viewer(self.world)
            self._viewer.show()
            return None
        if self._frames is None:
            self._frames = self.make_renderer(RENDER_SIZE)
        return tuple(self._frames.render("fixed"))

    def check_open(self) -> None:
        """Make sure that the environment can still be used.

        Raises:
            ClosedEnvError: If it has been closed.
        """
        if self.closed:
            raise ClosedEnvError(
                "This environment has been closed. Make a new one: closing frees its threads."
            )

    def close_extras(self, **kwargs: Any) -> None:
        """Free windows and threads; a closed environment cannot be used any more."""
        self.renderer.close()
        for window in (self._viewer, self._frames):
            if window is not None:
                window.close()
        self._viewer = self._frames = None

    def _show(self) -> None:
        if self.render_mode == "human":
            self.render()


def _mode_of(mode: str | AutoresetMode) -> AutoresetMode:
    try:
        return AutoresetMode(mode)
    except ValueError:
        valid = [m.value for m in AutoresetMode]
        raise UnknownNameError("autoreset_mode", mode, valid) from None
