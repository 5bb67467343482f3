"""Observations: camera images, the state of the arm, the instruction."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vla_gym.envs.goal_view import GoalView
from vla_gym.envs.instruction_space import InstructionSpace
from vla_gym.geometry.rotations import rotvec_from_down
from vla_gym.rendering import Renderer
from vla_gym.robots import Robot
from vla_gym.world.model import CAMERAS
from vla_gym.world.world import World

PROPRIO_TAIL: dict[str, slice] = {
    "tcp_pos": slice(-12, -9),
    "tcp_rotvec": slice(-9, -6),
    "tcp_linvel": slice(-6, -3),
    "gripper_width": slice(-3, -2),
    "gripper_target": slice(-2, -1),
    "gripper_speed": slice(-1, None),
}
"""Parts of `proprio` that every arm has, counted from the end: [m], rotation vector from straight
down [rad], [m/s], [m], [m], [m/s]."""
N_TAIL = 12
"""Numbers in `PROPRIO_TAIL`."""
_BOUNDS = {"qpos": 4.0, "qvel": 20.0, "tcp_pos": 2.0, "tcp_rotvec": 4.0, "tcp_linvel": 10.0,
           "gripper_speed": 10.0}  # fmt: skip
_WIDTH_MARGIN = 1.25
"""Bound of the gripper's width and target, in units of its full opening."""


def proprio_layout(n_arm: int) -> dict[str, slice]:
    """Position of each part of `proprio` for an arm with `n_arm` joints.

    Joint angles [rad] and speeds [rad/s] come first, then the parts in `PROPRIO_TAIL`.
    """
    n = 2 * n_arm + N_TAIL
    tail = {name: slice(*part.indices(n)[:2]) for name, part in PROPRIO_TAIL.items()}
    return {"qpos": slice(0, n_arm), "qvel": slice(n_arm, 2 * n_arm)} | tail


@lru_cache(maxsize=16)
def proprio_high(robot: Robot) -> NDArray[np.float32]:
    """Bounds of `proprio`, symmetric about 0 and beyond what the arm can reach.

    Shape (k,), not writable: the same array serves every step.
    """
    width = _WIDTH_MARGIN * robot.gripper.opening
    bounds = _BOUNDS | {"gripper_width": width, "gripper_target": width}
    layout = proprio_layout(robot.n_arm)
    high = np.concatenate(
        [np.full(part.stop - part.start, bounds[k], np.float32) for k, part in layout.items()]
    )
    high.flags.writeable = False
    return high


def observation_space(
    image_size: int, cameras: tuple[str, ...], robot: Robot, text: bool = True,
    goals: GoalView | None = None,
) -> spaces.Dict:  # fmt: skip
    """The space of one sub-environment's observation.

    Args:
        image_size: Width and height of the images [px].
        cameras: Image keys to include.
        robot: The arm.
        text: Whether the instruction is included.
        goals: Adds goals as numbers.
    """
    high = proprio_high(robot)
    parts: dict[str, spaces.Space] = {
        key: spaces.Box(0, 255, (image_size, image_size, 3), np.uint8)
        for key in CAMERAS
        if key in cameras
    }
    parts["proprio"] = own = spaces.Box(-high, high, dtype=np.float32)
    if goals is not None:
        parts |= goals.spaces(own)
    if text:
        parts["instruction"] = InstructionSpace()
    return spaces.Dict(parts)


def proprio(world: World, rows: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
    """The robot's own state.

    Args:
        world: The simulation batch.
        rows: Sub-environments; all by default. m in number.

    Returns:
        Laid out as `proprio_layout` says. Shape (m, 2 n_arm + 12).
    """
    n_arm, tail, high = world.n_arm, PROPRIO_TAIL, proprio_high(world.robot)
    qvel, ctrl = world.qvel[rows], world.ctrl[rows]
    out = np.empty((len(qvel), len(high)), np.float32)
    out[:, :n_arm] = world.qpos[rows, :n_arm]
    out[:, n_arm : 2 * n_arm] = qvel[:, :n_arm]
    out[:, tail["tcp_pos"]] = world.tcp_pos[rows]
    out[:, tail["tcp_rotvec"]] = rotvec_from_down(world.tcp_mat[rows])
    out[:, tail["tcp_linvel"]] = world.tcp_linvel[rows]
    out[:, -3] = world.gripper_width[rows]
    out[:, -2] = ctrl[:, n_arm]
    out[:, -1] = qvel[:, n_arm] + qvel[:, n_arm + 1]
    return np.clip(out, -high, high, out=out)


class Observer:
    """Assembles the observations of n sub-environments.

    Args:
        world: The simulation.
        renderer: Renders a camera of `vla_gym.world.model.CAMERAS`.
        cameras: Image keys to include.
        text: Whether the instructions are included.
        goals: Adds goals as numbers.
    """

    def __init__(
        self, world: World, renderer: Renderer, cameras: tuple[str, ...], text: bool = True,
        goals: GoalView | None = None,
    ) -> None:  # fmt: skip
        self.world, self.renderer, self._text = world, renderer, text
        self.goals = goals
        self._cameras = {key: name for key, name in CAMERAS.items() if key in cameras}

    def observe(
        self, instructions: tuple[str, ...], ids: NDArray[np.int64] | None = None
    ) -> dict[str, Any]:
        """The present observation.

        Args:
            instructions: Of all sub-environments.
            ids: Sub-environments to observe, or None for all. Shape (m,).

        Returns:
            Arrays with a leading (m,) axis; the instructions as they were given.
        """
        obs: dict[str, Any] = {
            key: self.renderer.render(name, ids) for key, name in self._cameras.items()
        }
        obs["proprio"] = proprio(self.world, slice(None) if ids is None else ids)
        if self.goals is not None:
            obs |= self.goals.observe(obs["proprio"], ids)
        if self._text:
            obs["instruction"] = instructions
        return obs

    def refresh(
        self, obs: dict[str, Any], instructions: tuple[str, ...], ids: NDArray[np.int64]
    ) -> None:
        """Overwrite the rows of some sub-environments, in place, by their present observation.

        Args:
            obs: An observation of all sub-environments.
            instructions: Of all sub-environments.
            ids: Sub-environments to observe. Shape (m,).
        """
        for key, value in self.observe(instructions, ids).items():
            if key == "instruction":
                obs[key] = value
            else:
                obs[key][ids] = value
