"""Robot arms as values; nothing outside of this folder depends on a particular one."""

from vla_gym.errors import UnknownNameError
from vla_gym.robots.panda import PANDA
from vla_gym.robots.robot import Robot

ROBOTS: dict[str, Robot] = {PANDA.name: PANDA}
"""Arms by name."""
DEFAULT_ROBOT = PANDA.name
"""Arm of environments that name none."""

__all__ = ["DEFAULT_ROBOT", "ROBOTS", "Robot", "find_robot"]


def find_robot(robot: str | Robot) -> Robot:
    """Look an arm up.

    Args:
        robot: A name in `ROBOTS`, or a `Robot`, which is returned as it is.

    Raises:
        UnknownNameError: If there is no arm of that name.
    """
    if isinstance(robot, Robot):
        return robot
    if robot not in ROBOTS:
        raise UnknownNameError("robot", robot, ROBOTS, "Or pass a vla_gym.robots.Robot.")
    return ROBOTS[robot]
