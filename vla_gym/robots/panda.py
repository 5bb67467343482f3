"""The numbers of the Franka Emika Panda.

Kinematics, joint limits, speeds and torques: Franka's public data sheet and DH table (d1 .333, d3
.316, a4 .0825, a5 -.0825, d5 .384, a7 .088, flange .107 m; hand TCP .1034 m beyond the flange,
turned by -45 degrees). Masses are rounded from published identifications; the shape is capsules and
boxes.
"""

from __future__ import annotations

from vla_gym.robots.robot import (
    Capsule,
    CollisionSphere,
    Gripper,
    Link,
    Robot,
    Workspace,
    WristCamera,
)

_H = 0.5**0.5
_UP = (_H, _H, 0.0, 0.0)
_DOWN = (_H, -_H, 0.0, 0.0)
_O = (0.0, 0.0, 0.0)

PANDA = Robot(
    name="panda",
    base_radius=0.075,
    base_height=0.14,
    links=(
        Link("link1", (0, 0, 0.333), (1, 0, 0, 0), (-2.8973, 2.8973), 2.175, 87, 2250, 4.9,
             (Capsule((0, 0, -0.19), _O, 0.06, "light"),)),
        Link("link2", _O, _DOWN, (-1.7628, 1.7628), 2.175, 87, 2250, 0.7,
             (Capsule((0, 0, -0.06), (0, 0, 0.06), 0.06, "dark"),
              Capsule(_O, (0, -0.19, 0), 0.055, "light"))),
        Link("link3", (0, -0.316, 0), _UP, (-2.8973, 2.8973), 2.175, 87, 1750, 3.2,
             (Capsule((0, 0, -0.1), _O, 0.055, "light"),
              Capsule(_O, (0.0825, 0, 0), 0.048, "light"))),
        Link("link4", (0.0825, 0, 0), _UP, (-3.0718, -0.0698), 2.175, 87, 1750, 3.6,
             (Capsule((0, 0, -0.05), (0, 0, 0.05), 0.055, "dark"),
              Capsule(_O, (-0.0825, 0.1, 0), 0.048, "light"))),
        Link("link5", (-0.0825, 0.384, 0), _DOWN, (-2.8973, 2.8973), 2.61, 12, 1000, 1.2,
             (Capsule((0, 0, -0.27), (0, 0, -0.02), 0.045, "light"),), collides=True),
        Link("link6", _O, _UP, (-0.0175, 3.7525), 2.61, 12, 1000, 1.7,
             (Capsule((0, 0, -0.05), (0, 0, 0.05), 0.045, "dark"),
              Capsule(_O, (0.088, 0, 0), 0.04, "light")),
             collides=True),
        Link("link7", (0.088, 0, 0), _UP, (-2.8973, 2.8973), 2.61, 12, 1000, 0.7,
             (Capsule((0, 0, 0.02), (0, 0, 0.085), 0.04, "dark"),), collides=True),
    ),
    flange=(0, 0, 0.107),
    flange_quat=(0.92387953, 0, 0, -0.38268343),
    tcp=(0, 0, 0.1034),
    gripper=Gripper(
        finger_base=0.0584,
        finger_travel=0.04,
        finger_force=20.0,
        hand_half=(0.020, 0.090, 0.029),
        hand_height=0.029,
        pad_half=(0.010, 0.006, 0.026),
        pad_height=0.027,
        spheres=(
            CollisionSphere((0.0, 0.0, -0.165), 0.055),  # wrist
            CollisionSphere((0.0, -0.06, -0.0744), 0.036),  # palm
            CollisionSphere((0.0, -0.02, -0.0744), 0.036),
            CollisionSphere((0.0, 0.02, -0.0744), 0.036),
            CollisionSphere((0.0, 0.06, -0.0744), 0.036),
        ),
        pad_sphere_heights=(-0.006, -0.036),
        pad_sphere_radius=0.014,
    ),
    wrist_camera=WristCamera(
        pos=(0.075, 0.0, 0.015), target=(0.012, 0.0, 0.12), up=(1, 0, 0), fovy=75.0
    ),
    servo_lag=0.05,
    home_guess=(0.0, -0.3, 0.0, -2.4, 0.0, 2.1, 0.785398),
    home_tcp=(0.46, 0.0, 0.22),
    workspace=Workspace((0.28, -0.38, 0.012), (0.74, 0.38, 0.50)),
    safety_workspace=Workspace((0.26, -0.40, 0.0), (0.76, 0.40, 0.52)),
    shoulder=(0.0, 0.0, 0.333),
    reach=0.855,
    payload=3.0,
)  # fmt: skip
