"""Facts about scenes set up by hand."""

import numpy as np
import pytest

from vla_gym.world.logic import After, And, Each, Not, Once, Or, Then
from vla_gym.world.objects import KINDS, ObjectSpec
from vla_gym.world.predicates import (
    AnyMoved,
    Beside,
    Closed,
    Free,
    HandBehind,
    Held,
    Inside,
    Lifted,
    Moved,
    Near,
    On,
    Opened,
    Over,
    Pressed,
    SlidOver,
    Standing,
    Static,
    Touched,
    Upright,
)
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
CABINET = ("cabinet", 0.4, 0.0, 0.0)
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
    # in the container: over its rim from outside, hovering, tipped over, merely under it
    (Inside("a", "b"), ("cube", 0.5, 0.058, 0.04), BOWL, False),
    (Inside("a", "b"), ("cube", 0.5, 0.0, 0.008), (*BOWL, (H, H, 0, 0)), False),
    (Inside("a", "b"), ("cube", 0.5, 0.0, 0.0), ("shelf", 0.5, 0.0, 0.0), False),
    (Inside("a", "b"), ("cube", 0.5, 0.0, 0.0802), ("shelf", 0.5, 0.0, 0.0), True),
    (Inside("a", "b"), ("ball", 0.5, 0.0, 0.006), ("box", 0.5, 0.0, 0.0), True),
    # on top: beside it, leaning, through it
    (On("a", "b"), ("cube", 0.5, 0.0, 0.02), ("cube", 0.5, 0.0, 0.0), False),
    (On("a", "b"), ("brick", 0.5, 0.0, 0.0422), ("cube", 0.5, 0.0, 0.0), True),
    # pushed onto a mat: at whatever height, for `keep` forbids lifting
    (Over("a", "b"), ("puck", 0.5, 0.01, 0.0), ("mat", 0.5, 0.0, 0.0), True),
    (Over("a", "b"), ("puck", 0.5, 0.06, 0.0), ("mat", 0.5, 0.0, 0.0), False),
    # sides are the camera's: it faces the robot, so left is -y and front is +x
    (Beside("a", "b", "left"), ("cube", 0.5, -0.11, 0.0), BOWL, True),
    (Beside("a", "b", "right"), ("cube", 0.5, 0.11, 0.0), BOWL, True),
    (Beside("a", "b", "front"), ("cube", 0.61, 0.0, 0.0), BOWL, True),
    (Beside("a", "b", "behind"), ("cube", 0.39, 0.0, 0.0), BOWL, True),
    (Beside("a", "b", "left"), ("cube", 0.5, 0.11, 0.0), BOWL, False),
    (Beside("a", "b", "left"), ("cube", 0.61, -0.05, 0.0), BOWL, False),
    (Beside("a", "b", "left"), ("cube", 0.5, -0.30, 0.0), BOWL, False),
    (Beside("a", "b", "left"), ("cube", 0.5, -0.11, 0.2), BOWL, False),
    (Beside("a", "b", "left"), ("cube", 0.5, 0.0, 0.006), BOWL, False),
    (Pressed("b"), ("cube", 0.5, 0.2, 0.0), ("button", 0.5, 0.0, 0.0), False),
    (Moved("a"), ("cube", 0.5, 0.2, 0.0), BOWL, False),
    (AnyMoved(), ("cube", 0.5, 0.2, 0.0), BOWL, False),
    (Free(), ("cube", 0.5, 0.2, 0.0), BOWL, True),
    (After(1.0), ("cube", 0.5, 0.2, 0.0), BOWL, False),
    (After(0.0001), ("cube", 0.5, 0.2, 0.0), BOWL, False),
    (Static("a"), ("cube", 0.5, 0.2, 0.0), BOWL, True),
    # standing: on the table, not on its side, not leaning, not in mid-air
    (Standing("a"), ("bottle", 0.5, 0.2, 0.0), BOWL, True),
    (Standing("a"), ("bottle", 0.5, 0.2, -0.027, (H, 0, H, 0)), BOWL, False),
    (Standing("a"), ("bottle", 0.5, 0.2, 0.0, (0.966, 0, 0.259, 0)), BOWL, False),
    (Standing("a"), ("bottle", 0.5, 0.2, 0.05), BOWL, False),
    (Standing("a"), ("bottle", 0.5, 0.2, 0.0, (0, 1, 0, 0)), BOWL, False),
    # drawers: shut, ajar, open, beside the cabinet, without one
    (Opened("a"), ("drawer", 0.405, -0.0445, 0.0), CABINET, False),
    (Closed("a"), ("drawer", 0.405, -0.0445, 0.0), CABINET, True),
    (Opened("a"), ("drawer", 0.435, -0.0445, 0.0), CABINET, False),
    (Closed("a"), ("drawer", 0.435, -0.0445, 0.0), CABINET, False),
    (Opened("a"), ("drawer", 0.475, -0.0445, 0.0), CABINET, True),
    (Closed("a"), ("drawer", 0.475, -0.0445, 0.0), CABINET, False),
    (Opened("a"), ("drawer", 0.475, 0.0, 0.0), BOWL, False),
    (Closed("a"), ("drawer", 0.405, 0.0, 0.0), BOWL, False),
    (Inside("a", "b"), ("cube", 0.5, 0.0, 0.006), ("drawer", 0.5, 0.0, 0.0), True),
    # slid: the hand is at x = 0.46, behind the line or over it
    (SlidOver("a", "b", 0.54), ("puck", 0.65, 0.0, 0.0), ("mat", 0.65, 0.0, 0.0), True),
    (SlidOver("a", "b", 0.44), ("puck", 0.65, 0.0, 0.0), ("mat", 0.65, 0.0, 0.0), False),
    (SlidOver("a", "b", 0.54), ("puck", 0.55, 0.0, 0.0), ("mat", 0.65, 0.0, 0.0), False),
    (HandBehind(0.54), ("cube", 0.5, 0.2, 0.0), BOWL, True),
    (HandBehind(0.40), ("cube", 0.5, 0.2, 0.0), BOWL, False),
]


@pytest.mark.parametrize(("fact", "first", "second", "expected"), CASES)
def test_truth(fact, first, second, expected):
    world = scene(first, second)
    assert fact.holds(world, ROLES)[0] == expected
    assert Not(fact).holds(world, ROLES)[0] != expected
    assert (fact.margin(world, ROLES)[0] >= 0) == expected
    for other in (True, False):
        known = Free() if other else ~Free()
        assert And(fact, known).holds(world, ROLES)[0] == (expected and other)
        assert Or(fact, known).holds(world, ROLES)[0] == (expected or other)


def test_what_moves_is_not_static():
    world = scene(("cube", 0.5, 0.2, 0.3), BOWL)
    world.step(20)
    assert not Static("a").holds(world, ROLES)[0]


PUT = Inside("a", "b") & ~Touched("a") & Static("a")


def test_thrown_through_a_bowl_is_not_put_into_it():
    """Whatever speed it comes at, it counts only once it stays."""
    for vx in (0.3, 1.0, 3.0):
        world = scene(("ball", 0.44, 0.0, 0.07), BOWL)
        world.qvel[0, world._slot_dof[0, 0]] = vx
        held = []
        for _ in range(150):
            world.step(2)
            held.append(bool(PUT.holds(world, ROLES)[0]))
        stays = np.linalg.norm(world.object_pos[0, 0, :2] - [0.5, 0.0]) < 0.05
        assert held[-1] == stays and (stays or not any(held)), vx


def test_what_is_undone_no_longer_holds():
    world = scene(("cube", 0.5, 0.0, 0.006), BOWL)
    assert PUT.holds(world, ROLES)[0]
    move(world, 0, (0.5, 0.2), 0.021)
    assert not PUT.holds(world, ROLES)[0]
    world = scene(("bottle", 0.5, 0.2, 0.0), BOWL)
    goal = Standing("a") & ~Touched("a") & Static("a")
    assert goal.holds(world, ROLES)[0]
    world.qvel[0, world._slot_dof[0, 3:]] = (0.0, 40.0, 0.0)
    world.step(300)
    assert not goal.holds(world, ROLES)[0]


def test_dropped_from_above_counts_when_it_has_come_to_rest():
    world = scene(("cube", 0.5, 0.0, 0.15), BOWL)
    assert not PUT.holds(world, ROLES)[0]
    world.step(20)
    assert not PUT.holds(world, ROLES)[0]
    world.step(400)
    assert PUT.holds(world, ROLES)[0]


def test_time_passes():
    world = scene(("cube", 0.5, 0.2, 0.0), BOWL)
    assert not After(0.5).holds(world, ROLES)[0]
    world.step(round(0.5 / world.model.opt.timestep))
    assert After(0.5).holds(world, ROLES)[0]


def move(world, slot, xy, z=None):
    world.qpos[0, world._slot_qpos[slot, :2]] = xy
    if z is not None:
        world.qpos[0, world._slot_qpos[slot, 2]] = z
    world.forward()


def test_moved_is_measured_from_where_the_episode_began():
    world = scene(("cube", 0.5, 0.2, 0.0), BOWL)
    move(world, 0, (0.5, 0.24))
    assert Moved("a").holds(world, ROLES)[0] and AnyMoved().holds(world, ROLES)[0]
    assert not Moved("b").holds(world, ROLES)[0]
    move(world, 0, (0.5, 0.2))
    assert not Moved("a").holds(world, ROLES)[0]


def test_once_remembers_until_the_next_episode():
    world, fact = scene(("cube", 0.5, 0.0, 0.006), BOWL), Once(Inside("a", "b"))
    fact.observe(world, ROLES)
    move(world, 0, (0.5, 0.2))
    assert fact.holds(world, ROLES)[0] and not fact.fact.holds(world, ROLES)[0]
    state = world.get_state()
    pos, quat = world.object_pos.copy(), world.object_quat.copy()
    world.place(np.array([0]), pos, quat)
    assert not fact.holds(world, ROLES)[0]
    world.set_state(state)
    assert fact.holds(world, ROLES)[0]


@pytest.mark.parametrize("right_order", [True, False])
def test_then_minds_the_order(right_order):
    a_in, b_up = Inside("a", "b"), Lifted("c")
    roles = {**ROLES, "c": np.array([2])}
    world = scene(("cube", 0.5, 0.2, 0.0), BOWL, ("ball", 0.6, -0.2, 0.0))
    goal = Then(a_in, b_up)
    steps = [lambda: move(world, 0, (0.5, 0.0), 0.027), lambda: move(world, 2, (0.6, -0.2), 0.2)]
    for step in steps if right_order else steps[::-1]:
        step()
        goal.observe(world, roles)
    assert a_in.holds(world, roles)[0] and b_up.holds(world, roles)[0]
    assert goal.holds(world, roles)[0] == right_order


def test_each_wants_all_of_them():
    world = scene(("cube", 0.5, 0.0, 0.006), BOWL, ("ball", 0.6, -0.2, 0.0))
    group = np.zeros((1, world.n_slots), bool)
    goal = Each("all", "it", Inside("it", "b"))
    group[0, 0] = True
    assert goal.holds(world, {**ROLES, "all": group})[0]
    group[0, 2] = True
    assert not goal.holds(world, {**ROLES, "all": group})[0]
    assert goal.next_member(world, {**ROLES, "all": group})[0] == 2


def test_algebra():
    """De Morgan, commutativity, idempotence, margins; on random scenes."""
    rng, facts = np.random.default_rng(0), [
        Inside("a", "b"), Upright("a"), Lifted("a"), Near("a", 0.2), Static("a"), Touched("a"),
    ]  # fmt: skip
    for _ in range(40):
        thing = ("cube", *rng.uniform([0.42, -0.1, 0.0], [0.58, 0.1, 0.06]))
        world = scene(thing, BOWL)
        p, q = (facts[i] for i in rng.integers(len(facts), size=2))

        def true(fact, world=world):
            return bool(fact.holds(world, ROLES)[0])

        assert true(~(p & q)) == true(~p | ~q) and true(~(p | q)) == true(~p & ~q)
        assert true(p & q) == true(q & p) == (true(p) and true(q))
        assert true(p & p) == true(p) == true(~~p)
        both = (p & q).margin(world, ROLES)[0]
        assert both == min(p.margin(world, ROLES)[0], q.margin(world, ROLES)[0])
        assert not true(p & ~p) and true(p | ~p)
