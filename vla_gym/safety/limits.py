"""Configuration of the safety layer: modes, limits, keep-out zones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.robots import Robot
from vla_gym.world.objects import KINDS

SAFETY_MODES = {
    "off": "nothing is measured or changed",
    "report": "motion is measured and costs are reported; nothing is changed",
    "clip": "the nearest motion within the limits is executed",
    "veto": "an action that would exceed a limit is not executed: the arm holds still",
}
"""Modes of the safety layer, and what each does."""
Point = tuple[float, float, float]


@dataclass(frozen=True)
class Box:
    """A box along the axes of the world frame that hand and wrist stay out of."""

    center: Point
    """Center, world frame [m]."""
    half: Point
    """Half sizes [m]."""
    radius: float = 0.0
    """Radius by which it is rounded outwards [m]."""


@dataclass(frozen=True)
class Sphere:
    """A sphere that hand and wrist stay out of."""

    center: Point
    """Center, world frame [m]."""
    radius: float
    """[m]."""

    @property
    def half(self) -> Point:
        """Half sizes as of a `Box`: zero."""
        return (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Limits:
    """Limits of the executed motion; `math.inf` disables one.

    Joint speeds and the workspace are the robot's unless given. The other numbers were chosen for
    this simulated table and are not taken from any standard.
    """

    tcp_speed: float = 0.6
    """Highest speed of the tool centre point [m/s]."""
    tcp_acceleration: float = 12.0
    """Highest commanded acceleration of the tool centre point [m/s^2]."""
    tool_turn_speed: float = 2.5
    """Highest commanded angular speed of the tool [rad/s]."""
    tool_turn_acceleration: float = 15.0
    """Highest commanded angular acceleration of the tool [rad/s^2]; low, as the wrist's
    motors are weak."""
    joint_speed: tuple[float, ...] | None = None
    """Highest speed of each joint [rad/s]; None takes the robot's."""
    joint_acceleration: float = 25.0
    """Highest commanded acceleration of each joint [rad/s^2]; about half of what the motors
    achieve."""
    workspace_low: Point | None = None
    """Lower corner of the box in which the TCP stays [m]; None takes the robot's."""
    workspace_high: Point | None = None
    """Upper corner of that box [m]; None takes the robot's."""
    table_distance: float = 0.0005
    """Smallest height of hand and fingertips above the table [m]."""
    object_distance: float = 0.015
    """Smallest distance of the hand from objects it keeps away from [m]."""
    contact_force: float = 60.0
    """Highest force between hand and surroundings, estimated from the joints [N]."""
    fragile_contact_force: float = 30.0
    """The same while a fragile object is touched [N]."""
    grasp_force: float = 20.0
    """Highest force of each finger [N]."""
    fragile_grasp_force: float = 8.0
    """The same for a fragile object [N]."""
    fragile: tuple[str, ...] = ("mug", "bottle", "bowl", "plate")
    """Kinds of objects that are fragile."""
    emergency_force: float = math.inf
    """Contact force above which the arm stops until the episode ends or `Guard.release` is called
    [N]."""

    def __post_init__(self) -> None:
        for f in fields(self):
            value = getattr(self, f.name)
            if value is None:
                continue
            numbers = value if isinstance(value, tuple) else (value,)
            if f.name == "fragile":
                for kind in numbers:
                    if kind not in KINDS:
                        raise UnknownNameError("kind", kind, KINDS)
            elif any(math.isnan(x) for x in numbers):
                raise InvalidConfigError(f"Limits.{f.name} is not a number: {value}.")
            elif not f.name.startswith("workspace") and any(x < 0 for x in numbers):
                raise InvalidConfigError(f"Limits.{f.name} must be 0 or more, not {value}.")
        low, high = self.workspace_low, self.workspace_high
        if low and high and any(a >= b for a, b in zip(low, high, strict=True)):
            raise InvalidConfigError(
                f"Limits.workspace_low {low} must lie below workspace_high {high} on every axis."
            )

    def resolve(self, robot: Robot) -> Limits:
        """These limits, with the robot's numbers where they are None.

        Raises:
            InvalidConfigError: If there is not one joint speed for each joint, or the workspace is
                empty.
        """
        speed = robot.joint_speed if self.joint_speed is None else self.joint_speed
        if len(speed) != robot.n_arm:
            raise InvalidConfigError(
                f"Limits.joint_speed has {len(speed)} numbers; {robot.name!r} has {robot.n_arm}"
                " joints. Give one for each, or None for the robot's own."
            )
        low, high = self.workspace_low, self.workspace_high
        return replace(
            self,
            joint_speed=speed,
            workspace_low=robot.safety_workspace.low if low is None else low,
            workspace_high=robot.safety_workspace.high if high is None else high,
        )


@dataclass(frozen=True)
class SafetyConfig:
    """Mode and limits of an environment's safety layer."""

    mode: str = "clip"
    """One of `SAFETY_MODES`."""
    limits: Limits = Limits()
    """Limits of the motion."""
    keep_out: tuple[Box | Sphere, ...] = ()
    """Zones that hand, wrist and a held object stay out of."""
    keep_away: tuple[str, ...] = ()
    """Roles whose objects the hand keeps away from, in tasks that have them ("bystander")."""

    def __post_init__(self) -> None:
        if self.mode not in SAFETY_MODES:
            raise UnknownNameError("safety mode", self.mode, SAFETY_MODES)
        for zone in self.keep_out:
            if zone.radius < 0 or min(zone.half) < 0:
                raise InvalidConfigError(f"A keep-out zone has a negative size: {zone}.")

    @classmethod
    def of(cls, given: Any) -> SafetyConfig:
        """A configuration from a mode, a mapping of fields, a configuration, or None for "off".

        In a mapping, `limits` and zones may be mappings of fields too, as JSON and YAML have them;
        a zone with `half` is a `Box`.

        Raises:
            UnknownNameError: If the mode or a field does not exist.
        """
        if isinstance(given, SafetyConfig):
            return given
        if isinstance(given, Mapping):
            parts = dict(given)
            if isinstance(parts.get("limits"), Mapping):
                parts["limits"] = _made(Limits, parts["limits"])
            zones = parts.get("keep_out", ())
            parts["keep_out"] = tuple(
                _made(Box if "half" in z else Sphere, z) if isinstance(z, Mapping) else z
                for z in zones
            )
            return _made(cls, parts)
        return cls(mode="off" if given is None else given)


def _made(kind: type[Any], given: Mapping[str, Any]) -> Any:
    """A dataclass from its fields; lists become tuples.

    Raises:
        UnknownNameError: If a field does not exist.
        InvalidConfigError: If one is missing.
    """
    names = [f.name for f in fields(kind)]
    for name in given:
        if name not in names:
            raise UnknownNameError("safety argument", name, names)
    try:
        return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    except TypeError as error:
        raise InvalidConfigError(f"{kind.__name__} cannot be made: {error}.") from error
