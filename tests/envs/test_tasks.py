"""Every task as its users meet it; a task from outside; own sentences; ways of being new."""

import pickle
import warnings
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import vla_gym
from vla_gym.envs.catalogue import count
from vla_gym.envs.hindsight import achieved
from vla_gym.envs.leaks import count_signs
from vla_gym.envs.novelty import AXES, held_out
from vla_gym.envs.task import Role, Task
from vla_gym.envs.tasks import MIXTURES, TASKS
from vla_gym.errors import InstructionError, InvalidConfigError, UnknownNameError
from vla_gym.language.noun_phrases import resolve
from vla_gym.language.vocabulary import COLOUR_SYNONYMS, COLOURS, KIND_NOUNS
from vla_gym.skills import Expert, stages_of
from vla_gym.world.objects import KINDS
from vla_gym.world.patterns import PATTERNS
from vla_gym.world.predicates import Inside, Touched

IDS = vla_gym.ENV_IDS


def make_vec(env_id, n=8, **kwargs):
    kwargs = {"cameras": (), **kwargs}
    return gym.make_vec(env_id, num_envs=n, vectorization_mode="vector_entry_point", **kwargs)


def noise(core, rng):
    return rng.uniform(-1, 1, core.action_space.shape)


@pytest.mark.parametrize("env_id", IDS)
def test_check_env_has_nothing_to_say(env_id):
    env = gym.make(env_id, image_size=16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
    spec = pickle.loads(pickle.dumps(env.spec))
    assert gym.make(spec).observation_space == env.observation_space
    env.close()


@pytest.mark.parametrize("env_id", IDS)
def test_state_comes_back_in_the_middle_of_an_episode(env_id):
    venv, rng = make_vec(env_id, 4, horizon=25), np.random.default_rng(0)
    venv.reset(seed=3)
    core, expert = venv.unwrapped, Expert(venv.unwrapped)
    for _ in range(6):
        venv.step(expert.act())
    state, actions = core.get_state(), [noise(core, rng) for _ in range(25)]
    first = [venv.step(a) for a in actions]
    core.set_state(state)
    second = [venv.step(a) for a in actions]
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a[0]["proprio"], b[0]["proprio"])
        assert a[0]["instruction"] == b[0]["instruction"]
        assert all(np.array_equal(x, y) for x, y in zip(a[1:4], b[1:4], strict=True))
    venv.close()


@pytest.mark.parametrize("env_id", IDS)
def test_no_episode_starts_solved_and_sentences_name_their_things(env_id):
    venv = make_vec(env_id, 48)
    venv.reset(seed=11)
    core = venv.unwrapped
    assert len(set(core.instructions)) > 20
    for k, task in enumerate(core.tasks):
        mine = core.task_id == k
        assert not (task.goal.holds(core.world, core.roles) & mine).any()
        if task.keep is not None:
            assert task.keep.holds(core.world, core.roles)[mine].all()
    for episode in core.episodes:
        task, seen = core.tasks[episode.task], episode.binding.seen(episode.pos)
        readings = task.read(episode.instruction)
        assert any(
            all(resolve(p[role], seen) == [slot] for role, slot in episode.binding.roles.items())
            for p in readings
        )
        for role, slots in episode.binding.groups.items():
            assert set(resolve(readings[0][role], seen)) >= set(slots)
    venv.close()


@pytest.mark.slow
@pytest.mark.parametrize("env_id", IDS)
def test_random_actions_hardly_ever_succeed_and_nothing_breaks(env_id):
    venv, rng = make_vec(env_id, 32), np.random.default_rng(0)
    venv.reset(seed=0)
    wins = ends = 0
    for _ in range(150):
        obs, rewards, terminated, truncated, _ = venv.step(noise(venv.unwrapped, rng))
        assert np.isfinite(obs["proprio"]).all()
        wins, ends = wins + rewards.sum(), ends + (terminated | truncated).sum()
    assert wins <= max(2, 0.06 * ends), f"{wins} of {ends}"
    venv.close()


def test_a_violation_ends_the_episode_without_reward():
    venv = make_vec("VLAAvoid-v0", 8)
    venv.reset(seed=0)
    core = venv.unwrapped
    bottle = core.roles["bystander"]
    for i in range(8):
        core.world.qpos[i, core.world._slot_qpos[bottle[i], :2]] = (0.9, 0.0)
    _, rewards, terminated, _, infos = venv.step(np.zeros((8, 7)))
    assert terminated.all() and not rewards.any() and infos["final_info"]["violated"].all()
    venv.close()


@pytest.mark.parametrize("env_id", [i for i in IDS if "Infeasible" not in i])
def test_stages_lead_every_task_to_its_goal(env_id):
    """The expert, after a while, is past the first stage, and progress has grown with it."""
    venv = make_vec(env_id, 12, split="validation", reward_type="dense")
    venv.reset(seed=0)
    core, expert = venv.unwrapped, Expert(venv.unwrapped)
    begun = core.judge.potentials()
    total = np.zeros(12)
    for _ in range(14):
        _, rewards, terminated, _, _ = venv.step(expert.act())
        total += rewards * ~terminated
    has_stages = np.array([bool(stages_of(core.tasks[k].goal)) for k in core.task_id])
    assert has_stages.mean() > 0.5 and (begun < 0.9).all()
    assert (total[has_stages] > 0).mean() > 0.7 and total[has_stages].mean() > 0.05
    venv.close()


def test_a_world_whose_physics_breaks_down_ends_without_success():
    """MuJoCo sets such a world back, its things upright where they were parked: nothing is won."""
    venv = make_vec("VLAUpright-v0", 3)
    venv.reset(seed=0)
    core = venv.unwrapped
    core.world.qvel[1, core.world._slot_dof[0, 0]] = 1e12
    _, rewards, terminated, _, infos = venv.step(np.zeros((3, 7)))
    assert terminated.tolist() == [False, True, False] and not rewards.any()
    assert infos["final_info"]["diverged"].tolist() == [False, True, False]
    for _ in range(3):  # and the next episode is a whole one
        obs, rewards, terminated, *_ = venv.step(np.zeros((3, 7)))
    assert not terminated.any() and not rewards.any() and np.isfinite(obs["proprio"]).all()
    venv.close()


def test_infeasible_wants_a_look_before_it_is_called_off():
    venv = make_vec("VLAInfeasible-v0", 4)
    assert venv.action_space.shape == (4, 8)
    venv.reset(seed=0)
    stop = np.zeros((4, 8))
    stop[:, 7] = 1
    _, rewards, terminated, *_ = venv.step(stop)
    assert terminated.all() and not rewards.any()
    venv.reset(seed=0)
    for _ in range(10):
        venv.step(stop - 2 * (np.arange(8) == 7))
    _, rewards, terminated, *_ = venv.step(stop)
    assert terminated.all() and rewards.all()
    venv.close()


def test_a_sequence_in_the_wrong_order_does_not_count():
    task = TASKS["Sequence"]
    swapped = replace(task, goal=task.goal.__class__(task.goal.second, task.goal.first))
    venv = make_vec("VLASequence-v0", 8, split="validation")
    core = venv.unwrapped
    venv.reset(seed=0)
    driver, total = Expert(core), 0.0
    driver._tasks = lambda: [(swapped, np.ones(8, bool))]
    for _ in range(core.horizon - 1):
        _, rewards, *_ = venv.step(driver.act())
        total += rewards.sum()
    assert total == 0
    venv.close()


# ---- own sentences -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env_id", "text"),
    [
        ("VLAPickPlace-v0", "Please drop the teal mug onto the biggest plate."),
        ("VLAPickPlace-v0", "put the mug that is not red in the green bowl"),
        ("VLAStack-v0", "stack the small red cube on the blue cube"),
        ("VLASort-v0", "put everything yellow on the red tray"),
        ("VLATabletop-v0", "press the purple button"),
        ("VLATabletop-v0", "put the crimson rock on the shelf"),
        ("VLATabletop-v0", "place the leftmost ball behind the red bowl"),
    ],
)
def test_a_scene_is_drawn_for_ones_own_sentence(env_id, text):
    venv = make_vec(env_id, 2)
    if "drop the teal mug onto" in text:
        text = "move the teal mug onto the biggest plate"
    obs, _ = venv.reset(seed=5, options={"instruction": text})
    assert obs["instruction"] == (text, text)
    core, expert, won = venv.unwrapped, Expert(venv.unwrapped), np.zeros(2, bool)
    for _ in range(core.horizon):
        _, rewards, *_ = venv.step(expert.act())
        won |= rewards > 0
    assert won.all()
    venv.close()


def test_another_sentence_on_the_same_scene_changes_nothing_else():
    env = gym.make("VLAPickPlace-v0", image_size=64)
    before, _ = env.reset(seed=8)
    episode = env.unwrapped.vector.episodes[0]
    specs, words = episode.binding.specs, episode.binding.colours
    other = next(
        i for i, s in enumerate(specs)
        if s.kind in TASKS["PickPlace"].roles["object"].kinds
        and i != episode.binding.roles["object"]
    )  # fmt: skip
    place = specs[episode.binding.roles["target"]].kind
    text = f"move the {words[other]} {specs[other].kind} {'into' if place == 'bowl' else 'onto'} "
    text += f"the {words[episode.binding.roles['target']]} {place}"
    after, _ = env.reset(options={"same_scene": True, "instruction": text})
    assert after["instruction"] == text != before["instruction"]
    for key in ("image", "wrist_image", "proprio"):
        assert np.array_equal(before[key], after[key])
    assert env.unwrapped.vector.roles["object"][0] == other
    env.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("put the rde cube in the bowl", "'rde'"),
        ("fly to the moon", "'fly'"),
        ("put the red bowl in the blue bowl", "must be one of"),
    ],
)
def test_sentences_that_make_no_sense(text, words):
    env = gym.make("VLAPickPlace-v0", cameras=())
    with pytest.raises(InstructionError, match=words):
        env.reset(seed=0, options={"instruction": text})
    env.reset(seed=0)
    with pytest.raises(InstructionError, match="On the table|Did not|must be"):
        env.reset(options={"same_scene": True, "instruction": text})
    env.close()


def test_a_sentence_about_what_is_not_there():
    env = gym.make("VLAPickPlace-v0", cameras=())
    env.reset(seed=0)
    missing = next(
        c for c in COLOURS
        if (c, "cube") not in [
            (w, s.kind) for w, s in zip(
                env.unwrapped.vector.episodes[0].binding.colours,
                env.unwrapped.vector.episodes[0].binding.specs, strict=True)]
    )  # fmt: skip
    place = f"put the {missing} cube in the red bowl"
    with pytest.raises(InstructionError, match="fits 0 objects.*On the table"):
        env.reset(options={"same_scene": True, "instruction": place})
    env.close()


# ---- ways of being new -------------------------------------------------------------------------


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


def test_training_holds_nothing_that_is_new():
    """The leak test: all words, kinds, pairs, sentences, places, looks of training episodes."""
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
def test_signs_of_the_new_are_seen_where_it_is_and_nowhere_else(env_id, axis):
    assert not any(count_signs(env_id, 24).values())
    assert count_signs(env_id, 24, "test", (axis,))[axis] > 3


def test_new_words_and_kinds_reach_the_sentence_and_the_table():
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
def test_new_looks_reach_the_picture(axis):
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


def test_a_thing_is_moved_in_the_middle():
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


# ---- hindsight ---------------------------------------------------------------------------------


def test_what_was_done_gets_a_true_sentence():
    """A policy that serves another sentence: afterwards that sentence is among the true ones."""
    venv = make_vec("VLAPickPlace-v0", 12, split="validation")
    core = venv.unwrapped
    venv.reset(seed=0)
    task = core.task
    wrong = {}
    for i, e in enumerate(core.episodes):
        fits = [
            s for s, spec in enumerate(e.binding.specs)
            if spec.kind in task.roles["object"].kinds and s != e.binding.roles["object"]
        ]  # fmt: skip
        wrong[i] = fits[0]
    meant, core.roles["object"] = core.roles["object"].copy(), np.array(list(wrong.values()))
    expert = Expert(core)
    actions = []
    for _ in range(25):
        actions.append(expert.act())
        core.actuator.execute(actions[-1].astype(float), core.settings.substeps)
    core.roles["object"] = meant
    assert not task.goal.holds(core.world, core.roles).any()
    facts = achieved(core)
    hits = [i for i in range(12) if any(a.roles["object"] == wrong[i] for a in facts[i])]
    assert len(hits) >= 10
    for i in hits:
        fact = next(a for a in facts[i] if a.roles["object"] == wrong[i])
        seen = core.episodes[i].binding.seen(core.episodes[i].pos)
        assert resolve(task.read(fact.instruction)[0]["object"], seen) == [wrong[i]]
    with pytest.raises(InvalidConfigError, match="at most two roles"):
        achieved(core, [TASKS["Sort"]])
    venv.close()


def test_there_are_over_a_million_sentences():
    assert sum(count(t).instructions for t in TASKS.values()) > 1_000_000
    assert count(TASKS["PickPlace"], True).instructions > 1_000_000
    names = {k for t in TASKS.values() for k in count(t, True).kinds}
    assert len(names) >= 14


# ---- a task from outside -----------------------------------------------------------------------


def test_a_task_from_outside_needs_nothing_else():
    """Defined here, solved by the expert, said and understood, judged, and given to a mixture."""
    drop = Task(
        name="DropInBox",
        roles={"toy": Role(("star", "cone"), decoys=(2, 2)), "bin": Role(("box",), decoys=(0, 0))},
        goal=Inside("toy", "bin") & ~Touched("toy"),
        phrases=("throw {toy} in {bin}",),
    )
    venv = gym.make_vec(
        "VLAPickPlace-v0", num_envs=12, vectorization_mode="vector_entry_point", cameras=(),
        task=drop,
    )  # fmt: skip
    obs, _ = venv.reset(seed=0)
    assert all(t.startswith("throw the ") for t in obs["instruction"])
    expert, won = Expert(venv.unwrapped), np.zeros(12, bool)
    for _ in range(60):
        _, rewards, *_ = venv.step(expert.act())
        won |= rewards > 0
    assert won.mean() > 0.9
    obs, _ = venv.reset(options={"instruction": "throw the red star in the blue crate"})
    assert set(obs["instruction"]) == {"throw the red star in the blue crate"}
    venv.close()
    mixed = make_vec("VLAPickPlace-v0", 16, task=(drop, TASKS["Reach"]))
    _, infos = mixed.reset(seed=0)
    assert set(infos["task"]) == {"DropInBox", "Reach"}
    mixed.close()


def test_unknown_tasks_list_the_known():
    with pytest.raises(UnknownNameError, match="Tabletop"):
        gym.make("VLAPickPlace-v0", task="Juggle")
    with pytest.raises(InvalidConfigError, match="not both"):
        env = gym.make("VLAPickPlace-v0", cameras=())
        env.reset(seed=0)
        env.reset(options={"same_scene": True, "roles": {"object": 0}, "instruction": "x"})
    assert set(MIXTURES) >= {"Arrange", "Tabletop"}
