"""The protocol counts each seed's first episode, whatever the batch."""

import json

import numpy as np
import pytest

from tests.evaluation.double import Double, Goer, register
from vla_gym.agents.policies.baselines import RandomPolicy
from vla_gym.agents.policies.registry import policy_factory
from vla_gym.envs.listeners import Listener, StepEvent
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.evaluation import EvalResult, Policy, evaluate
from vla_gym.evaluation.protocol import infos_of_step, run_episodes


def even(words: str) -> bool:
    return int(words.split()[1]) % 2 == 0


@pytest.fixture
def env_id() -> str:
    return register()


@pytest.mark.parametrize("num_envs", [1, 3, 4, 16])
def test_episodes_do_not_depend_on_the_number_of_sub_environments(env_id, num_envs):
    result = evaluate(env_id, lambda venv: Goer(rule=even), episodes=7, seed=10, num_envs=num_envs)
    assert [r.seed for r in result.records] == list(range(10, 17))
    assert [r.instruction for r in result.records] == [f"do {s}" for s in range(10, 17)]
    assert [r.success for r in result.records] == [s % 2 == 0 for s in range(10, 17)]
    # success at step seed % 4 + 1, else the horizon
    expected = [s % 4 + 1 if s % 2 == 0 else 5 for s in range(10, 17)]
    assert [r.steps for r in result.records] == expected
    assert [r.episode_return for r in result.records] == [float(s % 2 == 0) for s in range(10, 17)]
    assert [r.wrong_object for r in result.records] == [s % 2 == 1 for s in range(10, 17)]
    assert all(r.success_at_end == r.success for r in result.records)
    assert [r.stage for r in result.records] == [min(t, 3) for t in expected]
    assert result.n == 7
    assert result.successes == 4


def test_finished_sub_environments_get_zero_actions_and_no_policy_reset():
    venv, policy = Double(4), Goer()
    run_episodes(venv, policy, seed=0, episodes=4)
    assert len(policy.masks) == 1
    assert policy.masks[0].all()
    last = venv.seen[-1]
    assert (last[3] == 1).all()
    assert (last[:3] == 0).all()


def test_result_round_trip_and_summary(env_id, tmp_path):
    result = evaluate(env_id, lambda venv: Goer(rule=even), episodes=6, num_envs=4, name="goer")
    path = result.save(tmp_path / "deep" / "result.json")
    assert EvalResult.load(path).records == result.records
    data = json.loads(path.read_text())
    assert data["schema"] == "vla_gym/evaluation/1"
    assert data["seeds"] == {"first": 0, "last": 5}
    assert data["n"] == 6
    assert data["success"]["count"] == 3
    assert data["success"]["low"] < 0.5 < data["success"]["high"]
    assert data["policy"] == "goer"
    assert "numpy" in data["versions"]
    assert "0.50 [0.19, 0.81], n=6" in str(result)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InvalidConfigError, match=r"other\.json"):
        EvalResult.load(tmp_path / "other.json")


def test_progress_is_reported(env_id):
    calls = []
    evaluate(
        env_id,
        Goer,
        episodes=5,
        num_envs=2,
        on_progress=lambda done, won: calls.append((done, won)),
    )
    assert calls == [(2, 2), (4, 4), (5, 5)]


def test_random_policy_does_not_depend_on_the_number_of_sub_environments():
    def first_actions(n: int) -> np.ndarray:
        venv = Double(n)
        policy = RandomPolicy(venv, seed=3)
        assert isinstance(policy, Policy)
        drawn = []
        for _ in range(4 // n):
            policy.reset(np.ones(n, bool), {})
            drawn.append(policy.act({}))
        return np.concatenate(drawn)

    assert np.array_equal(first_actions(4), first_actions(1))
    assert np.array_equal(first_actions(4), first_actions(2))
    assert np.abs(first_actions(4)).max() <= 1


def test_baselines_run_without_cameras(env_id):
    result = evaluate(env_id, "random", episodes=2)
    assert result.env_kwargs["cameras"] == ()
    assert result.policy == "random"


def test_bad_input(env_id):
    with pytest.raises(InvalidConfigError, match="at least 1"):
        evaluate(env_id, "random", episodes=0)
    with pytest.raises(UnknownNameError, match="Did you mean 'expert'"):
        policy_factory("exprt")


def test_language_use_of_the_expert_and_of_random_actions():
    from vla_gym.evaluation.language_use import REWORDINGS, language_use

    use = language_use("VLAReach-v0", "expert", 4, num_envs=4)
    assert all(k == 4 for name, k, _ in use.rows() if name != "wrong object grasped")
    sentences = [r.instruction for r in use.original.records]
    for name in REWORDINGS:
        assert [r.instruction for r in use.reworded[name].records] != sentences
    assert use.swapped is not None and use.consistent == 4 and not use.blind
    assert "same outcome in all wordings" in str(use)
    assert use.to_dict()["language_use"]["success"]["count"] == 4
    assert language_use("VLASort-v0", "random", 2, num_envs=2).swapped is None


def test_swap_asks_for_other_objects_on_the_same_scenes():
    import vla_gym  # noqa: F401 - registers the environments

    plain = evaluate("VLAPickPlace-v0", "expert", 6, num_envs=6)
    other = evaluate("VLAPickPlace-v0", "expert", 6, num_envs=6, swap=True)
    pairs = zip(plain.records, other.records, strict=True)
    assert all(a.instruction != b.instruction for a, b in pairs)
    assert other.successes == 6 and other.env_kwargs["swap"]
    with pytest.raises(InvalidConfigError, match="has no other things"):
        evaluate("VLASort-v0", "expert", 2, swap=True)


class Log(Listener):
    def __init__(self) -> None:
        self.started: list[int] = []
        self.ended: list[int] = []
        self.events: list[StepEvent] = []

    def on_episode_start(self, venv, ids):
        self.started += ids.tolist()

    def on_step(self, venv, event):
        self.events.append(event)

    def on_episode_end(self, venv, ids):
        self.ended += ids.tolist()


def test_listeners_are_called_for_counted_episodes_only():
    venv, first, second = Double(4), Log(), Log()
    records = run_episodes(venv, Goer(), 0, 3, [first, second])
    assert first.started == [0, 1, 2]
    assert first.ended == [0, 1, 2]  # success at step seed % 4 + 1
    running = np.array([e.running for e in first.events])
    assert running.sum(0).tolist() == [r.steps for r in records] + [0]
    for event in first.events:  # infos are those of the ended episode, not of its successor
        ended = event.running & event.done
        assert (event.infos["is_success"][ended]).all()
        assert (event.infos["stage"][ended] > 0).all()
        assert not {"final_info", "_final_info", "final_obs"} & set(event.infos)
    assert second.ended == first.ended
    assert len(second.events) == len(first.events)


def test_evaluation_passes_listeners_on(env_id):
    log = Log()
    evaluate(env_id, Goer, episodes=5, num_envs=2, listeners=[log])
    assert log.started == [0, 1, 0, 1, 0]
    assert len(log.ended) == 5


def test_infos_of_step_reads_one_dictionary_per_sub_environment():
    final = np.array([None, {"is_success": True}], object)
    infos = {"is_success": np.array([False, False]), "final_info": final}
    values = infos_of_step(infos, np.array([False, True]))
    assert values["is_success"].tolist() == [False, True]
