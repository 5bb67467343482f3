"""Parts of the feature vector, their scales, and how the vector is put together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vla_gym.envs.observation import PROPRIO_TAIL
from vla_gym.skills import VERBS

BODY: dict[str, int] = {
    "tcp_pos": 3,
    "tcp_rotvec": 3,
    "tcp_linvel": 3,
    "gripper_width": 1,
    "gripper_target": 1,
    "gripper_speed": 1,
}
"""Features of the robot's own state."""
LAYOUT: dict[str, int] = {
    "object_xy": 2,
    "target_xy": 2,
    "object_xy_fine": 2,
    "target_xy_fine": 2,
    "direction": 2,
    "distance": 1,
    "object_confidence": 1,
    "target_confidence": 1,
    "object_height": 1,
    "object_width": 1,
    "object_turn": 1,
    **BODY,
}
"""Features from grounded positions, in order. The xy are relative to the TCP; direction and
distance lead from the object to the target; the turn is the one after which the fingers would close
across flat sides of the object, scaled down where that is uncertain."""
CLIP_WIDTH = 128
"""Length of the embedded CLIP's vectors."""
POOLED: dict[str, int] = {"image": CLIP_WIDTH, "instruction": CLIP_WIDTH, **BODY}
"""Features of `vla_gym.agents.policies.pooled_features.PooledFeatures`, in order."""
COARSE_PER_M = 5.0
"""Factor of positions: the table's width (0.5 m) becomes 2.5."""
FINE_PER_M = 20.0
"""Factor of positions inside a tanh: resolves the last 5 cm, where grasping is decided."""
NEAR_M = 0.02
"""Below this distance from object to target, the direction shrinks to 0 [m]."""
CLOCK_S = 2.0
"""Time in which the clock runs from -1 to 1, where it stays [s]."""
SIZE_DM, PER_DM = 0.5, 2.0
"""Centre [dm] and factor of heights and widths."""
CENTRE_M = np.array([0.51, 0.0, 0.12])
"""Centre of the space in which the TCP moves [m]."""
SCALES: dict[str, tuple[float, float]] = {
    "tcp_rotvec": (0.0, 3.0),
    "tcp_linvel": (0.0, 3.0),
    "gripper_width": (0.04, 25.0),
    "gripper_target": (0.04, 25.0),
    "gripper_speed": (0.0, 5.0),
}
"""Centre and factor that bring proprioception to order one."""


def layout(verbs: bool = False, pooled: bool = False, clock: bool = False) -> dict[str, int]:
    """Parts of the feature vector in order, with their lengths.

    Args:
        verbs: Whether the probability of each verb is among them.
        pooled: Whether they are CLIP's pooled vectors instead of positions.
        clock: Whether the time since the start is among them.
    """
    if pooled:
        return dict(POOLED)
    extra = {"verb": len(VERBS) * verbs, "clock": int(clock)}
    return {**LAYOUT, **{name: n for name, n in extra.items() if n}}


def assemble(
    xy: NDArray,
    confidence: NDArray,
    shape: NDArray,
    proprio: NDArray,
    verbs: NDArray,
    clock: NDArray,
) -> NDArray[np.float32]:
    """Put the feature vector together; fixed constants bring every number to order one.

    Args:
        xy: Positions of object and target, world frame. Shape (m, 2, 2), [m].
        confidence: Shape (m, 2), in [0, 1].
        shape: As `vla_gym.world.grasping.shape_of`. Shape (m, 2, N_SHAPE).
        proprio: Ends as `PROPRIO_TAIL` says. Shape (m, any).
        verbs: Probability of each verb. Shape (m, v); v is 0 to leave them out.
        clock: Time since the start, from -1 to 1. Shape (m, 1), or (m, 0) to leave it out.

    Returns:
        Laid out as `layout`. Shape (m, f).
    """
    m = len(proprio)
    tcp = proprio[:, PROPRIO_TAIL["tcp_pos"]]
    from_tcp = xy - tcp[:, None, :2]
    path = xy[:, 1] - xy[:, 0]
    length = np.linalg.norm(path, axis=1, keepdims=True)
    has_target = confidence[:, 1:]
    height, width, across = shape[:, :1, 0], shape[:, :1, 3], shape[:, :1, 1:3]
    certainty = np.linalg.norm(across, axis=-1)
    turned = 2.0 * proprio[:, PROPRIO_TAIL["tcp_rotvec"]][:, 2:]
    turn = (np.arctan2(across[..., 1], across[..., 0]) - turned + np.pi) % (2 * np.pi) - np.pi
    parts = [
        COARSE_PER_M * from_tcp.reshape(m, -1),
        np.tanh(FINE_PER_M * from_tcp).reshape(m, -1),
        has_target * path / np.maximum(length, NEAR_M),
        has_target * np.tanh(FINE_PER_M * length),
        confidence,
        PER_DM * (height - SIZE_DM),
        PER_DM * (width - SIZE_DM),
        np.minimum(certainty, 1.0) * turn,
        body(proprio),
        verbs,
        clock,
    ]
    return np.concatenate(parts, axis=1).astype(np.float32)


def body(proprio: NDArray) -> NDArray[np.float32]:
    """Features of the robot's own state, of order one.

    Args:
        proprio: Ends as `PROPRIO_TAIL` says. Shape (m, any).

    Returns:
        Laid out as `BODY`. Shape (m, 12).
    """
    parts = [COARSE_PER_M * (proprio[:, PROPRIO_TAIL["tcp_pos"]] - CENTRE_M)]
    parts += [(proprio[:, PROPRIO_TAIL[name]] - c) * factor for name, (c, factor) in SCALES.items()]
    return np.concatenate(parts, axis=1).astype(np.float32)
