"""Grounding: from instructions to image coordinates."""

import numpy as np
import pytest
import torch

import vla_gym  # noqa: F401 - registers the environments
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.grounding import Grounder
from vla_gym.vlm.peaks import soft_argmax


@pytest.fixture(scope="module")
def grounder():
    return Grounder(ClipEncoder(device="cpu"))


def test_soft_argmax_finds_the_centre_of_the_peak():
    grid = torch.arange(16.0)
    row, col = 5.3, 11.6
    heat = -((grid[:, None] - row) ** 2 + (grid[None] - col) ** 2)
    u, v = soft_argmax(heat[None])[0]
    assert u == pytest.approx((col + 0.5) / 8 - 1, abs=0.01)
    assert v == pytest.approx((row + 0.5) / 8 - 1, abs=0.01)


def test_soft_argmax_ignores_a_second_peak():
    heat = torch.zeros(1, 16, 16)
    heat[0, 2, 2], heat[0, 13, 13] = 10.0, 9.5
    u, v = soft_argmax(heat)[0]
    assert u < -0.6 and v < -0.6


def test_cells_of_an_adjacent_object_do_not_count():
    row, mine, theirs = 8, 6, 8  # things two cells apart; their cells meet
    heat, shifts = torch.full((1, 1, 16, 16), -9.0), torch.zeros(1, 16, 16, 2)
    for col, middle, logit in ((5, mine, 3.0), (6, mine, 4.0), (7, theirs, 3.5), (8, theirs, 3.5)):
        heat[0, 0, row, col] = logit
        shifts[0, row, col, 0] = middle - col
    blurred = soft_argmax(heat, shifts.flatten(1, 2), agree=1e6)[0, 0, 0]
    u, v = soft_argmax(heat, shifts.flatten(1, 2))[0, 0]
    truth = (mine + 0.5) / 8 - 1
    assert abs(u - truth) < 0.06 < abs(blurred - truth)
    assert v == pytest.approx((row + 0.5) / 8 - 1, abs=1e-3)


def test_roles_are_disambiguated(grounder):
    a, b = grounder.queries(
        ["put the red cube in the blue bowl", "put the blue bowl in the red cube"]
    )
    assert (a[0] @ b[1]) > (a[0] @ b[0]) and (a[1] @ b[0]) > (a[1] @ b[1])


def test_a_query_does_not_depend_on_its_batch(grounder):
    alone = Grounder(grounder.encoder).queries(["put the red cube in the blue bowl"])
    long = "please take the small dark green cylinder and place it on the big yellow tray"
    both = Grounder(grounder.encoder).queries([long, "put the red cube in the blue bowl"])
    torch.testing.assert_close(alone[0], both[1], atol=1e-5, rtol=0)


def test_instructions_find_their_objects(grounder):
    """Each instruction finds the objects that it names, among all that are present."""
    import gymnasium as gym

    env = gym.make_vec("VLAPickPlace-v0", num_envs=24, vectorization_mode="vector_entry_point")
    obs, _ = env.reset(seed=0)
    core = env.unwrapped
    found = grounder.ground(obs["image"], obs["instruction"])
    uv = found.point.numpy().astype(float)
    xy = core.world.pinhole("fixed").deproject(uv, 0.025)[..., :2]
    rows = np.arange(24)
    wins = []
    for r, role in enumerate(("object", "target")):
        true = core.world.object_pos[:, :, :2]
        away = np.linalg.norm(true - xy[:, r, None], axis=-1)
        away[~core.world.present] = np.inf
        wins.append(away.argmin(1) == core.roles[role][rows])
    assert np.mean(wins) > 0.8
    env.close()
