"""Every shipped task: Gymnasium's checker, state, starts, success, violations, stages."""

import pickle
import warnings
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import vla_gym
from vla_gym.envs.catalogue import count
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.language.noun_phrases import resolve
from vla_gym.skills import Expert, stages_of

IDS = vla_gym.ENV_IDS


def make_vec(env_id, n=8, **kwargs):
    return vla_gym.make_vec(env_id, n, **{"cameras": (), **kwargs})


def noise(core, rng):
    return rng.uniform(-1, 1, core.action_space.shape)


@pytest.mark.parametrize("env_id", IDS)
def test_check_env_passes_without_warnings(env_id):
    env = gym.make(env_id, image_size=16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    spec = pickle.loads(pickle.dumps(env.spec))
    assert gym.make(spec).observation_space == env.observation_space
    env.close()


@pytest.mark.parametrize("env_id", IDS)
def test_state_comes_back_in_the_middle_of_an_episode(env_id):
    venv, rng = make_vec(env_id, 4, horizon=25), np.random.default_rng(0)
    venv.reset(seed=3)
    core, expert = venv.unwrapped, Expert(venv.unwrapped)
    for _ in range(6):
        venv.step(expert.act())
    state, actions = core.get_state(), [noise(core, rng) for _ in range(25)]
    first = [venv.step(a) for a in actions]
    core.set_state(state)
    second = [venv.step(a) for a in actions]
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a[0]["proprio"], b[0]["proprio"])
        assert a[0]["instruction"] == b[0]["instruction"]
        assert all(np.array_equal(x, y) for x, y in zip(a[1:4], b[1:4], strict=True))
    venv.close()


@pytest.mark.parametrize("env_id", IDS)
def test_no_episode_starts_solved_and_phrases_name_their_objects(env_id):
    venv = make_vec(env_id, 48)
    venv.reset(seed=11)
    core = venv.unwrapped
    assert len(set(core.instructions)) > 20
    for k, task in enumerate(core.tasks):
        mine = core.task_id == k
        assert not (task.goal.holds(core.world, core.roles) & mine).any()
        if task.keep is not None:
            assert task.keep.holds(core.world, core.roles)[mine].all()
    for episode in core.episodes:
        task, seen = core.tasks[episode.task], episode.binding.seen(episode.pos)
        readings = task.read(episode.instruction)
        assert any(
            all(resolve(p[role], seen) == [slot] for role, slot in episode.binding.roles.items())
            for p in readings
        )
        for role, slots in episode.binding.groups.items():
            assert set(resolve(readings[0][role], seen)) >= set(slots)
    venv.close()


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
def test_random_actions_hardly_ever_succeed_and_nothing_breaks(env_id):
    venv, rng = make_vec(env_id, 32), np.random.default_rng(0)
    venv.reset(seed=0)
    wins = ends = 0
    for _ in range(150):
        obs, rewards, terminated, truncated, _ = venv.step(noise(venv.unwrapped, rng))
        assert np.isfinite(obs["proprio"]).all()
        wins, ends = wins + rewards.sum(), ends + (terminated | truncated).sum()
    assert wins <= max(2, 0.06 * ends), f"{wins} of {ends}"
    venv.close()


def test_a_violation_ends_the_episode_without_reward():
    venv = make_vec("VLAAvoid-v0", 8)
    venv.reset(seed=0)
    core = venv.unwrapped
    bottle = core.roles["bystander"]
    for i in range(8):
        core.world.qpos[i, core.world._slot_qpos[bottle[i], :2]] = (0.9, 0.0)
    _, rewards, terminated, _, infos = venv.step(np.zeros((8, 7)))
    assert terminated.all() and not rewards.any() and infos["final_info"]["violated"].all()
    venv.close()


@pytest.mark.parametrize("env_id", [i for i in IDS if "Infeasible" not in i])
def test_stages_lead_every_task_to_its_goal(env_id):
    """The expert, after a while, is past the first stage, and progress has grown with it."""
    venv = make_vec(env_id, 12, split="validation", reward_type="dense")
    venv.reset(seed=0)
    core, expert = venv.unwrapped, Expert(venv.unwrapped)
    begun = core.judge.potentials()
    total = np.zeros(12)
    for _ in range(14):
        _, rewards, terminated, _, _ = venv.step(expert.act())
        total += rewards * ~terminated
    has_stages = np.array([bool(stages_of(core.tasks[k].goal)) for k in core.task_id])
    assert has_stages.mean() > 0.5 and (begun < 0.9).all()
    assert (total[has_stages] > 0).mean() > 0.7 and total[has_stages].mean() > 0.05
    venv.close()


def test_an_unstable_simulation_ends_the_episode_without_success():
    """MuJoCo resets it, which puts all objects upright where absent ones are parked."""
    venv = make_vec("VLAUpright-v0", 3)
    venv.reset(seed=0)
    core = venv.unwrapped
    core.world.qvel[1, core.world._slot_dof[0, 0]] = 1e12
    _, rewards, terminated, _, infos = venv.step(np.zeros((3, 7)))
    assert terminated.tolist() == [False, True, False] and not rewards.any()
    assert infos["final_info"]["diverged"].tolist() == [False, True, False]
    for _ in range(3):  # and the next episode is a whole one
        obs, rewards, terminated, *_ = venv.step(np.zeros((3, 7)))
    assert not terminated.any() and not rewards.any() and np.isfinite(obs["proprio"]).all()
    venv.close()


def test_infeasible_needs_a_second_before_the_terminate_action():
    venv = make_vec("VLAInfeasible-v0", 4)
    assert venv.action_space.shape == (4, 8)
    venv.reset(seed=0)
    stop = np.zeros((4, 8))
    stop[:, 7] = 1
    _, rewards, terminated, *_ = venv.step(stop)
    assert terminated.all() and not rewards.any()
    venv.reset(seed=0)
    for _ in range(10):
        venv.step(stop - 2 * (np.arange(8) == 7))
    _, rewards, terminated, *_ = venv.step(stop)
    assert terminated.all() and rewards.all()
    venv.close()


def test_a_sequence_in_the_wrong_order_does_not_count():
    task = TASKS["Sequence"]
    swapped = replace(task, goal=task.goal.__class__(task.goal.second, task.goal.first))
    venv = make_vec("VLASequence-v0", 8, split="validation")
    core = venv.unwrapped
    venv.reset(seed=0)
    driver, total = Expert(core), 0.0
    driver._tasks = lambda: [(swapped, np.ones(8, bool))]
    for _ in range(core.horizon - 1):
        _, rewards, *_ = venv.step(driver.act())
        total += rewards.sum()
    assert total == 0
    venv.close()


def test_there_are_over_a_million_instructions():
    assert sum(count(t).instructions for t in TASKS.values()) > 1_000_000
    assert count(TASKS["PickPlace"], True).instructions > 1_000_000
    names = {k for t in TASKS.values() for k in count(t, True).kinds}
    assert len(names) >= 14


def test_unknown_tasks_list_the_known():
    with pytest.raises(UnknownNameError, match="Tabletop"):
        gym.make("VLAPickPlace-v0", task="Juggle")
    with pytest.raises(InvalidConfigError, match="not both"):
        env = gym.make("VLAPickPlace-v0", cameras=())
        env.reset(seed=0)
        env.reset(options={"same_scene": True, "roles": {"object": 0}, "instruction": "x"})
    assert set(MIXTURES) >= {"Arrange", "Tabletop"}
