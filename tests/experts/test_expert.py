from types import SimpleNamespace

import numpy as np
import pytest

from vla_gym.envs.tasks import TASKS
from vla_gym.errors import InvalidConfigError
from vla_gym.experts import Expert
from vla_gym.language.splits import rng_for
from vla_gym.world.controller import TcpDeltaController
from vla_gym.world.world import World


def start(n, seed=0):
    task, world = TASKS["PickPlace"], World(n)
    bindings, poses = [], []
    for i in range(n):
        rng = rng_for("validation", seed + i)
        bindings.append(task.bind(rng))
        poses.append(task.start.sample(rng, bindings[-1].specs, world.n_slots))
    ids = np.arange(n)
    world.set_objects(ids, [list(b.specs) for b in bindings])
    world.place(ids, np.stack([p for p, _ in poses]), np.stack([q for _, q in poses]))
    world.reset_robot(ids)
    world.forward(ids)
    roles = {r: np.array([b.roles[r] for b in bindings]) for r in task.roles}
    return SimpleNamespace(world=world, task=task, roles=roles, control_hz=10.0)


def rollout(venv, horizon=60, noise=0.0):
    expert, control = Expert(venv, noise), TcpDeltaController(venv.world, 10.0)
    substeps = round(0.1 / venv.world.model.opt.timestep)
    steps = np.full(venv.world.n, -1)
    for t in range(horizon):
        executed, _ = expert.act_noisy()
        control.apply(venv.world, executed.astype(float))
        venv.world.step(substeps)
        hit = venv.task.goal.holds(venv.world, venv.roles)
        steps[(steps < 0) & hit] = t + 1
    return steps


def test_expert_solves_most_scenes():
    steps = rollout(start(12))
    assert (steps > 0).mean() >= 0.9


def test_noise_must_not_be_negative():
    with pytest.raises(InvalidConfigError):
        Expert(SimpleNamespace(), action_noise=-1.0)
