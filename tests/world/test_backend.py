"""The physics backend is a protocol: `World` works with any implementation, through it alone."""

from collections import Counter
from pathlib import Path

import numpy as np

import vla_gym
from vla_gym.world.backend import PhysicsBackend
from vla_gym.world.mujoco_backend import MujocoBackend
from vla_gym.world.objects import ObjectSpec
from vla_gym.world.world import World


class RecordingBackend:
    """Counts the calls that it passes on."""

    def __init__(self, model, n, n_threads=0):
        self.inner, self.calls = MujocoBackend(model, n, n_threads), Counter()
        self.n, self.model, self.state = n, model, self.inner.state

    def bind(self, name):
        self.calls[f"bind {name}"] += 1
        return self.inner.bind(name)

    def expand(self, name):
        return self.inner.expand(name)

    def step(self, n_substeps, ids=None):
        self.calls["substeps"] += n_substeps
        self.inner.step(n_substeps, ids)

    def forward(self, ids=None):
        self.calls["forward"] += 1
        self.inner.forward(ids)

    def reset(self, ids):
        self.calls["reset"] += 1
        self.inner.reset(ids)

    def wake(self, ids):
        self.calls["wake"] += 1
        self.inner.wake(ids)

    def model_of(self, i, into=None):
        return self.inner.model_of(i, into)

    def data_of(self, i, into=None):
        return self.inner.data_of(i, into)


def run(world):
    ids = np.arange(world.n)
    world.set_objects(ids, [[ObjectSpec("cube")]] * world.n)
    pos, quat = np.zeros((world.n, world.n_slots, 3)), np.zeros((world.n, world.n_slots, 4))
    pos[:, 0], quat[..., 0] = (0.5, 0.0, 0.2), 1.0
    world.place(ids, pos, quat)
    world.reset_robot(ids)
    world.forward(ids)
    world.step(60)
    return world.get_state()


def test_both_satisfy_the_protocol():
    for kind in (MujocoBackend, RecordingBackend):
        assert isinstance(World(1, n_threads=1, backend=kind).backend, PhysicsBackend)


def test_a_world_on_another_backend_does_the_same():
    world = World(2, n_threads=1, backend=RecordingBackend)
    world.backend.calls.clear()
    state = run(world)
    assert world.backend.calls["substeps"] == 60
    assert world.backend.calls["reset"] == 1 and world.backend.calls["forward"] == 2
    plain = run(World(2, n_threads=1))
    assert state.keys() == plain.keys()
    for name, value in state.items():
        np.testing.assert_array_equal(value, plain[name])


def test_one_file_imports_the_batch():
    package = Path(vla_gym.__file__).parent
    texts = {p: p.read_text(encoding="utf-8") for p in package.rglob("*.py")}
    assert [p.name for p, t in texts.items() if "mujoco.batch" in t] == ["mujoco_backend.py"]
