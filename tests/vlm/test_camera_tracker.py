"""The pose of a displaced camera, from where the hand appears."""

import numpy as np
import pytest

from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.geometry.rotations import rotvec_to_mat
from vla_gym.vlm.camera_tracker import CameraPrior, CameraTracker

N = 40
IDS = np.arange(N)


def nominal():
    back, right = np.array([0.6, 0.0, 0.8]), np.array([0.0, 1.0, 0.0])
    mat = np.stack([right, np.cross(back, right), back], axis=1)
    return PinholeCamera(np.array([1.06, 0.0, 0.74]), mat, 0.5)


def moved(rng, camera):
    shift = rng.normal(0, 1, 3)
    shift *= rng.uniform(0.02, 0.05) / np.linalg.norm(shift)
    turn = rng.uniform(-0.04, 0.04, (1, 3))
    return PinholeCamera(camera.pos + shift, camera.mat @ rotvec_to_mat(turn)[0], camera.tan_half)


def worst_place(tracker, cameras, things):
    """Errors on the table of objects in images of the moved cameras. Shape (N,), [m]."""
    uv = np.stack([c.project(x) for c, x in zip(cameras, things, strict=True)])
    found = tracker.deproject(tracker.pose, uv[:, None], 0.025)[:, 0]
    return np.linalg.norm((found - things)[:, :2], axis=1)


@pytest.fixture()
def scene():
    rng, camera = np.random.default_rng(0), nominal()
    cameras = [moved(rng, camera) for _ in range(N)]
    things = rng.uniform([0.4, -0.25, 0.025], [0.65, 0.25, 0.025], (N, 3))
    return rng, camera, cameras, things


def look(tracker, rng, cameras, tcp, noise=0.01):
    uv = np.stack([c.project(x) for c, x in zip(cameras, tcp, strict=True)])
    tracker.update(IDS, tcp, uv + rng.normal(0, noise, uv.shape), np.ones(N))


def test_a_moved_camera_is_estimated_from_the_hand(scene):
    rng, camera, cameras, things = scene
    tracker = CameraTracker(N, camera)
    before = worst_place(tracker, cameras, things)
    tcp = np.tile([0.45, 0.0, 0.25], (N, 1))
    look(tracker, rng, cameras, tcp)
    once = worst_place(tracker, cameras, things)
    for _ in range(20):
        tcp = tcp + 0.15 * (things - tcp)
        look(tracker, rng, cameras, tcp)
    after = worst_place(tracker, cameras, things)
    assert np.median(before) > 0.03 and np.median(once) < 0.4 * np.median(before)
    assert np.median(after) < 0.005


def test_the_jacobian_is_the_derivative(scene):
    _rng, camera, _, things = scene
    tracker = CameraTracker(N, camera)
    at = np.zeros((N, 6))
    seen, slope = tracker._project(at, things)
    for k in range(6):
        step = np.zeros(6)
        step[k] = 1e-6
        numeric = (tracker._project(at + step, things)[0] - seen) / 1e-6
        np.testing.assert_allclose(slope[:, :, k], numeric, atol=1e-4)


def test_the_nominal_camera_projects_as_its_calibration(scene):
    _, camera, _, things = scene
    seen, _ = CameraTracker(N, camera)._project(np.zeros((N, 6)), things)
    np.testing.assert_allclose(seen, camera.project(things), atol=1e-12)


def test_outliers_and_low_confidence_are_ignored(scene):
    _, camera, _, things = scene
    tracker = CameraTracker(N, camera, CameraPrior())
    uv = camera.project(things)
    tracker.update(IDS, things, uv + 1.5, np.ones(N))  # outliers
    tracker.update(IDS, things, uv + 0.05, np.full(N, 0.3))
    assert not tracker.mean.any()


def test_a_camera_that_has_not_moved_is_left_alone(scene):
    rng, camera, _, things = scene
    tracker, cameras = CameraTracker(N, camera), [camera] * N
    bias = rng.normal(0, 0.015, (N, 2))  # errors that stay the same
    for _ in range(15):
        uv = camera.project(things) + bias
        tracker.update(IDS, things, uv + rng.normal(0, 0.005, uv.shape), np.ones(N))
    assert np.median(worst_place(tracker, cameras, things)) < 0.003


def test_sub_environments_are_independent(scene):
    _rng, camera, cameras, things = scene
    tracker, alone = CameraTracker(N, camera), CameraTracker(1, camera)
    uv = np.stack([c.project(x) for c, x in zip(cameras, things, strict=True)])
    tracker.update(IDS, things, uv, np.ones(N))
    alone.update(np.array([0]), things[3:4], uv[3:4], np.ones(1))
    np.testing.assert_allclose(tracker.mean[3], alone.mean[0], atol=1e-12)
    tracker.reset(np.array([3]))
    assert not tracker.mean[3].any() and tracker.mean[4].any()
