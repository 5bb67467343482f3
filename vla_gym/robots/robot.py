"""A robot arm as a value: kinematics, limits, gripper, wrist camera, workspace."""

from __future__ import annotations

from dataclasses import dataclass

from vla_gym.geometry import Vec3


@dataclass(frozen=True)
class Capsule:
    """A capsule that gives a link its shape."""

    start: Vec3
    """Centre of one end, link frame [m]."""
    end: Vec3
    """Centre of the other end, link frame [m]."""
    radius: float
    """[m]."""
    tone: str
    """"light" or "dark"."""


@dataclass(frozen=True)
class Link:
    """One moving link: its frame in the parent link, its joint, its shape."""

    name: str
    pos: Vec3
    """Origin in the parent link's frame [m]."""
    quat: tuple[float, float, float, float]
    """Orientation in the parent link's frame, wxyz."""
    limits: tuple[float, float]
    """Joint range [rad]; the joint turns about the link's z axis."""
    speed: float
    """Joint speed limit [rad/s]."""
    torque: float
    """Joint torque limit [Nm]."""
    stiffness: float
    """Position gain of the joint servo [Nm/rad]."""
    mass: float
    """Link mass [kg]."""
    capsules: tuple[Capsule, ...]
    """Shape."""
    collides: bool = False
    """Whether it can touch the table and the objects."""
    damping: float = 1.0
    """Joint damping [Nm s/rad]."""
    armature: float = 0.2
    """Inertia of the motor at the joint [kg m^2]."""


@dataclass(frozen=True)
class CollisionSphere:
    """A sphere that covers a part of the hand, for distances to keep-out zones."""

    center: Vec3
    """Tool frame, relative to the TCP [m]."""
    radius: float
    """[m]."""


@dataclass(frozen=True)
class Gripper:
    """A parallel gripper: two fingers that slide along the hand's y axis."""

    finger_base: float
    """Height of the finger frames in the hand frame [m]."""
    finger_travel: float
    """Travel of each finger [m]; the opening is twice that."""
    finger_force: float
    """Largest force of each finger [N]."""
    hand_half: Vec3
    """Half sizes of the hand's box [m]."""
    hand_height: float
    """Height of the box's centre in the hand frame [m]."""
    pad_half: Vec3
    """Half sizes of each finger pad [m]."""
    pad_height: float
    """Height of the pad's centre in the finger frame [m]."""
    spheres: tuple[CollisionSphere, ...]
    """Cover wrist and palm."""
    pad_sphere_heights: tuple[float, ...]
    """Heights of the collision spheres along each pad, relative to the TCP [m]."""
    pad_sphere_radius: float
    """[m]."""
    hand_mass: float = 0.6
    """[kg]."""
    pad_mass: float = 0.03
    """[kg]."""
    finger_damping: float = 150.0
    """[Ns/m]."""
    finger_armature: float = 0.1
    """Inertia of the finger's motor [kg]."""
    servo_gain: float = 900.0
    """Position gain of the opening's servo [N/m]."""

    @property
    def opening(self) -> float:
        """Distance of the fingers when fully open [m]."""
        return 2 * self.finger_travel


@dataclass(frozen=True)
class WristCamera:
    """A camera fixed to the hand, in the hand frame."""

    pos: Vec3
    """Camera centre [m]."""
    target: Vec3
    """Point in the middle of the image [m]."""
    up: Vec3
    """Direction that points up in the image."""
    fovy: float
    """Vertical field of view [deg]."""


@dataclass(frozen=True)
class Workspace:
    """An axis-aligned box, world frame."""

    low: Vec3
    """Lower corner [m]."""
    high: Vec3
    """Upper corner [m]."""


@dataclass(frozen=True)
class Robot:
    """A serial arm with a parallel gripper, its base at the origin of the world frame."""

    name: str
    base_radius: float
    """Radius of the base, a cylinder [m]."""
    base_height: float
    """Height of the base [m]."""
    links: tuple[Link, ...]
    """From the base to the flange."""
    flange: Vec3
    """Hand frame origin in the last link's frame [m]."""
    flange_quat: tuple[float, float, float, float]
    """Hand frame orientation in the last link's frame, wxyz."""
    tcp: Vec3
    """Tool centre point in the hand frame [m]."""
    gripper: Gripper
    wrist_camera: WristCamera
    servo_lag: float
    """Velocity gain of the joint servos over their position gain: time constant of a motion [s]."""
    home_guess: tuple[float, ...]
    """Joint angles [rad] from which the home pose is solved."""
    home_tcp: Vec3
    """TCP position at home [m], pointing straight down."""
    workspace: Workspace
    """Box that TCP targets are clipped to."""
    safety_workspace: Workspace
    """Box that the safety layer keeps the TCP in by default; a margin around `workspace`."""
    shoulder: Vec3
    """Point from which `reach` is measured, world frame [m]."""
    reach: float
    """Largest distance of the flange from the shoulder [m]."""
    payload: float
    """Heaviest object that can be lifted [kg]."""

    @property
    def n_arm(self) -> int:
        """Number of arm joints."""
        return len(self.links)

    @property
    def joint_speed(self) -> tuple[float, ...]:
        """Speed limit of each joint [rad/s]."""
        return tuple(link.speed for link in self.links)

    @property
    def hand_z(self) -> float:
        """Height of the centre of the hand's box, relative to the TCP [m]."""
        # sums of decimals, rounded so that they are the decimals that one would write down
        return round(self.gripper.hand_height - self.tcp[2], 9)

    @property
    def pad_z(self) -> float:
        """Height of the centre of the finger pads, relative to the TCP [m]."""
        return round(self.gripper.finger_base + self.gripper.pad_height - self.tcp[2], 9)
