"""Facts about scenes set up by hand."""

import numpy as np
import pytest

from vla_gym.world.objects import KINDS, ObjectSpec
from vla_gym.world.predicates import And, Held, Inside, Lifted, Near, Not, On, Or, Static, Upright
from vla_gym.world.world import World

ROLES = {"a": np.array([0]), "b": np.array([1])}


def scene(*things):
    """A world with things (kind, x, y, height of its underside, quaternion or None)."""
    world = World(1, n_threads=1)
    world.set_objects(np.array([0]), [[ObjectSpec(t[0]) for t in things]])
    pos, quat = np.zeros((1, world.n_slots, 3)), np.zeros((1, world.n_slots, 4))
    quat[..., 0] = 1.0
    for i, (kind, x, y, z, *turn) in enumerate(things):
        pos[0, i] = (x, y, KINDS[kind].half_height + z)
        if turn:
            quat[0, i] = turn[0]
    world.place(np.array([0]), pos, quat)
    world.forward()
    return world


H = 0.5**0.5
BOWL = ("bowl", 0.5, 0.0, 0.0)
CASES = [
    (Inside("a", "b"), ("cube", 0.5, 0.0, 0.006), BOWL, True),
    (Inside("a", "b"), ("cube", 0.5, 0.01, 0.006), BOWL, True),
    (Inside("a", "b"), ("cube", 0.5, 0.12, 0.0), BOWL, False),
    (Inside("a", "b"), ("cube", 0.5, 0.0, 0.15), BOWL, False),
    (Inside("a", "b"), ("cube", 0.5, 0.0, 0.006), ("tray", 0.5, 0.0, 0.0), True),
    (Inside("a", "b"), ("ball", 0.5, 0.0, 0.006), ("mug", 0.5, 0.1, 0.0), False),
    (On("a", "b"), ("cube", 0.5, 0.0, 0.042), ("cube", 0.5, 0.0, 0.0), True),
    (On("a", "b"), ("cube", 0.5, 0.06, 0.042), ("cube", 0.5, 0.0, 0.0), False),
    (On("a", "b"), ("cube", 0.5, 0.0, 0.10), ("cube", 0.5, 0.0, 0.0), False),
    (Lifted("a"), ("cube", 0.5, 0.0, 0.0), BOWL, False),
    (Lifted("a"), ("cube", 0.5, 0.2, 0.2), BOWL, True),
    (Upright("a"), ("cylinder", 0.5, 0.2, 0.0), BOWL, True),
    (Upright("a"), ("cylinder", 0.5, 0.2, 0.0, (H, H, 0, 0)), BOWL, False),
    (Near("a", 0.5), ("cube", 0.5, 0.2, 0.0), BOWL, True),
    (Near("a"), ("cube", 0.5, 0.2, 0.0), BOWL, False),
    (Held("a"), ("cube", 0.5, 0.2, 0.0), BOWL, False),
    (Static("a"), ("cube", 0.5, 0.2, 0.0), BOWL, True),
]


@pytest.mark.parametrize(("fact", "first", "second", "expected"), CASES)
def test_truth(fact, first, second, expected):
    world = scene(first, second)
    assert fact.holds(world, ROLES)[0] == expected
    assert Not(fact).holds(world, ROLES)[0] != expected
    assert (fact.margin(world, ROLES)[0] >= 0) == expected
    for other in (True, False):
        known = Upright("b") if other else ~Upright("b")
        assert And(fact, known).holds(world, ROLES)[0] == (expected and other)
        assert Or(fact, known).holds(world, ROLES)[0] == (expected or other)


def test_what_moves_is_not_static():
    world = scene(("cube", 0.5, 0.2, 0.3), BOWL)
    world.step(20)
    assert not Static("a").holds(world, ROLES)[0]
