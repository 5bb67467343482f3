"""Beginnings of episodes that lie nearer to success, for learning without demonstrations."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.world.kinematics import DOWN, ArmSolver
from vla_gym.world.objects import KINDS

STARTS = ("over the target", "in hand", "at the object", "home")
"""Where an episode can begin: the named thing held low over the other, held anywhere, the open hand
about the thing, or as always."""


class Starts:
    """Puts worlds of a vector environment into other beginnings.

    The scene and the sentence stay; only the arm and the thing in its hand are moved. Nothing is
    told about what to do there.

    Args:
        venv: A `TabletopVectorEnv`.
    """

    def __init__(self, venv: Any) -> None:
        self.core = venv.unwrapped
        self.solver = ArmSolver(self.core.world)

    def begin(self, i: int, start: str, rng: Generator) -> bool:
        """Put one world, just reset, into another beginning.

        Args:
            i: World.
            start: Out of `STARTS`.
            rng: Chooses the place.

        Returns:
            Whether it could be; if not, the world is left at home.
        """
        if start == "home":
            return True
        world, (thing, place) = self.core.world, self.core.named_slots[i]
        specs = self.core.episodes[i].binding.specs
        kind, scale = KINDS[specs[thing].kind], specs[thing].scale
        held = start != "at the object"
        if held and not kind.graspable:
            return False
        pos = world.object_pos[i]
        if start == "over the target" and place != thing:
            rim = pos[place, 2] + specs[place].half_height
            goal = pos[place] + [*rng.normal(0.0, 0.012, 2), 0.0]
            goal[2] = rim + rng.uniform(0.01, 0.06)
        elif held:
            goal = rng.uniform([0.38, -0.25, 0.10], [0.66, 0.25, 0.24])
        else:
            goal = pos[thing] + [*rng.normal(0.0, 0.008, 2), rng.uniform(0.0, 0.05)]
            goal[2] = max(goal[2], 0.016)
        qpos, off = self.solver.solve(goal)
        if off > 0.01:
            return False
        ids = np.array([i])
        if held:
            poses = np.array(world.object_pos[i : i + 1]), np.array(world.object_quat[i : i + 1])
            poses[0][0, thing], poses[1][0, thing] = self.solver.tool(qpos)[0], [1.0, 0.0, 0.0, 0.0]
            kept = world.start_pos[i].copy()
            world.place(ids, *poses)
            world.start_pos[i] = kept
        world.reset_robot(ids, qpos, 2 * kind.half_extents[1] * scale if held else 0.08)
        if held:
            world.ctrl[i, world.n_arm] = 0.0  # the fingers press
        world.forward(ids)
        return True


class StartCurriculum:
    """Chooses beginnings by how often they lead to success, from the end of the task backwards.

    Beginnings up to the first one that is not yet mastered are drawn, those that are neither
    hopeless nor mastered most often (reverse curricula: Florensa et al. 2017; Tao et al. 2024).

    Args:
        venv: A `TabletopVectorEnv`; episodes that it begins from now on are changed.
        seed: Of the choices.
        mastered: Success rate from which the next beginning is opened.
        weight: Of the last episode in the running success rates.
    """

    def __init__(
        self, venv: Any, seed: int = 0, mastered: float = 0.5, weight: float = 0.01
    ) -> None:
        self.starts, self.rng = Starts(venv), np.random.default_rng(seed)
        self.mastered, self.weight = mastered, weight
        n = venv.num_envs
        self.rates = np.zeros(len(STARTS))
        """Running success rate of each beginning."""
        self.start, self._ended = np.full(n, len(STARTS) - 1), np.full(n, len(STARTS) - 1)
        self.starts.core.on_begin = self._begin

    @property
    def probabilities(self) -> NDArray:
        """How often each beginning is drawn. Shape (len(STARTS),)."""
        done = self.rates >= self.mastered
        opened = len(STARTS) if done.all() else int(done.argmin()) + 1
        weight = 0.1 + self.rates * (1.0 - self.rates)
        weight[opened - 1] += 0.3
        weight[opened:] = 0.0
        if opened == len(STARTS):  # what counts in the end
            weight[-1] += weight[:-1].sum()
        return weight / weight.sum()

    def note(self, done: NDArray[np.bool_], success: NDArray[np.bool_]) -> None:
        """Learn how episodes ended whose worlds have begun anew since.

        Args:
            done: Shape (n,).
            success: Shape (n,).
        """
        for i in np.flatnonzero(done):
            start = self._ended[i]
            self.rates[start] += self.weight * (float(success[i]) - self.rates[start])

    @property
    def memory(self) -> dict[str, NDArray]:
        """What a checkpoint keeps, written in place."""
        return {"rates": self.rates, "start": self.start, "ended": self._ended}

    def _begin(self, ids: NDArray[np.int64]) -> None:
        self._ended[ids] = self.start[ids]
        for i, start in zip(ids, self.rng.choice(len(STARTS), len(ids), p=self.probabilities)):
            could = self.starts.begin(int(i), STARTS[start], self.rng)
            self.start[i] = start if could else len(STARTS) - 1
