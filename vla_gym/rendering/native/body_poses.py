"""Poses of all bodies from joint positions, as `mj_kinematics` computes them."""

from __future__ import annotations

import math

from numba import int64, void

from vla_gym.rendering.native.algebra import along, plus, product, rotated
from vla_gym.rendering.native.compiling import setup
from vla_gym.rendering.native.layouts import BUFFERS, LIVE, QUATERNION, SCENE, VECTOR

_FREE, _BALL, _SLIDE = 0, 1, 2  # of mjtJoint; the fourth is a hinge


@setup(QUATERNION(QUATERNION))
def _normalised(q):
    norm = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    if norm < 1e-15:
        return 1.0, 0.0, 0.0, 0.0
    return q[0] / norm, q[1] / norm, q[2] / norm, q[3] / norm


@setup(VECTOR(BUFFERS, int64))
def position(buffers, body):
    """Where a body is, in the world frame [m]."""
    at = buffers.body_pos
    return at[body, 0], at[body, 1], at[body, 2]


@setup(QUATERNION(BUFFERS, int64))
def orientation(buffers, body):
    """How a body is turned, in the world frame."""
    at = buffers.body_quat
    return at[body, 0], at[body, 1], at[body, 2], at[body, 3]


@setup(void(BUFFERS, int64, VECTOR, QUATERNION))
def _put(buffers, body, pos, quat):
    quat = _normalised(quat)
    for k in range(3):
        buffers.body_pos[body, k] = pos[k]
    for k in range(4):
        buffers.body_quat[body, k] = quat[k]


@setup(void(SCENE, LIVE, int64, BUFFERS))
def place_bodies(scene, live, world, buffers):
    """Write the poses of all bodies of one world into the buffers."""
    qpos = live.qpos
    _put(buffers, 0, (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0))
    for b in range(1, scene.bodies.size):
        body = scene.bodies[b]
        parent = orientation(buffers, body.parent)
        offset = rotated(parent, (body.pos[0], body.pos[1], body.pos[2]))
        pos = plus(position(buffers, body.parent), offset)
        quat = product(parent, (body.quat[0], body.quat[1], body.quat[2], body.quat[3]))
        for j in range(body.first_joint, body.first_joint + body.joints):
            joint = scene.joints[j]
            k = joint.qpos
            if joint.type == _FREE:
                pos = qpos[world, k], qpos[world, k + 1], qpos[world, k + 2]
                quat = (
                    qpos[world, k + 3], qpos[world, k + 4],
                    qpos[world, k + 5], qpos[world, k + 6],
                )  # fmt: skip
                continue
            axis = joint.axis[0], joint.axis[1], joint.axis[2]
            if joint.type == _SLIDE:
                pos = along(pos, qpos[world, k] - joint.zero, rotated(quat, axis))
                continue
            # a rotation about the joint's anchor, which stays where it is
            arm = joint.pos[0], joint.pos[1], joint.pos[2]
            anchor = plus(pos, rotated(quat, arm))
            if joint.type == _BALL:
                turn = _normalised(
                    (qpos[world, k], qpos[world, k + 1], qpos[world, k + 2], qpos[world, k + 3])
                )
            else:
                half = 0.5 * (qpos[world, k] - joint.zero)
                sine = math.sin(half)
                turn = math.cos(half), sine * axis[0], sine * axis[1], sine * axis[2]
            quat = product(quat, turn)
            pos = along(anchor, -1.0, rotated(quat, arm))
        _put(buffers, b, pos, quat)
