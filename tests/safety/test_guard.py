"""The executed motion keeps to the limits, as measured at every physics step."""

from __future__ import annotations

import math
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest

import vla_gym  # noqa: F401
from vla_gym.envs.sb3 import SB3VecEnv
from vla_gym.safety import Box, Limits, SafetyConfig, Sphere, protect
from vla_gym.safety.hand import HandGeometry
from vla_gym.safety.monitor import COSTS
from vla_gym.skills import Expert

SLACK = 0.002
"""Rounding of places [m]; the monitor charges from 1 mm."""


def make(n=6, task="VLAPickPlace-v0", **kwargs):
    kwargs = {"cameras": (), "split": "validation", "n_threads": 1} | kwargs
    venv = gym.make_vec(task, num_envs=n, vectorization_mode="vector_entry_point", **kwargs)
    venv.reset(seed=0)
    return venv.unwrapped


def actions(venv, policy, seed=0):
    """Endless actions of the expert, of chance, or of someone who pushes to one side."""
    rng, expert = np.random.default_rng(seed), Expert(venv)
    while True:
        if policy == "expert":
            yield expert.act()
        elif policy == "random":
            yield rng.uniform(-1, 1, venv.action_space.shape).astype(np.float32)
        else:
            push = np.zeros(venv.action_space.shape, np.float32)
            push[:, :3] = policy
            yield push


class Recorder:
    """Watches a world at every physics step."""

    def __init__(self, venv):
        self.world, self._step = venv.world, venv.world.step
        self.tcp, self.speed, self.joints, self.lowest = [], [], [], []
        venv.world.step = self.step

    def step(self, k, ids=None):
        w = self.world
        for _ in range(k):
            self._step(1)
            self.tcp.append(w.tcp_pos.copy())
            self.speed.append(np.linalg.norm(w.tcp_linvel, axis=1))
            self.joints.append(np.abs(w.qvel[:, : w.n_arm]))
            corners = w.tcp_pos[:, None] + HandGeometry.of(w).corners
            self.lowest.append(corners[:, :, 2].min(axis=1))


def run(venv, policy, steps=40):
    source, infos = actions(venv, policy), []
    for _ in range(steps):
        infos.append(venv.step(next(source))[4])
    return infos


@pytest.mark.parametrize("policy", ["expert", "random"])
@pytest.mark.parametrize("hz", [10, 20])
def test_clip_keeps_the_limits_at_every_physics_step(policy, hz):
    venv = make(safety="clip", control_hz=hz)
    limits, seen = Limits().resolve(venv.world.robot), Recorder(venv)
    run(venv, policy)
    assert np.max(seen.speed) <= limits.tcp_speed
    assert (np.max(seen.joints, axis=(0, 1)) <= limits.joint_speed).all()
    assert (np.min(seen.tcp, axis=(0, 1)) >= np.array(limits.workspace_low) - SLACK).all()
    assert (np.max(seen.tcp, axis=(0, 1)) <= np.array(limits.workspace_high) + SLACK).all()
    assert np.min(seen.lowest) >= limits.table_distance - SLACK


def test_without_the_layer_the_same_actions_break_limits():
    venv = make(safety="report")
    infos = run(venv, "random", 20)
    for name in ("tcp_speed", "joint_speed", "acceleration"):
        assert sum(i[f"cost_{name}"].sum() for i in infos) > 0


def test_report_changes_nothing():
    plain, watched = make(), make(safety="report")
    for a in range(25):
        action = next(actions(plain, "random", seed=a))
        plain.step(action)
        watched.step(action)
        assert np.array_equal(plain.world.qpos, watched.world.qpos)


def test_costs_follow_the_convention_of_safety_gymnasium():
    venv = make(safety="report")
    info = run(venv, "random", 1)[0]
    parts = [info[f"cost_{name}"] for name in COSTS]
    assert np.array_equal(info["cost"], np.sum(parts, axis=0))
    assert info["cost"].shape == (venv.num_envs,) and set(np.unique(parts)) <= {0.0, 1.0}


@pytest.mark.parametrize(
    "zone", [Sphere((0.55, 0.1, 0.15), 0.06), Box((0.55, 0.1, 0.1), (0.03, 0.03, 0.1), 0.01)]
)
def test_hand_stays_out_of_zones(zone):
    venv = make(safety=SafetyConfig("clip", keep_out=(zone,)))
    seen = Recorder(venv)
    infos = run(venv, (0.6, 0.7, -0.4), 30)
    assert sum(i["cost_keep_out"].sum() for i in infos) == 0
    beyond = np.abs(np.array(seen.tcp) - zone.center) - zone.half
    gap = np.linalg.norm(np.maximum(beyond, 0.0), axis=-1) - zone.radius
    assert gap.min() > 0.0


def test_the_same_push_without_the_layer_enters_the_zone():
    zone = Sphere((0.55, 0.1, 0.15), 0.06)
    venv = make(safety=SafetyConfig("report", keep_out=(zone,)))
    infos = run(venv, (0.6, 0.7, -0.4), 30)
    assert sum(i["cost_keep_out"].sum() for i in infos) > 0


def test_hand_keeps_away_from_named_things():
    kwargs = {"task": "VLAAvoid-v0", "n": 4}
    free = make(**kwargs, safety=SafetyConfig("report", keep_away=("bystander",)))
    kept = make(**kwargs, safety=SafetyConfig("clip", keep_away=("bystander",)))
    costs = []
    for venv in (free, kept):
        cost = 0.0
        for _ in range(25):
            rows = np.arange(venv.num_envs)
            to = venv.world.object_pos[rows, venv.roles["bystander"]] - venv.world.tcp_pos
            action = np.zeros(venv.action_space.shape, np.float32)
            action[:, :3] = np.clip(to / 0.05, -1, 1)
            cost += venv.step(action)[4]["cost_keep_out"].sum()
        costs.append(cost)
    assert costs[0] > 0 and costs[1] == 0


def test_veto_holds_still_unless_a_person_approves():
    asked = []

    def approve(request):
        asked.append(request)
        return request.index == 1

    venv = make(n=2, safety="off")
    protect(venv, "veto", approve)
    before = venv.world.tcp_pos.copy()
    info = run(venv, (1.0, 1.0, 0.0), 1)[0]
    moved = np.linalg.norm(venv.world.tcp_pos - before, axis=1)
    assert moved[0] < 1e-4 and moved[1] > 0.02
    assert {r.index for r in asked} == {0, 1} and all(r.reasons for r in asked)
    assert info["executed_action"][0, :6] == pytest.approx(0.0)


def test_emergency_stop_brakes_at_once_and_lasts_over_episodes():
    venv = make(n=3, safety="clip")
    run(venv, (0.5, 0.5, 0.0), 2)
    venv.guard.stop(np.array([True, False, False]))
    seen = Recorder(venv)
    info = run(venv, (0.0, -0.8, 0.0), 3)[-1]
    still = np.array(seen.speed)[30:, 0]
    assert still.max() < 0.01 and np.array(seen.speed)[-1, 1] > 0.1
    assert info["cost_emergency_stop"].tolist() == [1.0, 0.0, 0.0]
    venv.reset(seed=3)
    assert venv.guard.stopped.tolist() == [True, False, False]
    venv.guard.release()
    assert run(venv, (0.0, -0.8, 0.0), 2)[-1]["cost_emergency_stop"].sum() == 0


def test_a_strong_force_trips_the_stop():
    limits = replace(Limits(), emergency_force=15.0, contact_force=math.inf,
                     fragile_contact_force=math.inf)  # fmt: skip
    venv = make(n=2, task="VLAShelf-v0", safety=SafetyConfig("clip", limits=limits))
    rows, stopped = np.arange(2), []
    for k in range(40):
        to = venv.world.object_pos[rows, venv.roles["target"]] - venv.world.tcp_pos
        to[:, 2] = 0.1 - venv.world.tcp_pos[:, 2] + 0.1 if k < 25 else -0.05
        action = np.zeros(venv.action_space.shape, np.float32)
        action[:, :3], action[:, 6] = np.clip(to / 0.05, -1, 1), -1.0
        stopped.append(venv.step(action)[4]["cost_emergency_stop"].copy())
    assert not stopped[20].any() and stopped[-1].all()


def test_fragile_things_are_gripped_gently():
    peaks = {}
    for kind in ("mug", "cube"):
        venv = make(n=1, task="VLAPick-v0", safety="clip")
        venv.reset(seed=0, options={"instruction": f"pick up the red {kind}"})
        peaks[kind] = 0.0
        for action, _ in zip(actions(venv, "expert"), range(50), strict=False):
            info = venv.step(action)[4]
            peaks[kind] = max(peaks[kind], info["peak_grasp_force"].max())
            if "final_info" in info:
                break
        assert info["final_info"]["is_success"].all()
    assert peaks["mug"] <= Limits().fragile_grasp_force + 0.5 < peaks["cube"]


def test_executed_action_does_what_it_says():
    """Executing the executed action changes little, and it is told for every kind of step."""
    venv = make(safety="clip")
    for action, _ in zip(actions(venv, "random"), range(10), strict=False):
        info = venv.step(action)[4]
        done = info["executed_action"]
        assert done.shape == action.shape and (np.abs(done) <= 1.0).all()
        size = np.linalg.norm(done[:, :3], axis=1) * 0.05 * venv.control_hz
        assert (size <= Limits().tcp_speed).all()
        changed = (np.abs(done - action)[:, :7] > 0.15).any(axis=1)
        assert np.array_equal(changed, info["safety_intervened"])


def test_state_returns_bit_by_bit():
    venv = make(n=2, safety="clip")
    run(venv, "random", 5)
    state = venv.get_state()
    first = [i["executed_action"] for i in run(venv, "random", 5)]
    venv.set_state(state)
    again = [i["executed_action"] for i in run(venv, "random", 5)]
    assert np.array_equal(first, again)


def test_batch_size_does_not_matter():
    one, six = make(n=1, safety="clip"), make(n=6, safety="clip")
    push = (0.5, -0.4, -0.6)
    a, b = run(one, push, 12), run(six, push, 12)
    assert np.array_equal(a[-1]["executed_action"][0], b[-1]["executed_action"][0])
    assert np.array_equal(one.world.qpos[0], six.world.qpos[0])


def test_off_gives_the_gripper_its_force_back():
    venv = make(n=1, task="VLAPick-v0", safety="clip")
    venv.world.grip_force_range[:] = (-1.0, 1.0)
    venv.protect(SafetyConfig("off"))
    assert venv.guard is None
    limit = venv.world.grip_force_range[0]
    assert limit.tolist() == [-20.0, 20.0]


def test_sb3_stores_the_executed_action():
    from stable_baselines3 import SAC
    from stable_baselines3.common.vec_env import VecEnvWrapper

    from vla_gym.agents.learning.executed_actions import ExecutedActionsMixin

    class OnlyProprio(VecEnvWrapper):
        def __init__(self, env):
            space = env.observation_space["proprio"]
            super().__init__(env, observation_space=space)
            self.executed = []

        def reset(self):
            return self.venv.reset()["proprio"]

        def step_wait(self):
            obs, rewards, dones, infos = self.venv.step_wait()
            for info in infos:
                assert {"cost", "cost_tcp_speed", "executed_action"} <= set(info)
                if "terminal_observation" in info:
                    info["terminal_observation"] = info["terminal_observation"]["proprio"]
            self.executed.append([info["executed_action"] for info in infos])
            return obs["proprio"], rewards, dones, infos

    class SafeSAC(ExecutedActionsMixin, SAC):
        pass

    env = OnlyProprio(SB3VecEnv(make(n=3, safety="clip")))
    model = SafeSAC("MlpPolicy", env, learning_starts=1_000, buffer_size=64, seed=0, device="cpu")
    model.learn(30)
    stored = model.replay_buffer.actions[: model.replay_buffer.pos]
    assert np.allclose(stored, env.executed[: len(stored)], atol=1e-6)
    assert model.replay_buffer.pos == 10
    drawn = np.random.default_rng(0).uniform(-1, 1, stored.shape)
    assert not np.allclose(stored, drawn)
    assert (np.linalg.norm(stored[..., :3], axis=-1) * 0.5 <= Limits().tcp_speed).all()


def test_a_single_environment_has_the_layer_too():
    env = gym.make("VLAPickPlace-v0", cameras=(), safety="clip", n_threads=1)
    env.reset(seed=0)
    _, _, _, _, info = env.step(np.ones(7, np.float32))
    assert info["executed_action"].shape == (7,) and isinstance(info["cost"], float)
    wrapped = protect(gym.make("VLAPickPlace-v0", cameras=(), n_threads=1), "report")
    wrapped.reset(seed=0)
    _, _, _, _, info = wrapped.step(np.ones(7, np.float32))
    assert info["cost"] > 0 and wrapped.guard is not None
