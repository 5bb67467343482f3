"""Beginnings of episodes that lie nearer to success, for learning without demonstrations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.listeners import Listener
from vla_gym.geometry.rotations import TOOL_DOWN, quat_about, quat_to_mat
from vla_gym.skills.lifting import HOVER
from vla_gym.world.grasping import HOME_TOOL, grasp_turn
from vla_gym.world.objects import KINDS
from vla_gym.world.views import View

HOME = 3.0
"""The beginning that episodes really have, see `Starts`."""


class Starts:
    """Puts worlds of a vector environment into other beginnings, numbered by what is left to do.

    From 0 to 1 the named thing is in the hand, first low over the other one, at 1 anywhere; from 1
    to 2 it is in the hand ever lower over its own place; from 2 to 2.5 the open hand is about it,
    turned across its sides, and then ever higher and less turned; from there to 3 ever nearer to
    home. The scene and the sentence stay, and nothing is told about what to do there.

    Args:
        venv: A `TabletopVectorEnv`.
    """

    def __init__(self, venv: Any) -> None:
        self.core = venv.unwrapped
        self.solver = self.core.world.arm_solver()

    def begin(self, i: int, at: float, rng: Generator) -> bool:
        """Put one world, just reset, into another beginning.

        Args:
            i: World.
            at: Which, from 0 to `HOME`.
            rng: Chooses the place.

        Returns:
            Whether it could be; if not, the world is left at home.
        """
        if at >= HOME:
            return True
        core, world = self.core, self.core.world
        thing, place = core.named_slots[i]
        spec = core.episodes[i].binding.specs[thing]
        if not KINDS[spec.kind].graspable:
            return False
        pos = np.array(world.object_pos[i])
        anywhere = rng.uniform([0.38, -0.25, 0.10], [0.66, 0.25, 0.24])
        there = pos[thing] + [*rng.normal(0.0, 0.004, 2), 0.0]
        there[2] = max(there[2], 0.016)
        turn = 0.0
        if at <= 1.0:
            rim = pos[place, 2] + core.episodes[i].binding.specs[place].half_height
            over = np.array([*(pos[place, :2] + rng.normal(0.0, 0.01, 2)), rim])
            over[2] += rng.uniform(0.015, 0.05)
            goal = over + at * (anywhere - over) if place != thing else anywhere
        elif at <= 2.0:
            goal = there + [0.0, 0.0, (2.0 - at) * rng.uniform(0.02, 0.16)]
        else:
            up, away = min(2 * (at - 2.0), 1.0), max(2 * (at - 2.5), 0.0)
            goal = there + [0.0, 0.0, up * HOVER]
            goal += away * (np.array(world.robot.home_tcp) - goal)
            view = View.of(world, core.named_slots[:, 0])
            turn = (1.0 - up) * grasp_turn(view, HOME_TOOL)[i]
        qpos, off = self.solver.solve(
            goal, world.home_qpos, quat_to_mat(quat_about("z", turn)) @ TOOL_DOWN
        )
        if off > 0.01:
            return False
        self._place(
            i, int(thing), qpos, 2 * KINDS[spec.kind].half_extents[1] * spec.scale, at <= 2.0
        )
        return True

    def _place(self, i: int, thing: int, qpos: NDArray, width: float, held: bool) -> None:
        world, ids = self.core.world, np.array([i])
        if held:
            pos, quat = np.array(world.object_pos[ids]), np.array(world.object_quat[ids])
            pos[0, thing], quat[0, thing] = self.solver.tool(qpos)[0], [1.0, 0.0, 0.0, 0.0]
            begun = world.start_pos[i].copy()
            world.place(ids, pos, quat)
            world.start_pos[i] = begun
        world.reset_robot(ids, qpos, width if held else None)
        if held:
            world.ctrl[i, world.n_arm] = 0.0  # the fingers press
        world.forward(ids)


class ReverseCurriculum(Listener):
    """Moves the beginning backwards from success, as far as it is mastered.

    Most episodes begin near the frontier, the others anywhere between it and success. Every
    `look` episodes near the frontier it moves on if enough of them succeeded, back if hardly any
    did (reverse curricula: Florensa et al. 2017; Tao et al. 2024).

    Args:
        venv: A `TabletopVectorEnv`; episodes that it begins from now on are changed.
        seed: Of the choices.
        step: How far the frontier moves.
        mastered: Success rate from which it moves on.
        hopeless: Success rate below which it moves back.
        look: Episodes between moves.
    """

    def __init__(
        self,
        venv: Any,
        seed: int = 0,
        step: float = 0.1,
        mastered: float = 0.6,
        hopeless: float = 0.1,
        look: int = 64,
    ) -> None:
        self.starts, self.rng = Starts(venv), np.random.default_rng(seed)
        self.step, self.mastered, self.hopeless, self.look = step, mastered, hopeless, look
        n = venv.num_envs
        self.at, self._ended = np.full(n, HOME), np.full(n, HOME)
        self._state = np.array([step, 0.0, 0.0])  # frontier, episodes near it, successes
        self.starts.core.add_listener(self)

    @property
    def frontier(self) -> float:
        """The beginning that is being learnt, from 0 to `HOME`."""
        return float(self._state[0])

    @property
    def progress(self) -> float:
        """What is worth a curve."""
        return self.frontier

    def note(self, done: NDArray[np.bool_], success: NDArray[np.bool_]) -> None:
        """Learn how episodes ended whose worlds have begun anew since.

        Args:
            done: Shape (n,).
            success: Shape (n,).
        """
        near = done & (self._ended >= self._near)
        self._state[1:] += near.sum(), (near & success).sum()
        if self._state[1] >= self.look:
            rate = self._state[2] / self._state[1]
            move = self.step * (float(rate >= self.mastered) - float(rate < self.hopeless))
            self._state[:] = np.clip(self.frontier + move, self.step, HOME), 0.0, 0.0

    def get_state(self) -> dict[str, NDArray]:
        """Everything needed to go on from here, as copies of plain arrays."""
        return {"state": self._state.copy(), "at": self.at.copy(), "ended": self._ended.copy()}

    def set_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to a state from `get_state`."""
        self._state[:], self.at[:], self._ended[:] = (state[k] for k in ("state", "at", "ended"))

    @property
    def _near(self) -> float:
        return self.frontier - 2 * self.step if self.frontier < HOME else HOME

    def on_episode_start(self, venv: Any, ids: NDArray[np.int64]) -> None:
        """Move the start of episodes that have just been set up.

        Args:
            venv: The environment.
            ids: Sub-environments. Shape (m,).
        """
        self._ended[ids] = self.at[ids]
        for i in ids:
            low = self._near if self.rng.random() < 0.7 else 0.0
            at = float(self.rng.uniform(low, self.frontier))
            could = self.starts.begin(int(i), at, self.rng)
            # what could not be arranged counts for nothing but home
            self.at[i] = at if could else (HOME if self.frontier >= HOME else -1.0)
