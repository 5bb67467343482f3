"""The numbers of the Franka Emika Panda.

Kinematics, joint limits and torques: Franka's public data sheet and DH table (d1 .333, d3 .316,
a4 .0825, a5 -.0825, d5 .384, a7 .088, flange .107 m; hand TCP .1034 m beyond the flange, turned by
-45 degrees). Masses are rounded from published identifications; the shape is capsules and boxes.
"""

from __future__ import annotations

from vla_gym.robots.robot import Link, Robot

_H = 0.5**0.5
_UP = (_H, _H, 0.0, 0.0)
_DOWN = (_H, -_H, 0.0, 0.0)
_O = (0.0, 0.0, 0.0)

PANDA = Robot(
    name="panda",
    links=(
        Link("link1", (0, 0, 0.333), (1, 0, 0, 0), (-2.8973, 2.8973), 87, 2250, 4.9,
             (((0, 0, -0.19), _O, 0.06, "light"),)),
        Link("link2", _O, _DOWN, (-1.7628, 1.7628), 87, 2250, 0.7,
             (((0, 0, -0.06), (0, 0, 0.06), 0.06, "dark"), (_O, (0, -0.19, 0), 0.055, "light"))),
        Link("link3", (0, -0.316, 0), _UP, (-2.8973, 2.8973), 87, 1750, 3.2,
             (((0, 0, -0.1), _O, 0.055, "light"), (_O, (0.0825, 0, 0), 0.048, "light"))),
        Link("link4", (0.0825, 0, 0), _UP, (-3.0718, -0.0698), 87, 1750, 3.6,
             (((0, 0, -0.05), (0, 0, 0.05), 0.055, "dark"),
              (_O, (-0.0825, 0.1, 0), 0.048, "light"))),
        Link("link5", (-0.0825, 0.384, 0), _DOWN, (-2.8973, 2.8973), 12, 1000, 1.2,
             (((0, 0, -0.27), (0, 0, -0.02), 0.045, "light"),), collides=True),
        Link("link6", _O, _UP, (-0.0175, 3.7525), 12, 1000, 1.7,
             (((0, 0, -0.05), (0, 0, 0.05), 0.045, "dark"), (_O, (0.088, 0, 0), 0.04, "light")),
             collides=True),
        Link("link7", (0.088, 0, 0), _UP, (-2.8973, 2.8973), 12, 1000, 0.7,
             (((0, 0, 0.02), (0, 0, 0.085), 0.04, "dark"),), collides=True),
    ),
    flange=(0, 0, 0.107),
    flange_quat=(0.92387953, 0, 0, -0.38268343),
    tcp=(0, 0, 0.1034),
    finger_base=0.0584,
    finger_travel=0.04,
    finger_force=20.0,
    servo_lag=0.05,
    home_guess=(0.0, -0.3, 0.0, -2.4, 0.0, 2.1, 0.785398),
    home_tcp=(0.46, 0.0, 0.22),
    reach=0.855,
    payload=3.0,
)  # fmt: skip
