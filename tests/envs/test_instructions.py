"""Instructions of one's own, for new scenes and for the present one."""

import gymnasium as gym
import numpy as np
import pytest

import vla_gym
from vla_gym.envs.tasks import TASKS
from vla_gym.errors import MAX_MESSAGE, InstructionError
from vla_gym.language.vocabulary import COLOURS
from vla_gym.skills import Expert


def make_vec(env_id, n=8, **kwargs):
    return vla_gym.make_vec(env_id, n, **{"cameras": (), **kwargs})


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
def test_a_scene_is_drawn_for_an_instruction(env_id, text):
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


def test_another_instruction_in_the_same_scene_changes_nothing_else():
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
        ("put the xqz cube in the bowl", "'xqz'"),
        ("fly to the moon", "asks for nothing"),
        ("put the red bowl in the blue bowl", "cannot take hold of a bowl"),
        ("lift it", "name the thing"),
        (7, "not int"),
    ],
)
def test_instructions_that_make_no_sense(text, words):
    env = gym.make("VLAPickPlace-v0", cameras=())
    with pytest.raises(InstructionError, match=words):
        env.reset(seed=0, options={"instruction": text})
    env.reset(seed=0)
    with pytest.raises(InstructionError) as caught:
        env.reset(options={"same_scene": True, "instruction": text})
    assert len(str(caught.value)) <= MAX_MESSAGE
    env.close()


def test_an_instruction_about_an_absent_object():
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
    with pytest.raises(InstructionError, match="There is no .* here. On the table"):
        env.reset(options={"same_scene": True, "instruction": place})
    env.close()
