"""Arms are values: another arm runs the same tasks, and no other code knows an arm's name."""

import re
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import vla_gym
from vla_gym.envs.observation import PROPRIO_TAIL, proprio_layout
from vla_gym.errors import UnknownNameError
from vla_gym.robots import find_robot
from vla_gym.skills import Expert

PANDA = find_robot("panda")
PACKAGE = Path(vla_gym.__file__).parent


def altered(travel=0.045):
    """An arm with a forearm 5% longer and another gripper."""
    *rest, fifth, sixth, seventh = PANDA.links
    x, y, z = fifth.pos
    longer = replace(fifth, pos=(x, 1.05 * y, z))
    gripper = replace(PANDA.gripper, finger_travel=travel)
    links = (*rest, longer, sixth, seventh)
    return replace(PANDA, name="long", links=links, gripper=gripper)


@pytest.mark.parametrize(
    ("env_id", "travel"),
    [("VLAReach-v0", 0.045), ("VLAPick-v0", 0.045), ("VLAPickPlace-v0", 0.032)],
)
def test_another_arm_runs_the_same_tasks(env_id, travel):
    env = gym.make(env_id, robot=altered(travel), cameras=())
    core = env.unwrapped.vector
    assert core.world.robot.name == "long"
    expert, wins = Expert(core), 0
    for seed in range(20):
        obs, info = env.reset(seed=seed)
        done = False
        while not done:
            assert env.observation_space.contains(obs)
            obs, _, terminated, truncated, info = env.step(expert.act()[0])
            done = terminated or truncated
        wins += info["is_success"]
    env.close()
    assert wins >= 18


def test_its_own_numbers_are_used():
    env = gym.make("VLAReach-v0", robot=altered(), cameras=(), safety="clip")
    obs, _ = env.reset(seed=0)
    world = env.unwrapped.vector.world
    np.testing.assert_allclose(obs["proprio"][PROPRIO_TAIL["gripper_width"]], 0.09, atol=1e-6)
    assert world.gripper_width[0] == pytest.approx(0.09)
    assert not np.allclose(world.home_qpos, gym_home(), atol=1e-3)
    env.close()


def gym_home():
    env = gym.make("VLAReach-v0", cameras=())
    home = env.unwrapped.vector.world.home_qpos
    env.close()
    return home


def test_safety_limits_come_from_the_arm():
    slow = replace(PANDA, links=tuple(replace(link, speed=0.5) for link in PANDA.links))
    env = gym.make("VLAReach-v0", robot=slow, cameras=(), safety="clip")
    assert env.unwrapped.vector.guard.config.limits.joint_speed == (0.5,) * 7
    env.close()


def test_an_unknown_arm_is_named_with_the_valid_ones():
    with pytest.raises(UnknownNameError, match="Unknown robot 'pandaa'.*Did you mean 'panda'"):
        gym.make("VLAReach-v0", robot="pandaa")


@pytest.mark.parametrize("n_arm", [6, 7])
def test_layout_of_proprio_follows_the_number_of_joints(n_arm):
    layout = proprio_layout(n_arm)
    row = np.arange(2 * n_arm + 12)
    assert np.concatenate([row[part] for part in layout.values()]).tolist() == row.tolist()
    for name, part in PROPRIO_TAIL.items():
        assert row[part].tolist() == row[layout[name]].tolist()


def test_only_the_robots_room_names_an_arm():
    for path in PACKAGE.rglob("*.py"):
        if PACKAGE / "robots" not in path.parents:
            assert not re.search("panda", path.read_text(encoding="utf-8"), re.I), path
