"""`TabletopVectorEnv`: n tabletop worlds stepped together, the core of every environment here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.random import Generator, SeedSequence
from numpy.typing import NDArray

from vla_gym.envs import episode as ep
from vla_gym.envs.observation import observation_space, proprio
from vla_gym.envs.settings import REFERENCE_HZ, Settings, action_space
from vla_gym.envs.splits import rng_for
from vla_gym.envs.task import Task
from vla_gym.errors import (
    InstructionError,
    InvalidActionError,
    InvalidConfigError,
    UnknownNameError,
)
from vla_gym.rendering.opengl import OpenGLRenderer
from vla_gym.rendering.viewer import Viewer
from vla_gym.safety.approval import Approval
from vla_gym.safety.guard import Guard
from vla_gym.safety.limits import SafetyConfig
from vla_gym.skills.progress import potential, progress, stages_of
from vla_gym.world.controller import TcpDeltaController
from vla_gym.world.model import CAMERAS
from vla_gym.world.world import World

RENDER_SIZE = 480
"""Width and height of pictures from `render` [px]."""
_REDRAWS = 50
"""How often an episode that starts solved is drawn anew."""
_AT_HAND = 0.03
"""Distance from the hand within which nothing is moved [m]."""
_RESET_OPTIONS = ("instruction", "same_scene", "roles")


class TabletopVectorEnv(VectorEnv):
    """Worlds with one arm, one task, and a sentence each that says what to do.

    World k of ``reset(seed=s)`` runs the episodes of seed ``s + k``, bit by bit the same in a
    batch of any size, on any number of threads. Worlds that end begin anew in the same step
    (`AutoresetMode.SAME_STEP`): ``infos["final_obs"]`` and ``infos["final_info"]`` keep the end.

    Observations: ``image`` and ``wrist_image`` (n, size, size, 3) uint8, ``proprio`` (n, 26)
    float32 as `vla_gym.envs.observation.proprio_layout` says, ``instruction`` n strings. Actions
    (n, 7) in [-1, 1]: TCP displacement (1 is 0.05 m at 10 Hz), rotation vector (1 is 0.25 rad),
    gripper (negative closes, the rest opens); with ``terminate_action`` an
    eighth, positive to end the episode.

    Infos: ``is_success`` (n,), ``stage`` (n,) how many stages were reached, ``stages`` (n,) their
    names, ``wrong_object`` (n,) whether something that was not asked for has been grasped,
    ``violated`` (n,) whether something that had to stay true did not, which ends the episode,
    ``diverged`` (n,) whether the physics broke down, which ends it without success,
    ``task`` (n,) its name, ``instruction``. With a safety layer also ``cost`` (n,) and its parts
    ``cost_*``, ``peak_*``, ``executed_action`` (n, 7 or 8) and ``safety_intervened`` (n,).

    Args:
        task: Name in `vla_gym.envs.tasks.TASKS` or `MIXTURES`, a `Task`, or several, of which each
            episode draws one.
        num_envs: Number of worlds.
        kwargs: Fields of `vla_gym.envs.settings.Settings`.
    """

    metadata = {
        "render_modes": ["rgb_array", "human"],
        "render_fps": 10,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self, task: str | Task | Sequence[Task] = "PickPlace", num_envs: int = 1, **kwargs: Any
    ) -> None:
        if num_envs < 1:
            raise InvalidConfigError(f"num_envs must be at least 1, not {num_envs}.")
        s = self.settings = Settings.of(**kwargs)
        self.tasks = _find_tasks(task)
        self.axes = frozenset(s.novelty)
        self.terminate_action = s.terminate_action
        if self.terminate_action is None:
            self.terminate_action = any(t.terminate for t in self.tasks)
        self.num_envs, self.render_mode, self.split = num_envs, s.render_mode, s.split
        self.control_hz = s.control_hz
        ratio = s.control_hz / REFERENCE_HZ
        self._horizons = np.array([s.horizon or round(t.horizon * ratio) for t in self.tasks])
        self.horizon = int(self._horizons.max())
        self.metadata = {**self.metadata, "render_fps": s.control_hz}
        threads = s.n_threads or os.cpu_count() or 1
        self.world = World(num_envs, n_threads=threads, robot=s.robot)
        self.renderer = OpenGLRenderer(self.world, s.image_size, threads)
        self._substeps = s.substeps
        self._controller = TcpDeltaController(self.world, s.control_hz)
        self._window: OpenGLRenderer | Viewer | None = None
        self.single_observation_space = observation_space(s.image_size, s.cameras, self.world.robot)
        self.single_action_space = action_space(self.terminate_action)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._stages = [tuple(stage.name for stage in stages_of(t.goal)) for t in self.tasks]
        self.task_id = np.zeros(num_envs, np.int64)
        self.roles: dict[str, NDArray] = {}
        for name, role in (item for t in self.tasks for item in t.roles.items()):
            many = np.zeros((num_envs, self.world.n_slots), bool)
            self.roles[name] = many if role.many else np.zeros(num_envs, np.int64)
        self._names = np.array([t.name for t in self.tasks], object)
        self._reached = _stage_table(self._stages)
        self._sentences = np.full(num_envs, "", object)
        self._named = np.zeros((num_envs, 2), np.int64)
        self.episodes: list[ep.Episode] = []
        self._rngs: list[Generator] = []
        self.elapsed = np.zeros(num_envs, np.int64)
        self._stage = np.zeros(num_envs, np.int64)
        self._wrong = np.zeros(num_envs, bool)
        self._violated = np.zeros(num_envs, bool)
        self._potential = np.zeros(num_envs)
        self._others = np.zeros((num_envs, self.world.n_slots), bool)
        self.guard: Guard | None = None
        self.on_begin: Callable[[NDArray[np.int64]], None] | None = None
        """Called with the worlds in which an episode has just been set up."""
        self.on_draw: Callable[[int], ep.Episode] | None = None
        """Called with a world to choose its next episode, in place of `draw`."""
        self.protect(s.safety)

    def protect(self, config: SafetyConfig, approval: Approval | None = None) -> None:
        """Put a safety layer between actions and the arm, in the place of the present one.

        Args:
            config: Limits and mode.
            approval: Asked about flagged actions in mode "veto".
        """
        if self.guard is not None:
            self.guard.close()
        self.guard = None
        if config.mode != "off":
            self.guard = Guard(self.world, self._controller, self.control_hz, config, approval)
            if self.episodes:
                ids = np.arange(self.num_envs)
                self.guard.begin(ids, [e.binding.played for e in self.episodes])

    @property
    def task(self) -> Task:
        """The task; of a mixture, the first."""
        return self.tasks[0]

    @property
    def action_scale(self) -> NDArray:
        """Displacement [m] and rotation vector [rad] of a full action. Shape (6,)."""
        return self._controller.scale

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the task's stages, in order; none for a mixture."""
        return self._stages[0] if len(self.tasks) == 1 else ()

    @property
    def named_slots(self) -> NDArray[np.int64]:
        """Slots of the first and the last thing that each world's sentence names. Shape (n, 2).

        Privileged. Of a group its first member; of things that are not there, whatever is last.
        """
        return self._named.copy()

    # ---- Gymnasium ----------------------------------------------------------------------------

    @property
    def instructions(self) -> tuple[str, ...]:
        """The sentence of each world."""
        return tuple(self._sentences) if self.episodes else ()

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begin an episode in every world, or in those of ``options["reset_mask"]``.

        Args:
            seed: World k gets seed + k; or one seed per world, None to go on where it is.
            options: ``instruction`` (a sentence, or one per world) draws scenes in which it makes
                sense. ``same_scene=True`` puts the present scene back as it began; then
                ``instruction``, or ``roles`` (role -> slot, or one such dict per world), asks for
                other things in it. ``reset_mask`` (n,) names the worlds to reset.

        Raises:
            InvalidConfigError: If an option makes no sense.
            InstructionError: If a sentence is not understood, or fits no thing or several.
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
            for i in ids:  # copies: the first observations of new episodes take their place
                finals[i] = {key: copy(value[i]) for key, value in obs.items()}
            self._begin(ids, {})
            self._refresh(obs, ids)
            final_info, infos = infos, infos | self._info()
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
        self._window = self._window or OpenGLRenderer(
            self.world, RENDER_SIZE, self.renderer.n_threads
        )
        return tuple(self._window.render("fixed"))

    def close_extras(self, **kwargs: Any) -> None:
        """Free windows and threads."""
        self.renderer.close()
        if self._window is not None:
            self._window.close()
            self._window = None

    # ---- state --------------------------------------------------------------------------------

    def get_state(self) -> dict[str, NDArray]:
        """Everything needed to go on from here bit by bit, as copies of plain arrays."""
        state = {f"world/{k}": v for k, v in self.world.get_state().items()}
        for name in ("elapsed", "_stage", "_wrong", "_violated", "_potential"):
            state[name] = getattr(self, name).copy()
        state["episodes"] = ep.pack(self.episodes)
        state["rng"] = np.stack([_pack_rng(rng) for rng in self._rngs])
        if self.guard is not None:
            state |= {f"guard/{k}": v for k, v in self.guard.get_state().items()}
        return state

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state` of an environment made alike."""
        self._adopt(np.arange(self.num_envs), ep.unpack(state["episodes"]))
        self._rngs = [_unpack_rng(row) for row in state["rng"]]
        prefix = "world/"
        self.world.set_state(
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        )
        for name in ("elapsed", "_stage", "_wrong", "_violated", "_potential"):
            setattr(self, name, np.array(state[name]))
        if self.guard is not None:
            self.guard.set_state(state)

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
        self._set_up(ids, self._drawn(ids, options))
        if not options.get("same_scene"):
            self._redraw_solved(ids, options)
        if self.on_begin is not None:
            self.on_begin(ids)
        if self.settings.reward_type == "dense":
            self._potential[ids] = self._potentials()[ids]

    def _redraw_solved(self, ids: NDArray[np.int64], options: Mapping[str, Any]) -> None:
        """Draw anew where by chance nothing would be left to do."""
        for _ in range(_REDRAWS):
            solved = self._solved()[ids]
            if not solved.any():
                return
            ids = ids[solved]
            texts = options.get("instruction")
            if not isinstance(texts, (str, type(None))):
                texts = [t for t, again in zip(texts, solved, strict=True) if again]
                options = {**options, "instruction": texts}
            self._set_up(ids, self._drawn(ids, options))

    def _solved(self) -> NDArray[np.bool_]:
        """Which worlds are as their sentence wants them, with nothing done. Shape (n,)."""
        solved = np.zeros(self.num_envs, bool)
        for k, task in enumerate(self.tasks):
            mine = self.task_id == k
            if mine.any() and not task.terminate:
                solved |= mine & task.goal.holds(self.world, self.roles)
        return solved

    def _set_up(self, ids: NDArray[np.int64], drawn: list[ep.Episode]) -> None:
        """Put worlds as their episodes begin."""
        self._adopt(ids, drawn)
        world = self.world
        world.set_objects(ids, [e.binding.specs for e in drawn])
        world.place(ids, np.stack([e.pos for e in drawn]), np.stack([e.quat for e in drawn]))
        world.reset_robot(ids)
        world.set_visuals(ids, [e.looks for e in drawn])
        world.forward(ids)
        self.elapsed[ids], self._stage[ids] = 0, 0
        self._wrong[ids], self._violated[ids] = False, False
        if self.guard is not None:
            self.guard.begin(ids, [e.binding.played for e in drawn])

    def _drawn(self, ids: NDArray[np.int64], options: Mapping[str, Any]) -> list[ep.Episode]:
        """The episodes that begin."""
        roles, text = options.get("roles"), options.get("instruction")
        texts = [text] * len(ids) if isinstance(text, (str, type(None))) else list(text)
        if len(texts) != len(ids):
            raise InvalidConfigError(f"{len(texts)} instructions were given for {len(ids)} worlds.")
        if not options.get("same_scene"):
            if roles is not None:
                raise InvalidConfigError("roles needs same_scene=True: slots belong to a scene.")
            chosen = self.on_draw if text is None and self.on_draw is not None else self.draw
            return [
                chosen(int(i)) if said is None else self._draw(self._rngs[i], said)
                for i, said in zip(ids, texts, strict=True)
            ]
        if not self.episodes:
            raise InvalidConfigError("same_scene needs a scene: call reset() once before.")
        if roles is not None and text is not None:
            raise InvalidConfigError("Give either roles or an instruction, not both.")
        wanted = [roles or {}] * len(ids) if isinstance(roles, (Mapping, type(None))) else roles
        return [self._again(int(i), r, said) for i, r, said in zip(ids, wanted, texts, strict=True)]

    def draw(self, i: int) -> ep.Episode:
        """The next episode of world i's stream, which advances; nothing begins by it."""
        return self._draw(self._rngs[i], None)

    def _draw(self, rng: Generator, said: str | None) -> ep.Episode:
        """A new episode, of one of the tasks, under a given sentence if there is one."""
        slots = self.world.n_slots
        if said is None:
            k = int(rng.integers(len(self.tasks))) if len(self.tasks) > 1 else 0
            return replace(ep.Episode.draw(self.tasks[k], rng, slots, self.axes), task=k)
        fault: InstructionError | None = None
        for k, task in enumerate(self.tasks):
            try:
                for wishes in task.read(said):
                    drawn = ep.Episode.draw(task, rng, slots, self.axes, wishes, said)
                    return replace(drawn, task=k)
            except InstructionError as problem:
                fault = problem if fault is None else _further(fault, problem)
        assert fault is not None
        raise fault

    def _again(self, i: int, roles: Mapping[str, int] | None, said: str | None) -> ep.Episode:
        """World i's scene once more, under another sentence if one is wanted."""
        old, fault = self.episodes[i], None
        if said is None:
            task = self.tasks[old.task]
            return old.asking(task, roles, self._rngs[i], self.axes) if roles else old
        for k, task in enumerate(self.tasks):
            try:
                return replace(old.told(task, said), task=k)
            except InstructionError as problem:
                fault = problem if fault is None else _further(fault, problem)
        assert fault is not None
        raise fault

    def _adopt(self, ids: NDArray[np.int64], drawn: Sequence[ep.Episode]) -> None:
        """Take over what episodes ask for."""
        if not self.episodes:
            self.episodes = list(drawn)
        for i, episode in zip(ids, drawn, strict=True):
            self.episodes[i] = episode
            self.task_id[i], self._sentences[i] = episode.task, episode.instruction
            self._named[i] = ep.named_slots(episode, self.tasks[episode.task])
            self._others[i] = ep.graspable(episode, self.world.n_slots)
            for name, slot in episode.binding.roles.items():
                self.roles[name][i] = slot
                self._others[i, slot] = False
            for name, slots in episode.binding.groups.items():
                self.roles[name][i] = False
                self.roles[name][i, list(slots)] = True
                self._others[i, list(slots)] = False

    def _advance(
        self, actions: NDArray
    ) -> tuple[NDArray, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """One control step without observations or autoreset."""
        if not self.episodes:
            raise InvalidConfigError("Call reset() before step().")
        actions = self._checked(actions)
        world = self.world
        if "moved" in self.axes:
            self._move_things()
        executed = actions[:, :7]
        if self.guard is None:
            self._controller.apply(world, executed)
            world.step(self._substeps)
        else:
            executed = self.guard.execute(executed, self._substeps)
        self.elapsed += 1
        ended = actions[:, 7] > 0 if self.terminate_action else np.zeros(self.num_envs, bool)
        with world.standing_still():
            success = self._judge(ended) & ~world.diverged
        self._wrong |= (world.finger_touch.all(axis=2) & self._others).any(axis=1)
        rewards = success.astype(np.float64)
        if self.settings.reward_type == "dense":
            now = self._potentials()
            rewards += now - self._potential
            self._potential = now
        terminated = success | ended | self._violated | world.diverged
        truncated = (self.elapsed >= self._horizons[self.task_id]) & ~terminated
        info = self._info(success)
        if self.guard is not None:
            info |= self.guard.info(actions[:, :7], executed)
            info["executed_action"] = np.concatenate([executed, actions[:, 7:]], axis=1)
        return rewards, terminated, truncated, info

    def _judge(self, ended: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which worlds have just succeeded; stages and violations are noted."""
        world, roles = self.world, self.roles
        success = np.zeros(self.num_envs, bool)
        for k, task in enumerate(self.tasks):
            mine = self.task_id == k
            if not mine.any():
                continue
            task.goal.observe(world, roles)
            done, _ = progress(task.goal, world, roles)
            self._stage[mine] = np.maximum(self._stage, done)[mine]
            if task.keep is not None:
                task.keep.observe(world, roles)
                self._violated |= mine & ~task.keep.holds(world, roles)
            right = task.goal.holds(world, roles) & (ended if task.terminate else ~ended)
            success |= mine & right & ~self._violated
        return success

    def _potentials(self) -> NDArray:
        """Each world's progress towards its goal, 0 to 1. Shape (n,)."""
        return np.select(
            [self.task_id == k for k in range(len(self.tasks))],
            [potential(t.goal, self.world, self.roles) for t in self.tasks],
        )

    def _move_things(self) -> None:
        """Move the first role's thing where it is time, if it is at rest and not at the gripper."""
        for i, e in enumerate(self.episodes):
            if self.elapsed[i] == e.move_at:
                slots = [
                    *e.binding.roles.values(),
                    *(s for g in e.binding.groups.values() for s in g),
                ]
                still = np.linalg.norm(self.world.object_linvel[i, slots[0]]) < 0.05
                away = np.linalg.norm(self.world.tcp_pos[i] - self.world.object_pos[i, slots[0]])
                if still and away > e.binding.specs[slots[0]].radius + _AT_HAND:
                    self.world.move(i, slots[0], e.move_to)

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
            key: self.renderer.render(CAMERAS[key], ids)
            for key in CAMERAS
            if key in self.settings.cameras
        }
        obs["proprio"] = proprio(self.world, rows)
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
            "stages": self._reached[self.task_id, self._stage],
            "wrong_object": self._wrong.copy(),
            "violated": self._violated.copy(),
            "diverged": self.world.diverged.copy(),
            "task": self._names[self.task_id],
            "instruction": self._sentences.copy(),
        }


def _stage_table(stages: Sequence[tuple[str, ...]]) -> NDArray:
    """Names of the stages reached, by task and count. Shape (n_tasks, most + 1), of tuples."""
    table = np.empty((len(stages), max(map(len, stages)) + 1), object)
    for k, names in enumerate(stages):
        for count in range(table.shape[1]):
            table[k, count] = names[:count]
    return table


def _find_tasks(task: str | Task | Sequence[Task]) -> tuple[Task, ...]:
    from vla_gym.envs.tasks import MIXTURES, TASKS

    if isinstance(task, Task):
        return (task,)
    if not isinstance(task, str):
        return tuple(task)
    if task not in TASKS and task not in MIXTURES:
        raise UnknownNameError("task", task, (*TASKS, *MIXTURES))
    return MIXTURES.get(task) or (TASKS[task],)


def _further(a: InstructionError, b: InstructionError) -> InstructionError:
    """Of two complaints about a sentence, the one that understood more of it."""
    return b if b.understood > a.understood else a


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
