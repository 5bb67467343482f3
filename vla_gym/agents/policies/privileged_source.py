"""Object positions from the simulator, for debugging and for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.agents.policies.detections import Detections
from vla_gym.agents.policies.head_spec import Blind
from vla_gym.skills import VERBS, verb_of
from vla_gym.vlm.roles import ROLES
from vla_gym.world.grasping import shape_of
from vla_gym.world.objects import KINDS
from vla_gym.world.views import View

PRIVILEGED_NOISE_M = 0.006
"""Standard deviation of the error of positions: that of good grounding [m]."""
_FLAT = np.array([kind.container and not kind.graspable for kind in KINDS.values()])


class PrivilegedSource:
    """True positions with an error that stays the same for a whole episode.

    Not deployable.

    Args:
        venv: The environment; its `world`, `named_slots`, `tasks` and `episodes` are read.
        seed: Seed of the errors.
        blind: "instruction" replaces each role's object by a random one that could play the role;
            "image" hides positions altogether.
        noise_m: Standard deviation of the error [m].
    """

    reads_final = False

    def __init__(
        self, venv: Any, seed: int, blind: Blind = "none", noise_m: float = PRIVILEGED_NOISE_M
    ) -> None:
        self.venv, self.blind, self.noise_m = venv, blind, noise_m
        self.rng = np.random.default_rng(seed)
        self.noise = np.zeros((venv.num_envs, len(ROLES), 2))
        self.slots = np.zeros((venv.num_envs, len(ROLES)), np.int64)

    @property
    def memory(self) -> dict[str, NDArray]:
        """See `ObjectSource.memory`."""
        return {"noise": self.noise, "slots": self.slots}

    def reset(self, ids: NDArray[np.int64]) -> None:
        """Draw new errors, and new random objects if blind to the instruction."""
        if not len(ids):
            return
        self.noise[ids] = self.rng.normal(0.0, self.noise_m, (len(ids), len(ROLES), 2))
        self.slots[ids] = self.venv.named_slots[ids]
        if self.blind == "instruction":
            world = self.venv.world
            for i in ids:
                for r in range(len(ROLES)):
                    same = np.flatnonzero(_alike(world, i, self.slots[i, r]))
                    self.slots[i, r] = self.rng.choice(same)

    def locate(
        self, obs: dict[str, Any], instructions: Sequence[str], ids: NDArray[np.int64]
    ) -> Detections:
        """See `ObjectSource.locate`."""
        if self.blind == "image":
            return Detections.nothing(len(ids))
        world = self.venv.world
        pos = world.object_pos[ids[:, None], self.slots[ids], :2]
        shapes = np.stack([shape_of(View.of(world, slot)) for slot in self.slots.T], axis=1)
        confidence = np.ones((len(ids), len(ROLES)))
        return Detections(pos + self.noise[ids], confidence, np.nan_to_num(shapes[ids]))

    def verbs(self, instructions: Sequence[str]) -> NDArray[np.float32]:
        """1 for the verb of each sub-environment's task; zeros if blind to the instruction."""
        rows = np.zeros((len(instructions), len(VERBS)), np.float32)
        if self.blind == "instruction":
            return rows
        core, names = self.venv.unwrapped, list(VERBS)
        for i, episode in enumerate(core.episodes):
            verb = verb_of(core.running_tasks[episode.task].goal)
            if verb in VERBS:  # verbs of skills registered by others are unknown to policies
                rows[i, names.index(verb)] = 1.0
        return rows


def _alike(world: Any, i: int, slot: int) -> NDArray[np.bool_]:
    """Present objects of a sub-environment that are, like the one in `slot`, containers or not."""
    flat = _FLAT[world.kind_id[i]]
    return world.present[i] & (flat == flat[slot])
