"""What the package needs to know of a robot arm, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Link:
    """One moving link: its frame in the parent link, its joint limits, its primitives."""

    name: str
    pos: tuple[float, float, float]
    """Origin in the parent link's frame [m]."""
    quat: tuple[float, float, float, float]
    """Orientation in the parent link's frame, wxyz."""
    limits: tuple[float, float]
    """Joint range [rad]; the joint turns about the link's z axis."""
    torque: float
    """Joint torque limit [Nm]."""
    stiffness: float
    """Position gain of the joint servo [Nm/rad]."""
    mass: float
    """Link mass [kg]."""
    capsules: tuple[tuple[tuple[float, float, float], tuple[float, float, float], float, str], ...]
    """Capsules as (from, to, radius, tone) in the link's frame [m]."""
    collides: bool = False
    """Whether it can touch the table and the objects."""


@dataclass(frozen=True)
class Robot:
    """A serial arm with a two-finger gripper."""

    name: str
    links: tuple[Link, ...]
    flange: tuple[float, float, float]
    """Hand frame origin in the last link's frame [m]."""
    flange_quat: tuple[float, float, float, float]
    """Hand frame orientation in the last link's frame, wxyz."""
    tcp: tuple[float, float, float]
    """Tool centre point in the hand frame [m]."""
    finger_base: float
    """Height of the finger frames in the hand frame [m]."""
    finger_travel: float
    """Travel of each finger [m]; the opening is twice that."""
    finger_force: float
    """Largest force of each finger [N]."""
    servo_lag: float
    """Velocity gain of the joint servos over their position gain: time constant of a motion [s]."""
    home_guess: tuple[float, ...]
    """Joint angles [rad] from which the home pose is solved."""
    home_tcp: tuple[float, float, float]
    """TCP position at home [m], pointing straight down."""
    reach: float
    """Largest distance of the flange from the shoulder [m]."""
    payload: float
    """Heaviest thing that can be lifted [kg]."""

    @property
    def n_arm(self) -> int:
        """Number of arm joints."""
        return len(self.links)
