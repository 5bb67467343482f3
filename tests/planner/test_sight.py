"""CLIP's check of plans: high confidence in objects that are there, low in others, with reasons."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import vla_gym  # noqa: F401
from vla_gym.errors import InvalidConfigError
from vla_gym.language.noun_phrases import NounPhrase
from vla_gym.planner.check import THRESHOLD
from vla_gym.planner.decide import Decider
from vla_gym.planner.drivers import by_predicates
from vla_gym.planner.grammar import GrammarPlanner
from vla_gym.planner.jobs import jobs_of
from vla_gym.planner.plan import parse_plan
from vla_gym.planner.requests import PlanRequest
from vla_gym.planner.scene import scene_of
from vla_gym.planner.sight import ClipSight, spoken_scene
from vla_gym.planner.verify import by_clip
from vla_gym.vlm import PRESENCE_THRESHOLD
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.grounding import Grounder

N = 12


@pytest.fixture(scope="module")
def sight():
    venv = make("PickPlace", 1)
    return ClipSight(Grounder(ClipEncoder(device="cpu")), venv.unwrapped.world.pinhole("fixed"))


def make(task, n=N):
    kwargs = {"split": "validation", "n_threads": 1, "vectorization_mode": "vector_entry_point"}
    return gym.make_vec(f"VLA{task}-v0", num_envs=n, **kwargs)


def test_what_is_there_is_seen_where_it_is(sight):
    venv = make("PickPlace")
    obs, _ = venv.reset(seed=0)
    sure, off = [], []
    for i in range(N):
        scene = scene_of(venv, i)
        places, confidence = sight.judge(
            obs["image"][i], [NounPhrase(t.kind, t.colour) for t in scene.objects]
        )
        sure += confidence.tolist()
        off += [
            np.linalg.norm(np.subtract(t.pos[:2], p))
            for t, p in zip(scene.objects, places, strict=True)
        ]
    assert np.mean(np.array(sure) > THRESHOLD) > 0.93 and np.median(off) < 0.03


def test_what_is_not_there_is_doubted(sight):
    venv = make("PickPlace")
    obs, _ = venv.reset(seed=0)
    wrong = []
    for i in range(N):
        scene = scene_of(venv, i)
        there = {(t.colour, t.kind) for t in scene.objects}
        absent = [
            NounPhrase(k, c)
            for c in ("red", "blue", "yellow")
            for k in ("mug", "ball", "bowl")
            if (c, k) not in there
        ]
        wrong += sight.judge(obs["image"][i], absent)[1].tolist()
    assert np.mean(np.array(wrong) < THRESHOLD) > 0.85


def test_a_listed_thing_that_clip_does_not_see_stops_the_plan(sight):
    venv = make("PickPlace", 1)
    obs, _ = venv.reset(seed=1)
    scene, blank = scene_of(venv, 0), np.full_like(obs["image"][0], 168)
    decider = Decider(GrammarPlanner(), sight=sight.confidence)
    assert decider.needs_image
    sentence = venv.unwrapped.instructions[0]
    assert decider.decide(PlanRequest(sentence, scene, obs["image"][0])).plan.feasible
    decision = decider.decide(PlanRequest(sentence, scene, blank))
    assert not decision.plan.feasible
    assert decision.problems[0][0].check == "grounding" and decision.confidence
    with pytest.raises(InvalidConfigError, match="image"):
        sight.confidence(PlanRequest(sentence, scene))


def test_a_scene_of_what_is_spoken_of(sight):
    venv = make("PickPlace")
    venv.reset(seed=0)
    source, right = spoken_scene(sight), 0
    for i in range(N):
        scene = source(venv.unwrapped, i, venv.unwrapped.instructions[i])
        roles = venv.unwrapped.episodes[i].binding.roles
        right += {t.slot for t in scene.objects} == set(roles.values())
    assert right >= N - 2


def test_an_object_counts_as_present_from_the_threshold_of_clip():
    assert THRESHOLD == PRESENCE_THRESHOLD


def test_clip_judges_whether_a_thing_lies_in_another(sight):
    venv = make("PickPlace")
    obs, _ = venv.reset(seed=0)
    core, judge = venv.unwrapped, by_clip(sight)
    scenes = [scene_of(core, i) for i in range(N)]
    replies = [
        GrammarPlanner().plan(PlanRequest(core.instructions[i], scenes[i])).text for i in range(N)
    ]
    jobs = [
        jobs_of(parse_plan(r, s.names), s, whole=True)[-1]
        for r, s in zip(replies, scenes, strict=True)
    ]
    assert not judge(core, obs, jobs).any()
    for i, job in enumerate(jobs):
        x, y = core.world.object_pos[i, job.target, :2]
        core.world.move(i, job.object, (float(x), float(y)))
        core.world.qpos[i, core.world._slot_qpos[job.object, 2]] += 0.03
    hold = np.zeros(core.action_space.shape, np.float32)
    hold[:, 6] = 1.0
    for _ in range(8):
        obs = core.advance(hold) and core.observe()
    truth = by_predicates(core, obs, jobs)
    assert truth.sum() >= N - 2
    assert (judge(core, obs, jobs) & truth).sum() >= truth.sum() - 3
