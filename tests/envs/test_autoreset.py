"""When the next episode starts: Gymnasium's three ways, with the same episodes in each."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from gymnasium.wrappers import vector as wrappers

import vla_gym
from vla_gym.envs.listeners import Listener
from vla_gym.errors import (
    EpisodeOverError,
    InvalidActionError,
    InvalidConfigError,
    UnknownNameError,
)
from vla_gym.skills import Expert

ID = "VLAReach-v0"
N = 3


def make_vec(mode=None, **kwargs):
    kwargs = {"horizon": 4, "cameras": (), "split": "validation", **kwargs}
    return vla_gym.make_vec(ID, N, **kwargs, **({} if mode is None else {"autoreset_mode": mode}))


def episodes_of(venv, steps):
    """Per sub-environment, the episodes: first proprio, then (action, reward, proprio, info)."""
    mode, obs = venv.unwrapped.autoreset_mode, venv.reset(seed=7)[0]
    rows = [[[obs["proprio"][i]]] for i in range(N)]
    expert, over = Expert(venv.unwrapped), np.zeros(N, bool)
    for _ in range(steps):
        actions = expert.act()
        obs, rewards, terminated, truncated, infos = venv.step(actions)
        done = terminated | truncated
        for i in range(N):
            if over[i]:  # NEXT_STEP: nothing happened but a reset
                assert rewards[i] == 0 and not done[i] and not infos["is_success"][i]
                assert venv.unwrapped.elapsed[i] == 0
                rows[i].append([obs["proprio"][i]])
                continue
            same = mode == AutoresetMode.SAME_STEP and done[i]
            last = infos["final_obs"][i]["proprio"] if same else obs["proprio"][i]
            info = infos["final_info"] if same else infos
            step = (
                actions[i],
                rewards[i],
                terminated[i],
                truncated[i],
                last,
                info["is_success"][i],
            )
            rows[i][-1].append(step)
            if same:
                rows[i].append([obs["proprio"][i]])
        over = done if mode == AutoresetMode.NEXT_STEP else over
        if mode == AutoresetMode.DISABLED and done.any():
            obs, _ = venv.reset(options={"reset_mask": done})
            for i in np.flatnonzero(done):
                rows[i].append([obs["proprio"][i]])
    venv.close()
    return rows


@pytest.mark.parametrize("safety", [None, "clip"])
def test_the_episodes_are_the_same_in_all_modes(safety):
    runs = {m: episodes_of(make_vec(m, safety=safety), 30) for m in AutoresetMode}
    ends = set()
    for i in range(N):
        shared = [run[i][:-1] for run in runs.values()]  # the last one may be cut short
        shared = [s[: min(map(len, shared))] for s in shared]
        assert len(shared[0]) >= 3
        for other in shared[1:]:
            for a, b in zip(shared[0], other, strict=True):
                assert len(a) == len(b) and np.array_equal(a[0], b[0])
                for left, right in zip(a[1:], b[1:], strict=True):
                    assert all(np.array_equal(x, y) for x, y in zip(left, right, strict=True))
        ends |= {(bool(e[-1][2]), bool(e[-1][3])) for e in shared[0]}
    assert ends == {(True, False), (False, True)}, "success and time limit both occurred"


def test_the_mode_is_said_where_tools_look_for_it():
    for mode in (None, *AutoresetMode, *(m.value for m in AutoresetMode)):
        venv = make_vec(mode)
        asked = AutoresetMode.SAME_STEP if mode is None else AutoresetMode(mode)
        assert venv.metadata["autoreset_mode"] is asked is venv.unwrapped.autoreset_mode
        venv.close()
    sync = make_vec("SameStep", vectorization_mode="sync")
    assert sync.unwrapped.autoreset_mode == AutoresetMode.SAME_STEP
    with pytest.raises(UnknownNameError, match="'NextStep'"):
        make_vec("next_step")


def test_disabled_says_which_sub_environments_wait():
    venv = make_vec("Disabled", horizon=2)
    venv.reset(seed=0)
    venv.step(np.zeros((N, 7)))
    *_, truncated, _ = venv.step(np.zeros((N, 7)))
    assert truncated.all()
    venv.reset(options={"reset_mask": np.array([True, False, True])})
    with pytest.raises(EpisodeOverError, match=r"sub-environments \[1\].*reset_mask"):
        venv.step(np.zeros((N, 7)))
    venv.reset(options={"reset_mask": np.array([False, True, False])})
    venv.step(np.zeros((N, 7)))


def test_the_action_that_next_step_ignores_may_be_anything():
    venv = make_vec("NextStep", horizon=1)
    venv.reset(seed=0)
    venv.step(np.zeros((N, 7)))
    _, rewards, _, truncated, _ = venv.step(np.full((N, 7), np.nan))
    assert not rewards.any() and not truncated.any()
    with pytest.raises(InvalidActionError):
        venv.step(np.full((N, 7), np.nan))


def test_listeners_are_not_told_of_steps_that_are_none():
    class Counts(Listener):
        steps, ends, starts = 0, 0, 0

        def on_episode_start(self, venv, ids):
            self.starts += len(ids)

        def on_step(self, venv, event):
            self.steps += int(event.running.sum())

        def on_episode_end(self, venv, ids):
            self.ends += len(ids)

    venv, counts = make_vec("NextStep", horizon=2), Counts()
    venv.unwrapped.add_listener(counts)
    venv.reset(seed=0)
    for _ in range(6):  # two steps, one reset, twice
        venv.step(np.zeros((N, 7)))
    assert (counts.starts, counts.steps, counts.ends) == (3 * N, 4 * N, 2 * N)


@pytest.mark.parametrize("mode", [AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED])
def test_state_knows_whose_episode_is_over(mode):
    venv = make_vec(mode, horizon=2)
    venv.reset(seed=0)
    venv.step(np.zeros((N, 7)))
    venv.step(np.zeros((N, 7)))
    state = venv.unwrapped.get_state()
    venv.reset(seed=5)
    venv.unwrapped.set_state(state)
    if mode == AutoresetMode.DISABLED:
        with pytest.raises(EpisodeOverError):
            venv.step(np.zeros((N, 7)))
    else:
        venv.step(np.zeros((N, 7)))
        assert not venv.unwrapped.elapsed.any()


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_gymnasiums_statistics_count_every_mode_right(mode):
    venv = wrappers.RecordEpisodeStatistics(make_vec(mode, horizon=4))
    venv.reset(seed=0)
    lengths = []
    for _ in range(24):
        _obs, _, terminated, truncated, infos = venv.step(np.zeros((N, 7)))
        done = terminated | truncated
        if "episode" in infos:
            lengths += infos["episode"]["l"][infos["_episode"]].tolist()
        elif done.any():
            lengths += infos["final_info"]["episode"]["l"][done].tolist()
        if mode == AutoresetMode.DISABLED and done.any():
            venv.reset(options={"reset_mask": done})
    assert len(lengths) >= 4 * N and set(lengths) == {4}


def test_gymnasiums_wrappers_of_observations_work_with_next_step():
    venv = make_vec("NextStep", text=False)
    flat = wrappers.FlattenObservation(venv)
    normal = wrappers.NormalizeObservation(flat)
    listed = wrappers.DictInfoToList(normal)
    obs, infos = listed.reset(seed=0)
    assert obs.shape == (N, 26) and len(infos) == N
    for _ in range(8):
        obs, *_, infos = listed.step(np.zeros((N, 7), np.float32))
    assert np.isfinite(obs).all()


def test_attributes_of_single_sub_environments():
    venv = make_vec(render_mode="rgb_array")
    sync = make_vec(vectorization_mode="sync", render_mode="rgb_array")
    core = venv.unwrapped
    venv.reset(seed=2)
    sync.reset(seed=2)
    for name in ("instruction", "task_description", "_max_episode_steps", "task", "render_mode"):
        assert core.call(name) == core.get_attr(name) == sync.call(name) == sync.get_attr(name)
    assert len(core.call("render")) == N and core.call("render")[0].shape == (480, 480, 3)
    core.set_attr("note", [1, 2, 3])
    core.set_attr("judged", "yes")
    assert core.get_attr("note") == (1, 2, 3) and core.get_attr("judged") == ("yes",) * N
    core.set_attr("note", 4)
    assert core.get_attr("note") == (4, 4, 4)
    core.set_attr("render_mode", None)
    assert core.render_mode is None
    with pytest.raises(UnknownNameError, match="Did you mean 'instruction'"):
        core.call("instructoin")
    with pytest.raises(InvalidConfigError, match="venv.unwrapped.reset"):
        core.call("reset")
    with pytest.raises(InvalidConfigError, match="2 values were given for 3"):
        core.set_attr("note", [1, 2])
    with pytest.raises(InvalidConfigError, match="follows from the episode"):
        core.set_attr("instruction", "go")
    with pytest.raises(InvalidConfigError, match="share one"):
        core.set_attr("render_mode", ["human", None, None])
    venv.close()
    sync.close()


def test_make_vec_of_gymnasium_takes_the_mode_too():
    venv = gym.make_vec(ID, num_envs=2, cameras=(), autoreset_mode="NextStep")
    assert venv.unwrapped.autoreset_mode == AutoresetMode.NEXT_STEP
    again = gym.make_vec(venv.spec)
    assert again.unwrapped.autoreset_mode == AutoresetMode.NEXT_STEP and again.num_envs == 2
