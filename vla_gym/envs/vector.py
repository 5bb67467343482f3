"""`TabletopVectorEnv`: n tabletop worlds stepped together, the core of every environment here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from vla_gym.envs import episode as ep
from vla_gym.envs.observation import observation_space, proprio
from vla_gym.envs.reward import potential, progress, stages_of
from vla_gym.envs.settings import REFERENCE_HZ, Settings, action_space
from vla_gym.envs.task import Task
from vla_gym.errors import InvalidActionError, InvalidConfigError, UnknownNameError
from vla_gym.language.splits import rng_for
from vla_gym.world.controller import TcpDeltaController
from vla_gym.world.camera import CameraPool
from vla_gym.world.scene import CAMERAS
from vla_gym.world.viewer import Viewer
from vla_gym.world.visuals import Visuals
from vla_gym.world.world import World

RENDER_SIZE = 480
"""Width and height of pictures from `render` [px]."""
_RESET_OPTIONS = ("same_scene", "roles")


class TabletopVectorEnv(VectorEnv):
    """Worlds with one arm, one task, and a sentence each that says what to do.

    World k of ``reset(seed=s)`` runs the episodes of seed ``s + k``, bit by bit the same in a
    batch of any size, on any number of threads. Worlds that end begin anew in the same step
    (`AutoresetMode.SAME_STEP`): ``infos["final_obs"]`` and ``infos["final_info"]`` keep the end.

    Observations: ``image`` and ``wrist_image`` (n, size, size, 3) uint8, ``proprio`` (n, 26)
    float32 as `vla_gym.envs.observation.PROPRIO` lays it out, ``instruction`` n strings. Actions
    (n, 7) in [-1, 1]: TCP displacement (1 is 0.05 m at 10 Hz), rotation vector (1 is 0.25 rad),
    gripper (negative closes, the rest opens); with ``terminate_action`` an eighth, positive to end the episode.

    Infos: ``is_success`` (n,), ``stage`` (n,) how many stages were reached, ``stages`` (n,) their
    names, ``wrong_object`` (n,) whether something that was not asked for has been grasped,
    ``instruction``.

    Args:
        task: Name in `vla_gym.envs.tasks.TASKS`, or a `Task`.
        num_envs: Number of worlds.
        kwargs: Fields of `vla_gym.envs.settings.Settings`.
    """

    metadata = {
        "render_modes": ["rgb_array", "human"],
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(self, task: str | Task = "PickPlace", num_envs: int = 1, **kwargs: Any) -> None:
        if num_envs < 1:
            raise InvalidConfigError(f"num_envs must be at least 1, not {num_envs}.")
        s = self.settings = Settings.of(**kwargs)
        self.task = _find_task(task)
        self.num_envs, self.render_mode, self.split = num_envs, s.render_mode, s.split
        self.control_hz = s.control_hz
        self.horizon = s.horizon or round(self.task.horizon * s.control_hz / REFERENCE_HZ)
        self.metadata = {**self.metadata, "render_fps": s.control_hz}
        threads = s.n_threads or os.cpu_count() or 1
        self.world = World(num_envs, n_threads=threads)
        self.cameras = CameraPool(self.world, s.image_size, threads)
        self._substeps = s.substeps
        self._controller = TcpDeltaController(self.world, s.control_hz)
        self._window: CameraPool | Viewer | None = None
        self.single_observation_space = observation_space(s.image_size, s.cameras)
        self.single_action_space = action_space(s.terminate_action)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.stages = tuple(stage.name for stage in stages_of(self.task.goal))
        self._reached = np.empty(len(self.stages) + 1, object)
        self._reached[:] = [self.stages[:i] for i in range(len(self.stages) + 1)]
        self.roles = {name: np.zeros(num_envs, np.int64) for name in self.task.roles}
        self.episodes: list[ep.Episode] = []
        self._rngs: list[Generator] = []
        self.elapsed = np.zeros(num_envs, np.int64)
        self._stage = np.zeros(num_envs, np.int64)
        self._wrong = np.zeros(num_envs, bool)
        self._potential = np.zeros(num_envs)
        self._others = np.zeros((num_envs, self.world.n_slots), bool)

    # ---- Gymnasium ----------------------------------------------------------------------------

    @property
    def instructions(self) -> tuple[str, ...]:
        """The sentence of each world."""
        return tuple(e.instruction for e in self.episodes)

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode in every world, or in those of ``options["reset_mask"]``.

        Args:
            seed: World k gets seed + k; or one seed per world, None to go on where it is.
            options: ``same_scene=True`` puts the present scene back as it began; ``roles`` (role
                -> slot, or one such dict per world) then asks for other things in it.
                ``reset_mask`` (n,) names the worlds to reset.

        Raises:
            InvalidConfigError: If an option makes no sense.
        """
        options = dict(options or {})
        mask = options.pop("reset_mask", None)
        ids = np.arange(self.num_envs) if mask is None else np.flatnonzero(np.asarray(mask, bool))
        for name in options:
            if name not in _RESET_OPTIONS:
                raise UnknownNameError("reset option", name, (*_RESET_OPTIONS, "reset_mask"))
        self._seed(seed)
        self._begin(ids, options)
        if self.render_mode == "human":
            self.render()
        return self._observe(), self._info()

    def step(
        self, actions: NDArray
    ) -> tuple[dict[str, Any], NDArray, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Act in every world for one control step.

        Args:
            actions: Shape (n, 7) or (n, 8), in [-1, 1].

        Raises:
            InvalidActionError: If an action has the wrong shape or is not in [-1, 1].
        """
        rewards, terminated, truncated, infos = self._advance(actions)
        obs = self._observe()
        done = terminated | truncated
        if done.any():
            ids = np.flatnonzero(done)
            finals = np.full(self.num_envs, None, object)
            for i in ids:
                finals[i] = {key: value[i] for key, value in obs.items()}
            self._begin(ids, {})
            self._refresh(obs, ids)
            final_info, infos = infos, self._info()
            infos |= {"final_obs": finals, "_final_obs": done}
            infos |= {"final_info": final_info, "_final_info": done}
        if self.render_mode == "human":
            self.render()
        return obs, rewards, terminated, truncated, infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Pictures of all worlds, or nothing where a window shows world 0.

        Returns:
            n pictures (480, 480, 3) in mode "rgb_array".

        Raises:
            RenderingError: If there is no OpenGL library, or no screen for "human".
        """
        if self.render_mode is None:
            raise InvalidConfigError(
                "No render_mode was chosen. Pass render_mode='rgb_array' or 'human' to make()."
            )
        if self.render_mode == "human":
            self._window = self._window or Viewer(self.world)
            self._window.show()
            return None
        self._window = self._window or CameraPool(self.world, RENDER_SIZE, self.cameras.n_threads)
        return tuple(self._window.render("fixed"))

    def close_extras(self, **kwargs: Any) -> None:
        """Free windows and threads."""
        self.cameras.close()
        if self._window is not None:
            self._window.close()
            self._window = None

    # ---- state --------------------------------------------------------------------------------

    def get_state(self) -> dict[str, NDArray]:
        """Everything needed to go on from here bit by bit, as copies of plain arrays."""
        state = {f"world/{k}": v for k, v in self.world.get_state().items()}
        for name in ("elapsed", "_stage", "_wrong", "_potential"):
            state[name] = getattr(self, name).copy()
        state["episodes"] = ep.pack(self.episodes)
        state["rng"] = np.stack([_pack_rng(rng) for rng in self._rngs])
        return state

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state` of an environment made alike."""
        self._adopt(np.arange(self.num_envs), ep.unpack(state["episodes"]))
        self._rngs = [_unpack_rng(row) for row in state["rng"]]
        prefix = "world/"
        self.world.set_state(
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        )
        for name in ("elapsed", "_stage", "_wrong", "_potential"):
            setattr(self, name, np.array(state[name]))

    # ---- inside -------------------------------------------------------------------------------

    def _seed(self, seed: int | Sequence[int | None] | None) -> None:
        n = self.num_envs
        if seed is None and self._rngs:
            return
        if seed is None:
            seed = int(SeedSequence().generate_state(1, np.uint64)[0])
        seeds = list(range(seed, seed + n)) if isinstance(seed, (int, np.integer)) else list(seed)
        if len(seeds) != n:
            raise InvalidConfigError(f"{len(seeds)} seeds were given for {n} worlds.")
        fresh = [None if s is None else rng_for(self.split, int(s)) for s in seeds]
        old = self._rngs or [rng_for(self.split, i) for i in range(n)]
        self._rngs = [o if f is None else f for o, f in zip(old, fresh, strict=True)]
        self._np_random, self._np_random_seed = self._rngs[0], seeds[0]

    def _begin(self, ids: NDArray[np.int64], options: Mapping[str, Any]) -> None:
        roles = options.get("roles")
        if options.get("same_scene") or roles is not None:
            if not options.get("same_scene"):
                raise InvalidConfigError("roles needs same_scene=True: slots belong to a scene.")
            if not self.episodes:
                raise InvalidConfigError("same_scene needs a scene: call reset() once before.")
            wanted = [roles or {}] * len(ids) if isinstance(roles, (Mapping, type(None))) else roles
            drawn = [
                self.episodes[i].asking(self.task, r, self._rngs[i]) if r else self.episodes[i]
                for i, r in zip(ids, wanted, strict=True)
            ]
        else:
            slots = self.world.n_slots
            drawn = [ep.Episode.draw(self.task, self._rngs[i], slots) for i in ids]
        self._adopt(ids, drawn)
        world = self.world
        world.set_objects(ids, [e.binding.specs for e in drawn])
        world.place(ids, np.stack([e.pos for e in drawn]), np.stack([e.quat for e in drawn]))
        world.reset_robot(ids)
        world.set_visuals(ids, [Visuals()] * len(ids))
        world.forward(ids)
        self.elapsed[ids], self._stage[ids], self._wrong[ids] = 0, 0, False
        if self.settings.reward_type == "dense":
            self._potential[ids] = potential(self.task.goal, world, self.roles)[ids]

    def _adopt(self, ids: NDArray[np.int64], drawn: Sequence[ep.Episode]) -> None:
        """Take over what episodes ask for."""
        if not self.episodes:
            self.episodes = list(drawn)
        for i, episode in zip(ids, drawn, strict=True):
            self.episodes[i] = episode
            self._others[i] = ep.graspable(episode, self.world.n_slots)
            for name, slot in episode.binding.roles.items():
                self.roles[name][i] = slot
                self._others[i, slot] = False

    def _advance(
        self, actions: NDArray
    ) -> tuple[NDArray, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One control step without observations or autoreset."""
        if not self.episodes:
            raise InvalidConfigError("Call reset() before step().")
        actions = self._checked(actions)
        world, goal = self.world, self.task.goal
        self._controller.apply(world, actions[:, :7])
        world.step(self._substeps)
        self.elapsed += 1
        success = goal.holds(world, self.roles)
        done, _ = progress(goal, world, self.roles)
        self._stage = np.maximum(self._stage, done)
        self._wrong |= (world.finger_touch.all(axis=2) & self._others).any(axis=1)
        rewards = success.astype(np.float64)
        if self.settings.reward_type == "dense":
            now = potential(goal, world, self.roles)
            rewards += now - self._potential
            self._potential = now
        terminated = success.copy()
        if self.settings.terminate_action:
            terminated |= actions[:, 7] > 0
        truncated = (self.elapsed >= self.horizon) & ~terminated
        return rewards, terminated, truncated, self._info(success)

    def _checked(self, actions: NDArray) -> NDArray[np.float64]:
        actions = np.asarray(actions, np.float64)
        if actions.shape != self.action_space.shape:
            raise InvalidActionError(
                f"Actions must have shape {self.action_space.shape}, got {actions.shape}."
            )
        bad = ~(np.abs(actions) <= 1.0 + 1e-6)  # also catches nan
        if bad.any():
            i, k = np.argwhere(bad)[0]
            names = ("dx", "dy", "dz", "rx", "ry", "rz", "gripper", "terminate")
            raise InvalidActionError(
                f"Action number {k} ({names[k]}) of world {i} is {actions[i, k]}. All must be"
                " finite and lie in [-1, 1]; clip them, or look for nan in the policy."
            )
        return actions

    def _observe(self, ids: NDArray[np.int64] | None = None) -> dict[str, Any]:
        rows = slice(None) if ids is None else ids
        obs: dict[str, Any] = {
            key: self.cameras.render(CAMERAS[key], ids)
            for key in CAMERAS
            if key in self.settings.cameras
        }
        obs["proprio"] = proprio(self.world)[rows]
        obs["instruction"] = self.instructions
        return obs

    def _refresh(self, obs: dict[str, Any], ids: NDArray[np.int64]) -> None:
        """Put the first observations of new episodes in place."""
        for key, value in self._observe(ids).items():
            if key == "instruction":
                obs[key] = value
            else:
                obs[key][ids] = value

    def _info(self, success: NDArray[np.bool_] | None = None) -> dict[str, Any]:
        return {
            "is_success": np.zeros(self.num_envs, bool) if success is None else success,
            "stage": self._stage.copy(),
            "stages": self._reached[self._stage],
            "wrong_object": self._wrong.copy(),
            "instruction": np.array(self.instructions, object),
        }


def _find_task(task: str | Task) -> Task:
    from vla_gym.envs.tasks import TASKS

    if isinstance(task, Task):
        return task
    if task not in TASKS:
        raise UnknownNameError("task", task, TASKS)
    return TASKS[task]


_MASK = (1 << 64) - 1


def _pack_rng(rng: Generator) -> NDArray[np.uint64]:
    """A PCG64 generator's state. Shape (6,)."""
    state: Any = rng.bit_generator.state
    words = [state["state"][key] >> shift & _MASK for key in ("state", "inc") for shift in (0, 64)]
    return np.array([*words, state["has_uint32"], state["uinteger"]], np.uint64)


def _unpack_rng(row: NDArray) -> Generator:
    low, high, inc_low, inc_high, has, value = (int(x) & _MASK for x in row)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": low | high << 64, "inc": inc_low | inc_high << 64},
        "has_uint32": has,
        "uinteger": value,
    }
    return Generator(bits)
