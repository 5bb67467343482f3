"""`VLAPickPlace-v0` as its users meet it."""

import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

import vla_gym
from vla_gym.envs.observation import PROPRIO_TAIL
from vla_gym.errors import InvalidActionError, InvalidConfigError, RenderingError
from vla_gym.language.noun_phrases import resolve
from vla_gym.skills import Expert

ID = "VLAPickPlace-v0"


def make_vec(n, **kwargs):
    return gym.make_vec(ID, num_envs=n, vectorization_mode="vector_entry_point", **kwargs)


def test_check_env_has_nothing_to_say():
    env = gym.make(ID, render_mode="rgb_array", image_size=32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)  # "human" wants a screen
    env.reset(seed=0)
    assert env.render().shape == (480, 480, 3)
    env.close()


def test_make_vec_gives_the_batched_environment():
    venv = gym.make_vec(ID, num_envs=3, cameras=())
    assert type(venv.unwrapped).__name__ == "TabletopVectorEnv"
    assert venv.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    obs, infos = venv.reset(seed=0)
    assert venv.observation_space.contains(obs)
    assert set(obs) == {"proprio", "instruction"} and len(set(obs["instruction"])) > 1
    assert infos["instruction"].tolist() == list(obs["instruction"])
    venv.close()


def rollout_single(steps, seed, **kwargs):
    env = gym.make(ID, horizon=30, **kwargs)
    rng, rows = np.random.default_rng(0), []
    obs, _ = env.reset(seed=seed)
    for _ in range(steps):
        obs, *rest, _ = env.step(rng.uniform(-1, 1, 7))
        if rest[1] or rest[2]:
            obs, _ = env.reset()
        rows.append((obs, rest))
    env.close()
    return rows


def rollout_world(steps, seed, k, n, **kwargs):
    venv = make_vec(n, horizon=30, **kwargs)
    rng, noise, rows = np.random.default_rng(0), np.random.default_rng(9), []
    venv.reset(seed=seed - k)
    for _ in range(steps):
        actions = noise.uniform(-1, 1, (n, 7))
        actions[k] = rng.uniform(-1, 1, 7)
        obs, *rest, _ = venv.step(actions)
        rows.append(({key: v[k] for key, v in obs.items()}, [x[k] for x in rest]))
    venv.close()
    return rows


def assert_same(a, b):
    for (obs_a, rest_a), (obs_b, rest_b) in zip(a, b, strict=True):
        assert all(np.array_equal(obs_a[key], obs_b[key]) for key in obs_a)
        assert rest_a == rest_b


@pytest.mark.slow
def test_a_seed_means_the_same_bits_everywhere():
    """One world alone, world 2 of 4, one thread or two: 200 random steps, episodes ending."""
    alone = rollout_single(200, 11, image_size=32)
    for n_threads in (1, 2):
        assert_same(alone, rollout_world(200, 11, 2, 4, image_size=32, n_threads=n_threads))


_PROCESS = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from tests.envs.test_pick_place import rollout_single
digest = hashlib.sha256()
for obs, rest in rollout_single(40, 5, image_size=32):
    for key in sorted(obs):
        digest.update(obs[key].encode() if key == "instruction" else obs[key].tobytes())
    digest.update(repr([float(x) for x in rest]).encode())
print(digest.hexdigest())
"""


def test_a_seed_means_the_same_bits_in_another_process(request):
    args = [sys.executable, "-c", _PROCESS, str(request.config.rootpath)]
    runs = [subprocess.run(args, capture_output=True, text=True) for _ in range(2)]
    assert runs[0].returncode == 0, runs[0].stderr
    assert len(runs[0].stdout) > 60 and runs[0].stdout == runs[1].stdout


def test_state_comes_back_bit_by_bit():
    venv, rng = make_vec(3, cameras=("image",), image_size=32, horizon=12), np.random.default_rng(1)
    venv.reset(seed=3)
    core = venv.unwrapped
    for _ in range(5):
        venv.step(rng.uniform(-1, 1, (3, 7)))
    state, actions = core.get_state(), rng.uniform(-1, 1, (15, 3, 7))
    first = [venv.step(a) for a in actions]
    core.set_state(state)
    second = [venv.step(a) for a in actions]
    for a, b in zip(first, second, strict=True):
        assert a[0]["instruction"] == b[0]["instruction"]
        assert all(np.array_equal(a[0][k], b[0][k]) for k in ("image", "proprio"))
        assert all(np.array_equal(x, y) for x, y in zip(a[1:4], b[1:4], strict=True))
    venv.close()


def test_success_pays_once_and_ends_the_episode():
    venv = make_vec(8, cameras=(), split="validation")
    venv.reset(seed=0)
    expert, total, wins = Expert(venv.unwrapped), np.zeros(8), np.zeros(8, bool)
    for _ in range(40):
        _, rewards, terminated, truncated, infos = venv.step(expert.act())
        total += np.where(wins, 0, rewards)
        assert not truncated.any() and np.array_equal(rewards == 1, terminated)
        if terminated.any():
            final = infos["final_info"]
            assert final["is_success"][terminated].all()
            assert final["stages"][terminated][0] == ("reach", "grasp", "lift", "carry", "place")
            assert not infos["is_success"].any() and (infos["stage"][terminated] == 0).all()
            assert infos["final_obs"][np.flatnonzero(terminated)[0]]["proprio"].shape == (26,)
        wins |= terminated
    assert wins.sum() >= 7 and (total[wins] == 1).all()
    venv.close()


def test_the_last_observation_is_the_old_episodes():
    venv = make_vec(2, cameras=("image",), image_size=64, horizon=3)
    plain = make_vec(2, cameras=("image",), image_size=64, horizon=9)
    for env in (venv, plain):
        env.reset(seed=0)
    action = np.full(venv.action_space.shape, -0.5)
    for _ in range(3):
        obs, _, _, truncated, infos = venv.step(action)
        goes_on, *_ = plain.step(action)
    assert truncated.all()
    for i, last in enumerate(infos["final_obs"]):
        for key in ("image", "proprio"):
            assert (last[key] == goes_on[key][i]).all() and (last[key] != obs[key][i]).any()
    venv.close()
    plain.close()


def test_dense_reward_grows_with_the_stages():
    venv = make_vec(4, cameras=(), split="validation", reward_type="dense")
    venv.reset(seed=0)
    expert, total, over = Expert(venv.unwrapped), np.zeros(4), np.zeros(4, bool)
    for _ in range(40):
        _, rewards, terminated, *_ = venv.step(expert.act())
        total += np.where(over, 0.0, rewards)
        over |= terminated
    assert over.any() and (total[over] > 1.5).all()
    venv.close()


def test_the_wrong_object_is_noticed():
    venv = make_vec(6, cameras=(), split="validation")
    venv.reset(seed=20)
    core = venv.unwrapped
    asked = core.roles["object"].copy()
    core.roles["object"][:] = core.current.distractors.argmax(axis=1)  # mislead the expert alone
    expert, wrong = Expert(core), np.zeros(6, bool)
    for _ in range(14):
        action = expert.act()
        mislead, core.roles["object"] = core.roles["object"], asked
        _, _, _, _, infos = venv.step(action)
        core.roles["object"] = mislead
        wrong |= infos["wrong_object"]
    assert wrong.sum() >= 5
    venv.close()


def test_another_sentence_on_the_same_scene():
    env = gym.make(ID, image_size=32)
    obs, _ = env.reset(seed=4)
    core = env.unwrapped.vector
    specs = core.episodes[0].binding.specs
    kinds = core.task.roles["object"].kinds
    asked = int(core.roles["object"][0])
    other = next(i for i, s in enumerate(specs) if s.kind in kinds and i != asked)
    env.step(np.ones(7))
    options = {"same_scene": True, "roles": {"object": other}}
    again, _ = env.reset(options=options)
    assert again["instruction"] != obs["instruction"]
    assert np.array_equal(again["image"], obs["image"])
    assert np.array_equal(again["proprio"], obs["proprio"])
    with pytest.raises(InvalidConfigError, match="slots that can"):
        env.reset(options={"same_scene": True, "roles": {"object": 99}})
    env.close()


def test_instructions_name_one_object_each():
    venv = make_vec(32, cameras=())
    venv.reset(seed=0)
    for episode, text in zip(venv.unwrapped.episodes, venv.unwrapped.instructions, strict=True):
        seen = episode.binding.seen(episode.pos)
        (phrases,) = venv.unwrapped.task.read(text)
        for role, slot in episode.binding.roles.items():
            assert resolve(phrases[role], seen) == [slot]
    venv.close()


def test_nothing_overlaps_at_the_start():
    venv = make_vec(32, cameras=())
    venv.reset(seed=7)
    world = venv.unwrapped.world
    before = world.object_pos.copy()
    world.step(round(0.5 / world.model.opt.timestep))
    moved = np.linalg.norm(world.object_pos - before, axis=-1)[world.present]
    assert moved.max() < 0.004
    venv.close()


def test_full_actions_move_the_hand_as_promised():
    env = gym.make(ID, cameras=())
    env.reset(seed=0)
    where = []
    for _ in range(4):
        obs, *_ = env.step([0, 1, 0, 0, 0, 0, 1])
        where.append(obs["proprio"][PROPRIO_TAIL["tcp_pos"]].copy())
    step = np.diff(np.array(where), axis=0)[-1]
    assert step[1] == pytest.approx(0.05, abs=0.006) and np.abs(step[[0, 2]]).max() < 0.005
    obs, *_ = env.step([0, 0, 0, 0, 0, 0, -1])
    assert obs["proprio"][PROPRIO_TAIL["gripper_target"]] == 0.0
    env.close()


def test_control_rate_keeps_speed_and_time():
    slow, fast = (gym.make(ID, cameras=(), control_hz=hz) for hz in (10, 20))
    assert fast.unwrapped.vector.horizon == 2 * slow.unwrapped.vector.horizon
    ends = []
    for env, steps in ((slow, 3), (fast, 6)):
        env.reset(seed=0)
        for _ in range(steps):
            obs, *_ = env.step([0, -1, 0, 0, 0, 0, 1])
        ends.append(obs["proprio"][PROPRIO_TAIL["tcp_pos"]])
    np.testing.assert_allclose(*ends, atol=0.02)


def test_terminate_action_ends_without_reward():
    env = gym.make(ID, cameras=(), terminate_action=True)
    env.reset(seed=0)
    _, reward, terminated, *_ = env.step([0, 0, 0, 0, 0, 0, 1, -1])
    assert not terminated
    _, reward, terminated, truncated, info = env.step([0, 0, 0, 0, 0, 0, 1, 1])
    assert terminated and not truncated and reward == 0 and not info["is_success"]


@pytest.mark.parametrize(
    ("kwargs", "words"),
    [
        ({"cameras": ("imge",)}, "image"),
        ({"split": "tset"}, "test"),
        ({"reward_type": "shaped"}, "dense"),
        ({"render_backend": "openlg"}, "'opengl'"),
        ({"image_sise": 64}, "image_size"),
        ({"control_hz": 7}, "Near it"),
        ({"control_hz": 0}, "1 to 300"),
        ({"horizon": 0}, "at least 1"),
        ({"image_size": 4}, "8 to 1024"),
        ({"task": "PickPlase"}, "PickPlace"),
    ],
)
def test_arguments_that_cannot_be_used(kwargs, words):
    with pytest.raises(InvalidConfigError, match=words):
        gym.make(ID, **kwargs)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1.5, -2.0])
def test_actions_that_cannot_be_carried_out(value):
    env = gym.make(ID, cameras=()).unwrapped
    env.reset(seed=0)
    action = np.zeros(7)
    action[2] = value
    with pytest.raises(InvalidActionError, match=r"dz"):
        env.step(action)
    with pytest.raises(InvalidActionError, match="shape"):
        env.step(np.zeros(6))
    env.step(np.zeros(7))  # and nothing was lost


def test_no_screen_is_said_clearly(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    env = gym.make(ID, cameras=(), render_mode="human")
    with pytest.raises(RenderingError, match="rgb_array"):
        env.reset(seed=0)


def test_no_opengl_is_said_clearly(monkeypatch):
    from vla_gym.rendering import gl_context as camera

    monkeypatch.setattr(camera, "_BACKENDS", {"egl": "mujoco.no_such_module"})
    monkeypatch.setenv("MUJOCO_GL", "egl")
    env = gym.make(ID, image_size=32, render_backend="opengl")
    with pytest.raises(RenderingError, match="apt-get install"):
        env.reset(seed=0)


def test_ids():
    assert ID in vla_gym.ENV_IDS
    with pytest.raises(gym.error.NameNotFound, match="VLAPickPlace"):
        gym.make("VLAPickPlase-v0")


def test_drawing_first_does_not_break_torchs_compiler():
    """Mesa and Triton each bring an LLVM; in the wrong order the interpreter dies."""
    pytest.importorskip("triton")
    code = (
        "import gymnasium as gym, vla_gym;"
        "e = gym.make('VLAPickPlace-v0', image_size=16, render_backend='opengl');"
        "e.reset(seed=0); import triton; print('alive')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "alive" in run.stdout, f"exit {run.returncode}: {run.stderr}"
