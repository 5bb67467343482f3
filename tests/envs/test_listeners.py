"""Listeners of an environment, drawers of episodes, and the actuators' common interface."""

import inspect

import gymnasium as gym
import numpy as np
import pytest

import vla_gym
from vla_gym.envs.listeners import Listener
from vla_gym.envs.safety_tally import SafetyTally
from vla_gym.safety.guard import Guard
from vla_gym.world.actuator import Actuator, PlainActuator


class Log(Listener):
    """Notes what it is called with."""

    def __init__(self, name="", calls=None):
        self.name, self.calls = name, [] if calls is None else calls

    def on_episode_start(self, venv, ids):
        self.calls.append((self.name, "start", ids.tolist(), venv.elapsed[ids].tolist()))

    def on_step(self, venv, event):
        self.calls.append((self.name, "step", event.done.tolist(), venv.elapsed.tolist()))
        self.event = event

    def on_episode_end(self, venv, ids):
        self.calls.append((self.name, "end", ids.tolist(), venv.elapsed[ids].tolist()))


@pytest.fixture()
def venv():
    made = vla_gym.make_vec("PickPlace", 3, cameras=(), horizon=2)
    yield made.unwrapped
    made.close()


def test_listeners_are_called_in_order_and_before_the_autoreset(venv):
    calls = []
    for name in ("a", "b"):
        venv.add_listener(Log(name, calls))
    venv.reset(seed=0)
    for _ in range(2):
        venv.step(np.zeros((3, 7)))
    everyone, nobody = [0, 1, 2], [False] * 3
    assert calls == [
        *((name, "start", everyone, [0, 0, 0]) for name in "ab"),
        *((name, "step", nobody, [1, 1, 1]) for name in "ab"),
        *((name, "step", [True] * 3, [2, 2, 2]) for name in "ab"),
        *((name, "end", everyone, [2, 2, 2]) for name in "ab"),
        *((name, "start", everyone, [0, 0, 0]) for name in "ab"),
    ]
    calls.clear()
    venv.reset(options={"reset_mask": np.array([False, True, False])})
    assert calls == [(name, "start", [1], [0]) for name in "ab"]


def test_an_event_holds_what_the_step_was_about(venv):
    log = Log()
    venv.add_listener(log)
    before, _ = venv.reset(seed=0)
    actions = np.full((3, 7), 0.5)
    _, rewards, terminated, _truncated, infos = venv.step(actions)
    event = log.event
    assert np.array_equal(event.actions, actions) and event.running.all()
    assert np.array_equal(event.observations["proprio"], before["proprio"])
    assert event.observations["instruction"] == before["instruction"]
    for ours, theirs in ((event.rewards, rewards), (event.terminated, terminated)):
        assert np.array_equal(ours, theirs)
    assert np.array_equal(event.infos["stage"], infos["stage"])
    venv.remove_listener(log)
    log.calls.clear()
    venv.step(actions)
    assert not log.calls


def test_a_listener_may_change_the_start_before_it_is_observed(venv):
    class OpenHand(Listener):
        def on_episode_start(self, venv, ids):
            venv.world.reset_robot(ids, width=0.02)
            venv.world.forward(ids)

    venv.add_listener(OpenHand())
    obs, _ = venv.reset(seed=0)
    assert obs["proprio"][:, -3] == pytest.approx(0.02)


def test_a_single_environment_has_listeners_too():
    env, log = gym.make("VLAPickPlace-v0", cameras=(), horizon=1), Log()
    env.unwrapped.vector.add_listener(log)
    obs, _ = env.reset(seed=0)
    env.step(np.zeros(7, np.float32))
    assert [call[1] for call in log.calls] == ["start", "step", "end"]
    assert np.array_equal(log.event.observations["proprio"][0], obs["proprio"])
    env.close()


def test_drawers_form_a_chain(venv):
    asked, kept = [], []

    def repeat(i, draw):
        """Always the first episode drawn."""
        asked.append("repeat")
        if not kept:
            kept.append(draw(i))
        return kept[0]

    def watch(i, draw):
        asked.append("watch")
        return draw(i)

    venv.source.add_drawer(repeat)
    venv.source.add_drawer(watch)
    venv.reset(seed=0)
    assert asked[:2] == ["watch", "repeat"] and len(set(venv.instructions)) == 1
    venv.source.remove_drawer(repeat)
    venv.reset(seed=0)
    plain = venv.instructions
    assert len(set(plain)) > 1 and asked[-1] == "watch"
    venv.source.remove_drawer(watch)
    venv.reset(seed=0)
    assert venv.instructions == plain


@pytest.mark.parametrize(
    "options", [{"instruction": ["a", "b"]}, {"same_scene": True, "roles": [{}]}]
)
def test_options_need_one_entry_for_each_sub_environment(venv, options):
    venv.reset(seed=0)
    with pytest.raises(vla_gym.errors.InvalidConfigError, match="for 3 sub-environments"):
        venv.reset(options=options)


def test_the_actuators_are_exchangeable():
    for name, member in inspect.getmembers(Actuator, inspect.isfunction):
        if not name.startswith("_"):
            for cls in (PlainActuator, Guard):
                assert inspect.signature(getattr(cls, name)) == inspect.signature(member), name
    plain = vla_gym.make_vec("PickPlace", 2, cameras=()).unwrapped
    report = vla_gym.make_vec("PickPlace", 2, cameras=(), safety="report").unwrapped
    assert plain.guard is None and isinstance(report.guard, Guard)
    actions = np.random.default_rng(0).uniform(-1, 1, (5, 2, 7))
    tally = SafetyTally()
    report.add_listener(tally)
    for venv in (plain, report):
        venv.reset(seed=0)
        venv.actuator.keep_away(0, [1])
        infos = [venv.step(action)[-1] for action in actions]
    assert report.guard.protected.tolist()[0][1] and report.guard.protected.sum() == 1
    assert np.array_equal(plain.world.qpos, report.world.qpos)
    assert plain.actuator.seconds == 0 < report.actuator.seconds
    assert tally.steps == 10 and tally.cost == sum(i["cost"].sum() for i in infos)
    assert tally.peaks["tcp_speed"] == max(i["peak_tcp_speed"].max() for i in infos)
