"""Disturbances in the middle of an episode: the generalisation axis "moved"."""

from __future__ import annotations

import numpy as np

from vla_gym.envs.running_episodes import RunningEpisodes
from vla_gym.world.world import World

_REST_SPEED = 0.05
"""Speed below which an object counts as resting [m/s]."""
_HAND_GAP = 0.03
"""Distance from the TCP to an object's bounding circle within which it is not moved [m]."""


def move_objects(world: World, current: RunningEpisodes) -> None:
    """Move the first role's object where an episode schedules it for this control step.

    An object that is moving, or next to the gripper, stays where it is.

    Args:
        world: The simulation.
        current: The running episodes.
    """
    for i, episode in enumerate(current.episodes):
        if current.elapsed[i] != episode.move_at:
            continue
        slot = episode.binding.slots[0]
        at_rest = np.linalg.norm(world.object_linvel[i, slot]) < _REST_SPEED
        gap = np.linalg.norm(world.tcp_pos[i] - world.object_pos[i, slot])
        if at_rest and gap > episode.binding.specs[slot].radius + _HAND_GAP:
            world.move(i, slot, episode.move_to)
