"""Tasks put together from meanings: their goals, their scenes, and how they are run."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import vla_gym
from vla_gym.envs import asking
from vla_gym.envs.asking import Spoken, shown
from vla_gym.envs.composed_scenes import draw_composed
from vla_gym.envs.composing import compose, composition
from vla_gym.envs.vector import TabletopVectorEnv
from vla_gym.errors import MAX_MESSAGE, InstructionError
from vla_gym.language.meaning_notation import parse_steps, parse_things
from vla_gym.language.referents import resolve_thing
from vla_gym.language.understanding import Understanding
from vla_gym.skills import Expert, motion_for
from vla_gym.world.predicates import DIRECTIONS


def meant(steps: str, avoid: str = "-") -> Understanding:
    return Understanding("act", parse_steps(steps), parse_things(avoid))


@pytest.fixture(scope="module")
def venv():
    env = TabletopVectorEnv("PickPlace", 4, cameras=(), n_threads=1)
    yield env
    env.close()


def run(env, instruction, seed: int = 0):
    """Let the expert act; returns for each sub-environment whether it succeeded."""
    env.reset(seed=seed, options={"instruction": instruction})
    expert, won = Expert(env), np.zeros(env.num_envs, bool)
    over = won.copy()
    for _ in range(int(env.current.horizons.max())):
        _, terminated, truncated, info = env.advance(expert.act())
        won |= info["is_success"] & ~over
        over |= terminated | truncated
        if over.all():
            break
    return won


# ---- the task -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "steps, avoid, name, roles",
    [
        ("reach cube", "-", "Reach", ["object"]),
        ("lift any{c=red}", "-", "Pick", ["object"]),
        ("put cube > bowl", "-", "PickPlace", ["object", "target"]),
        ("put cube > drawer", "-", "Drawer", ["object", "target"]),
        ("put cube > shelf", "-", "Shelf", ["object", "target"]),
        ("beside cube > mug @near", "-", "Arrange", ["object", "target"]),
        ("sort cube{n=all} > box", "-", "Sort", ["things", "target"]),
        ("stack cube > brick", "mug", "Avoid", ["object", "target", "bystander"]),
        ("close drawer ; press button", "-", "Sequence", ["object", "object2"]),
        ("put cube > bowl ; push bowl > mat", "-", "Sequence", ["object", "target", "target2"]),
        ("lift cube ; put cube > bowl", "-", "Sequence", ["object", "target2"]),
        ("put cup > bowl", "-", "Infeasible", ["object", "absent0"]),
    ],
)
def test_tasks_are_named_by_family_and_equal_things_are_one_role(steps, avoid, name, roles):
    task = compose(meant(steps, avoid))
    assert (task.name, list(task.roles)) == (name, roles)


@pytest.mark.parametrize(
    "steps, avoid, words",
    [
        ("lift drawer", "-", "cannot take hold of a drawer"),
        ("press cube", "-", "a cube cannot be pressed"),
        ("open box", "-", "a box cannot be opened"),
        ("push cube > bowl", "-", "pushed onto a mat"),
        ("put brick > mug", "-", "does not fit"),
        ("lift ball{p=in,ref=mug}", "-", "does not fit in a mug"),
        ("push box{n=2} > mat", "-", "one box at a time"),
        ("lift cube{c=qwertz}", "-", "'qwertz' is not known"),
        ("lift cube", "cube", "left alone"),
        ("put bowl > bowl", "-", "take hold of a bowl"),
        (" ; ".join(["lift cube"] * 7), "-", "7 steps"),
    ],
)
def test_what_cannot_be_done_is_said(steps, avoid, words):
    with pytest.raises(InstructionError, match=words):
        draw_composed(composition(meant(steps, avoid)), np.random.default_rng(0), 6)


def test_refusals_and_questions_are_passed_on():
    with pytest.raises(InstructionError, match="refuse"):
        compose(Understanding("refuse"))


# ---- scenes ---------------------------------------------------------------------------------

SCENES = [
    ("lift cube", "-"),
    ("lift cube{c=red}", "-"),
    ("lift cube{c=teal,s=small}", "-"),
    ("lift any{c=blue}", "-"),
    ("lift mug{nc=red}", "-"),
    ("lift cube{p=leftmost}", "-"),
    ("lift cube{p=rightmost}", "-"),
    ("reach cube{p=nearest}", "-"),
    ("reach cube{p=farthest}", "-"),
    ("lift ball{p=biggest}", "-"),
    ("lift can{c=red,p=smallest}", "-"),
    ("lift ball{p=same_colour_as,ref=bowl}", "-"),
    ("lift ball{p=near,ref=bottle}", "-"),
    ("lift ball{p=left_of,ref=tray}", "-"),
    ("lift ball{p=behind,ref=tray}", "-"),
    ("lift ball{p=in_front_of,ref=tray}", "-"),
    ("lift ball{p=right_of,ref=tray}", "-"),
    ("lift ball{p=nearest,ref=tray}", "-"),
    ("lift ball{p=in,ref=bowl{c=white}}", "-"),
    ("lift star{p=on,ref=plate{p=near,ref=can}}", "-"),
    ("lift star{p=in,ref=drawer}", "-"),
    ("put cube{p=other,ref=cube{c=red}} > bowl", "-"),
    ("lift mug ; put mug{p=other,ref=mug} > shelf", "-"),
    ("sort any{c=red,n=all} > tray", "-"),
    ("sort cube{n=all} > box", "cube{c=red}"),
    ("sort any{n=all} > box", "mug"),
    ("sort ball{n=2} > bowl", "-"),
    ("close drawer{c=red}", "drawer{c=blue}"),
    ("slide puck > mat{c=green}", "-"),
    ("beside can > mug{p=leftmost} @left", "-"),
    ("open drawer ; put star > drawer ; close drawer", "-"),
]


@pytest.mark.parametrize("steps, avoid", SCENES)
def test_scenes_are_such_that_each_thing_is_what_its_words_say(steps, avoid):
    made = composition(meant(steps, avoid))
    for seed in range(3):
        binding, pos, _ = draw_composed(made, np.random.default_rng(seed), 6)
        scene = binding.seen(pos)
        spared = [s for c in made.casts if c.spared for s in binding.played[c.role]]
        for cast in made.casts:
            slots = binding.played[cast.role]
            but = () if cast.spared else spared
            known = {c.thing: binding.played[c.role] for c in made.casts}
            found = resolve_thing(cast.thing, scene, cast.kinds, but, known)
            if cast.thing.pick is None and "p=other" in steps:
                assert set(slots) <= set(found)
            else:
                assert tuple(found) == slots
            if cast.thing.count == "all":
                assert len(slots) > 1
        assert len(set(scene.kinds)) > 1 or len(binding.specs) == 6


def test_without_a_colour_there_is_one_of_the_kind_and_others_besides():
    for seed in range(5):
        binding, _, _ = draw_composed(
            composition(meant("put cube > bowl")), np.random.default_rng(seed), 6
        )
        kinds = [spec.kind for spec in binding.specs]
        assert kinds.count("cube") == kinds.count("bowl") == 1
        assert len(kinds) > 2


def test_what_is_told_apart_has_a_twin():
    for steps in ("lift cube{p=leftmost}", "lift cube{nc=red}", "lift cube{p=in,ref=bowl}"):
        binding, _, _ = draw_composed(composition(meant(steps)), np.random.default_rng(0), 6)
        assert [spec.kind for spec in binding.specs].count("cube") == 2


def test_too_many_things_are_refused_with_numbers():
    steps = "sort cylinder{n=all} > box ; sort ball{n=all} > bowl ; sort cone{n=all} > tray"
    with pytest.raises(InstructionError, match="room for 6"):
        draw_composed(composition(meant(steps)), np.random.default_rng(0), 6)


# ---- running --------------------------------------------------------------------------------

WON = [
    "reach plate", "lift star", "put ball > mug", "stack can > cube", "beside cube > bowl @near",
    "beside cone > bottle @left", "push brick > mat", "slide can > mat", "upright can",
    "sort star{n=2} > bowl", "lift ball{n=2}", "lift cube ; put cube > plate",
    "open drawer ; put star > drawer ; close drawer", "close drawer ; open drawer",
    "stack cube{c=red} > brick ; stack can > cube{c=red}", "press button ; reach mug",
]  # fmt: skip


@pytest.mark.parametrize("steps", WON)
def test_the_expert_does_it(venv, steps):
    assert run(venv, meant(steps)).sum() >= 3


def test_steps_done_in_the_wrong_order_do_not_count(venv):
    venv.reset(seed=0, options={"instruction": meant("close drawer ; put star > bowl")})
    wrong = compose(meant("put star > bowl ; close drawer"))
    right = venv.current.tasks[venv.episodes[0].task]
    # the same roles, the other way round
    roles = {"object": "object2", "target": "target2", "object2": "object"}
    swapped = {name: venv.roles[other] for name, other in roles.items()}
    scale, done = venv.action_scale, np.zeros(4, bool)
    for _ in range(right.horizon - 1):
        motion = motion_for(wrong.goal, venv.world, swapped)
        assert motion is not None
        action = np.zeros((4, 7))
        move = motion.delta / scale[:3]
        action[:, :3] = move / np.maximum(np.abs(move).max(axis=1, keepdims=True), 1.0)
        action[:, 5] = np.clip(motion.yaw / scale[5], -1, 1)
        action[:, 6] = motion.grip
        wrong.goal.observe(venv.world, swapped)
        _, _, _, info = venv.advance(action.astype(np.float32))
        done |= info["is_success"]
    assert not done.any()


def test_a_bystander_must_not_be_touched(venv):
    venv.reset(seed=0, options={"instruction": meant("lift cube", "mug")})
    episode = venv.episodes[0]
    mug = episode.binding.roles["bystander"]
    for i in range(4):
        venv.world.move(i, venv.episodes[i].binding.roles["bystander"], (0.4, 0.2))
    venv.world.start_pos[0, mug, :2] = (0.5, 0.2)
    _, terminated, _, info = venv.advance(np.zeros((4, 7), np.float32))
    assert info["violated"].tolist() == terminated.tolist() == [True, False, False, False]


def test_tasks_of_each_episode_and_of_the_environment_run_side_by_side(venv):
    asked = [meant("lift star"), None, "put the red cube in the blue bowl", meant("lift star")]
    _, info = venv.reset(seed=1, options={"instruction": asked})
    assert info["task"].tolist() == ["Pick", "PickPlace", "PickPlace", "Pick"]
    assert venv.task_id.tolist() == [1, 0, 0, 1]
    assert venv.current.horizons.tolist() == [50, 60, 60, 50]
    venv.reset(seed=1)
    assert venv.task_id.tolist() == [0] * 4
    assert venv.running_tasks == venv.tasks


def test_a_saved_state_continues_bit_by_bit(venv):
    steps = "lift star ; put ball{p=left_of,ref=tray} > tray"
    venv.reset(seed=2, options={"instruction": [meant(steps), None, meant("reach can"), None]})
    expert = Expert(venv)
    for _ in range(20):
        venv.advance(expert.act())
    state = venv.get_state()

    def rest() -> list:
        out = []
        for _ in range(10):
            action = expert.act()
            _, _, _, info = venv.advance(action)
            out.append((action.tobytes(), info["stage"].tolist(), info["stages"].tolist()))
        return [*out, venv.world.object_pos.tobytes()]

    before = rest()
    venv.reset(seed=7)
    venv.set_state(state)
    assert venv.running_tasks[venv.episodes[0].task] == compose(meant(steps))
    assert rest() == before


def test_the_environments_own_sentences_are_not_read_anew(venv, monkeypatch):
    text = "put the red cube in the blue bowl"
    venv.reset(seed=3, options={"instruction": text})
    before = [dataclasses.astuple(e.binding) for e in venv.episodes]
    monkeypatch.setattr(asking, "meaning_of", lambda text: meant("lift cube"))
    venv.reset(seed=3, options={"instruction": text})
    assert [dataclasses.astuple(e.binding) for e in venv.episodes] == before
    assert all(e.meaning is None for e in venv.episodes)


# ---- words ----------------------------------------------------------------------------------


def read_as(monkeypatch, meaning: Understanding) -> None:
    """Let every sentence mean that."""
    monkeypatch.setattr(asking, "understand", lambda text: meaning)


def test_what_no_task_reads_is_read_for_its_meaning(venv, monkeypatch):
    read_as(monkeypatch, meant("put cube{c=red} > bowl"))
    _, info = venv.reset(seed=0, options={"instruction": "stick the red one in, would ya"})
    assert set(info["task"]) == {"PickPlace"}
    assert set(venv.instructions) == {"stick the red one in, would ya"}


def test_the_readers_reason_is_passed_on(venv, monkeypatch):
    read_as(monkeypatch, Understanding("refuse", reason="That would do harm. " * 40))
    with pytest.raises(InstructionError, match="smash .* harm") as caught:
        venv.reset(seed=0, options={"instruction": "smash the table " * 100})
    assert len(str(caught.value)) <= MAX_MESSAGE


@pytest.mark.parametrize(
    "text", ["put “it” in\nthe bowl", "把红色的方块放进碗里", "lift it 🎉", "x" * 300, "a\x00\tb"]
)
def test_every_text_lies_in_the_space_of_instructions(venv, text):
    obs, _ = venv.reset(seed=0, options={"instruction": Spoken(text, meant("lift cube"))})
    assert obs["instruction"][0] in venv.single_observation_space["instruction"]
    assert shown(shown(text)) == shown(text)


def test_a_meaning_alone_is_put_into_plain_words(venv):
    meaning = meant("put cube{c=red,p=near,ref=can} > bowl ; lift mug", "ball{c=blue}")
    venv.reset(seed=0, options={"instruction": meaning})
    assert venv.instructions[0].startswith(
        "put the red cube that is next to the can in the bowl, then "
    )


def test_words_that_are_no_text_are_refused(venv):
    with pytest.raises(InstructionError, match="not int"):
        venv.reset(options={"instruction": [3, None, None, None]})


# ---- the present scene ------------------------------------------------------------------------


def test_in_the_present_scene_things_are_found_or_asked_about():
    env = vla_gym.make("PickPlace", cameras=())
    env.reset(seed=0, options={"instruction": meant("put cube{p=leftmost} > bowl")})
    core = env.unwrapped.vector
    pos = core.episodes[0].pos.copy()

    def ask(steps):
        return env.reset(options={"instruction": meant(steps), "same_scene": True})

    ask("lift cube{p=rightmost}")
    episode = core.episodes[0]
    assert (episode.pos == pos).all()
    assert episode.instruction == "pick up the rightmost cube"
    with pytest.raises(InstructionError, match="'the cube' fits 2 objects: .* cube, .* cube"):
        ask("lift cube")
    with pytest.raises(InstructionError, match="no star here. On the table: "):
        ask("lift star")
    env.close()


def test_what_is_not_there_can_be_said_with_the_terminate_action():
    env = vla_gym.make("Infeasible", cameras=())
    env.reset(seed=0)
    for options in (
        {"instruction": meant("lift spoon")},
        {"instruction": meant("put button > bowl"), "same_scene": True},
    ):
        if options.get("same_scene"):
            options["instruction"] = meant("press button")
        _, info = env.reset(seed=1, options=options)
        assert info["task"] == "Infeasible"
        for _ in range(15):
            *_, terminated, _, info = env.step(np.r_[np.zeros(7), -1.0].astype(np.float32))
        assert not terminated
        *_, info = env.step(np.r_[np.zeros(7), 1.0].astype(np.float32))
        assert info["is_success"]
    env.close()


def test_without_the_terminate_action_it_is_refused(venv):
    with pytest.raises(InstructionError, match="terminate_action"):
        venv.reset(options={"instruction": meant("lift spoon")})


def test_sides_are_the_viewers():
    assert DIRECTIONS["left"] == (0.0, -1.0)
