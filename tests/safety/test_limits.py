"""Configuration: clear errors, zones, the approval hook on the keyboard."""

from __future__ import annotations

import io
import math
import sys

import numpy as np
import pytest

from vla_gym.errors import InvalidConfigError, UnknownNameError, VlaGymError
from vla_gym.robots import find_robot
from vla_gym.safety import ApprovalRequest, Box, Limits, SafetyConfig, Sphere, ask_keyboard, protect
from vla_gym.safety.zones import Zones


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: SafetyConfig("clipp"), ["'clipp'", "Did you mean 'clip'", "'veto'"]),
        (lambda: SafetyConfig.of({"mod": "clip"}), ["'mod'", "'mode'"]),
        (lambda: Limits(tcp_speed=-1.0), ["tcp_speed", "0 or more"]),
        (lambda: Limits(contact_force=math.nan), ["contact_force", "not a number"]),
        (lambda: Limits(fragile=("mugg",)), ["'mugg'", "'mug'"]),
        (
            lambda: Limits(workspace_low=(1.0, 0.0, 0.0), workspace_high=(0.7, 0.4, 0.5)),
            ["below workspace_high"],
        ),
        (
            lambda: Limits(workspace_low=(1.0, 0.0, 0.0)).resolve(find_robot("panda")),
            ["below workspace_high"],
        ),
        (lambda: Limits(joint_speed=(1.0,)).resolve(find_robot("panda")), ["1 numbers", "7"]),
        (lambda: SafetyConfig(keep_out=(Sphere((0, 0, 0), -1.0),)), ["negative size"]),
    ],
)
def test_wrong_input_is_told(build, words):
    with pytest.raises(VlaGymError) as fault:
        build()
    assert all(word in str(fault.value) for word in words)


def test_modes_from_names_mappings_and_nothing():
    assert SafetyConfig.of(None).mode == "off"
    assert SafetyConfig.of("veto").mode == "veto"
    assert SafetyConfig.of({"mode": "report", "keep_away": ("bystander",)}).keep_away == (
        "bystander",
    )
    with pytest.raises(UnknownNameError):
        SafetyConfig.of("nothing")


def test_other_environments_cannot_be_protected():
    import gymnasium as gym

    with pytest.raises(InvalidConfigError, match="CartPole"):
        protect(gym.make("CartPole-v1"))


def test_distance_to_a_rounded_box_by_sampling():
    rng = np.random.default_rng(0)
    box = Box((0.1, -0.2, 0.3), (0.05, 0.1, 0.02), 0.03)
    zones = Zones(
        np.array([[box.center]]),
        np.array([[box.half]]),
        np.eye(3)[None, None],
        np.array([[box.radius]]),
    )
    surface = rng.uniform(-1, 1, (200_000, 3)) * box.half + box.center
    for point in rng.uniform(-0.5, 0.5, (20, 3)) + box.center:
        distance, out = zones.distance(point[None, None])
        brute = np.linalg.norm(surface - point, axis=1).min() - box.radius
        if distance[0, 0, 0] > 0:
            assert distance[0, 0, 0] == pytest.approx(brute, abs=0.01)
        ahead, _ = zones.distance((point + 1e-4 * out[0, 0, 0])[None, None])
        assert ahead[0, 0, 0] - distance[0, 0, 0] == pytest.approx(1e-4, rel=0.02)


@pytest.mark.parametrize(
    ("typed", "yes"), [("y\n", True), ("YES\n", True), ("\n", False), ("", False), ("n\n", False)]
)
def test_keyboard(monkeypatch, capsys, typed, yes):
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert ask_keyboard(ApprovalRequest("lift the mug", ("a mug breaks easily",))) is yes
    assert "a mug breaks easily" in capsys.readouterr().out
