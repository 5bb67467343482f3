"""What an agent may see: pictures, its own body, the sentence."""

from __future__ import annotations

import string

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from vla_gym.geometry.rotations import rotvec_from_down
from vla_gym.world.model import CAMERAS
from vla_gym.world.world import World

PROPRIO: dict[str, slice] = {
    "qpos": slice(0, 7),
    "qvel": slice(7, 14),
    "tcp_pos": slice(14, 17),
    "tcp_rotvec": slice(17, 20),
    "tcp_linvel": slice(20, 23),
    "gripper_width": slice(23, 24),
    "gripper_target": slice(24, 25),
    "gripper_speed": slice(25, 26),
}
"""Where each part of `proprio` lies: [rad], [rad/s], [m], [rad] from straight down, [m/s], [m] x 2,
[m/s]."""
N_PROPRIO = 26
_LIMITS = {"qpos": 4.0, "qvel": 20.0, "tcp_pos": 2.0, "tcp_rotvec": 4.0, "tcp_linvel": 10.0,
           "gripper_width": 0.1, "gripper_target": 0.1, "gripper_speed": 10.0}  # fmt: skip
PROPRIO_HIGH = np.concatenate(
    [np.full(part.stop - part.start, _LIMITS[name], np.float32) for name, part in PROPRIO.items()]
)
"""Bounds of `proprio`, symmetric about 0 and beyond what the arm can reach. Shape (26,)."""
MAX_INSTRUCTION = 200
"""Longest instruction [characters]."""
CHARSET = frozenset(string.ascii_letters + string.digits + " ,.'-?!;:")
"""Characters that an instruction may contain."""


def observation_space(image_size: int, cameras: tuple[str, ...]) -> spaces.Dict:
    """The space of one world's observation.

    Args:
        image_size: Width and height of the pictures [px].
        cameras: Picture keys to include.
    """
    parts: dict[str, spaces.Space] = {
        key: spaces.Box(0, 255, (image_size, image_size, 3), np.uint8)
        for key in CAMERAS
        if key in cameras
    }
    parts["proprio"] = spaces.Box(-PROPRIO_HIGH, PROPRIO_HIGH, dtype=np.float32)
    parts["instruction"] = spaces.Text(MAX_INSTRUCTION, charset=CHARSET)
    return spaces.Dict(parts)


def proprio(world: World, rows: slice | NDArray[np.int64] = slice(None)) -> NDArray[np.float32]:
    """The robot's own state.

    Args:
        world: The worlds.
        rows: Which of them; all by default. m in number.

    Returns:
        Laid out as PROPRIO says. Shape (m, 26).
    """
    n_arm = world.n_arm
    qvel, ctrl = world.qvel[rows], world.ctrl[rows]
    out = np.empty((len(qvel), N_PROPRIO), np.float32)
    out[:, 0:7] = world.qpos[rows, :n_arm]
    out[:, 7:14] = qvel[:, :n_arm]
    out[:, 14:17] = world.tcp_pos[rows]
    out[:, 17:20] = rotvec_from_down(world.tcp_mat[rows])
    out[:, 20:23] = world.tcp_linvel[rows]
    out[:, 23] = world.gripper_width[rows]
    out[:, 24] = ctrl[:, n_arm]
    out[:, 25] = qvel[:, n_arm] + qvel[:, n_arm + 1]
    return np.clip(out, -PROPRIO_HIGH, PROPRIO_HIGH, out=out)
