"""Rotations agree with MuJoCo and with each other."""

import mujoco
import numpy as np

from vla_gym.geometry.rotations import (
    TOOL_DOWN,
    cross,
    look_at,
    quat_about,
    quat_multiply,
    quat_to_mat,
    rotvec_from_down,
    rotvec_to_mat,
)


def random_quats(n):
    quat = np.random.default_rng(0).normal(size=(n, 4))
    return quat / np.linalg.norm(quat, axis=1, keepdims=True)


def test_matrices_of_quaternions_are_mujocos():
    for quat, mat in zip(random_quats(50), quat_to_mat(random_quats(50)), strict=True):
        expected = np.zeros(9)
        mujoco.mju_quat2Mat(expected, quat)
        np.testing.assert_allclose(mat.ravel(), expected, atol=1e-12)


def test_a_product_applies_the_second_rotation_first():
    a, b = quat_about("z", 0.3), quat_about("x", 1.1)
    product = quat_to_mat(quat_multiply(a, b))
    np.testing.assert_allclose(product, quat_to_mat(a) @ quat_to_mat(b), atol=1e-12)


def test_rotation_vectors_return_to_their_matrix():
    turn = np.random.default_rng(1).uniform(-1.5, 1.5, (20, 3))
    found = rotvec_from_down(rotvec_to_mat(turn) @ TOOL_DOWN)
    np.testing.assert_allclose(found, turn, atol=1e-9)


def test_cross_is_numpys():
    a, b = np.random.default_rng(2).normal(size=(2, 5, 4, 3))
    np.testing.assert_allclose(cross(a, b), np.cross(a, b), atol=1e-14)


def test_a_camera_looks_at_its_target():
    pos, target = np.array([1.0, 0.2, 0.7]), np.array([0.4, 0.0, 0.1])
    mat = quat_to_mat(look_at(pos, target))
    np.testing.assert_allclose(mat.T @ (target - pos) / np.linalg.norm(target - pos), [0, 0, -1],
                               atol=1e-12)  # fmt: skip
    assert mat[2, 1] > 0  # up in the image is up in the world
