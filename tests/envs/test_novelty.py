"""Generalisation axes: training shows none of them, and each shows what it says."""

import gymnasium as gym
import numpy as np
import pytest

import vla_gym
from vla_gym.envs.leaks import count_signs
from vla_gym.envs.novelty import AXES, held_out
from vla_gym.envs.tasks import TASKS
from vla_gym.errors import UnknownNameError
from vla_gym.language.vocabulary import COLOUR_SYNONYMS, COLOURS, KIND_NOUNS
from vla_gym.world.objects import KINDS
from vla_gym.world.patterns import PATTERNS

IDS = vla_gym.ENV_IDS


def make_vec(env_id, n=8, **kwargs):
    return vla_gym.make_vec(env_id, n, **{"cameras": (), **kwargs})


def drawn(axes, n=64, env_id="VLAPickPlace-v0", **kwargs):
    venv = make_vec(env_id, n, novelty=axes, **kwargs)
    obs, _ = venv.reset(seed=0)
    return venv, obs


def role_pairs(core):
    for e in core.episodes:
        for slot in e.binding.roles.values():
            yield e.binding.colours[slot], e.binding.specs[slot].kind


def is_held_out(colour, kind):
    return held_out(list(COLOURS).index(colour), list(KINDS).index(kind))


def test_training_shows_no_axis():
    """Words, kinds, pairs, instructions, positions and visuals of training episodes."""
    for env_id in IDS:
        venv, obs = drawn((), env_id=env_id, split="train")
        core = venv.unwrapped
        novel = {n for nouns in KIND_NOUNS.values() for n in nouns[1:]}
        novel -= {w for t in core.tasks for p in t.phrases for w in p.split()}
        for text in obs["instruction"]:
            words = set(text.replace("cans", "can").split())
            assert not words & set(COLOUR_SYNONYMS) and not words & novel, text
            assert "not" not in words - {"not"} or "that is not" not in text
        for e in core.episodes:
            task = core.tasks[e.task]
            known = {k for r in task.roles.values() for k in r.kinds} | set(task.furniture)
            kinds = [s.kind for s in e.binding.specs]
            assert set(kinds) <= known and e.move_at < 0
            for kind, spot in zip(kinds, e.pos[:, :2], strict=False):
                centre, half = np.array(task.start.area(kind))
                in_cabinet = kind in ("cabinet", "drawer")
                assert in_cabinet or (np.abs(spot - centre) <= half + 1e-9).all()
            assert e.looks == type(e.looks)()
            pairs = zip(e.binding.colours, e.binding.specs, strict=True)
            assert not any(is_held_out(c, s.kind) for c, s in pairs)
        venv.close()


@pytest.mark.parametrize("env_id", ["VLAPickPlace-v0", "VLASort-v0", "VLADrawer-v0"])
@pytest.mark.parametrize("axis", AXES)
def test_an_axis_shows_only_where_it_is_switched_on(env_id, axis):
    assert not any(count_signs(env_id, 24).values())
    assert count_signs(env_id, 24, "test", (axis,))[axis] > 3


def test_new_words_and_kinds_reach_instruction_and_table():
    venv, obs = drawn(("colours",))
    assert all(set(t.split()) & set(COLOUR_SYNONYMS) for t in obs["instruction"])
    venv.close()
    venv, obs = drawn(("nouns",))
    synonyms = {n for nouns in KIND_NOUNS.values() for n in nouns[1:]}
    assert all(len(set(t.split()) & synonyms) >= 1 for t in obs["instruction"])
    venv.close()
    venv, _ = drawn(("kinds",))
    known = {k for r in TASKS["PickPlace"].roles.values() for k in r.kinds}
    assert not {kind for _, kind in role_pairs(venv.unwrapped)} & known
    venv.close()
    venv, _ = drawn(("combinations",))
    assert all(is_held_out(*pair) for pair in role_pairs(venv.unwrapped))
    venv.close()
    venv, obs = drawn(("phrasings",))
    plain = {p.split()[0] for p in TASKS["PickPlace"].phrases} - {"take", "put", "the"}
    assert not any(t.split()[0] in plain for t in obs["instruction"])
    venv.close()
    venv, obs = drawn(("reasoning",))
    reasoned = [t for t in obs["instruction"] if "most" in t or "est " in t or "that is not" in t]
    assert len(reasoned) > 48
    venv.close()


@pytest.mark.parametrize("axis", ["backgrounds", "lights", "cameras"])
def test_new_visuals_reach_the_image(axis):
    options = {"cameras": ("image",), "image_size": 32, "n": 4}
    plain, fresh = (drawn(axes, **options)[1] for axes in ((), (axis,)))
    changed = np.abs(plain["image"].astype(int) - fresh["image"]).mean(axis=(1, 2, 3))
    assert (changed > 1.0).all(), changed
    assert plain["instruction"] == fresh["instruction"]


def test_new_tables_have_patterns():
    venv, _ = drawn(("backgrounds",), n=32, cameras=())
    seen = {e.looks.pattern for e in venv.unwrapped.episodes}
    assert len(seen & set(PATTERNS)) >= 4
    venv.close()


def test_new_layouts_lie_further_out():
    venv, _ = drawn(("layouts",))
    start = TASKS["PickPlace"].start
    out = [
        (np.abs(e.pos[: len(e.binding.specs), :2] - start.center) > start.half).any(axis=1).mean()
        for e in venv.unwrapped.episodes
    ]
    assert min(out) >= 0.5
    venv.close()


def test_an_object_is_moved_during_the_episode():
    venv, _ = drawn(("moved",), n=16)
    core, rows = venv.unwrapped, np.arange(16)
    before = core.world.object_pos[rows, core.roles["object"]].copy()
    for _ in range(12):
        venv.step(np.zeros((16, 7)))
    after = core.world.object_pos[rows, core.roles["object"]]
    assert (np.linalg.norm(after - before, axis=1) > 0.05).mean() > 0.8
    venv.close()


def test_axes_that_do_not_exist():
    with pytest.raises(UnknownNameError, match="backgrounds"):
        gym.make("VLAPickPlace-v0", novelty=("background",))
    assert make_vec("VLAPickPlace-v0", 1, novelty="all").unwrapped.axes == set(AXES)
