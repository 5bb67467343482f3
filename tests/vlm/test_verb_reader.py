"""The verb of an instruction, read from the text tower."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vla_gym.pretraining.verb_training import sample_instructions
from vla_gym.skills import VERBS
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.verb_reader import VerbReader

NAMES = list(VERBS)


@pytest.fixture(scope="module")
def verbs():
    return VerbReader(ClipEncoder(device="cpu"))


@pytest.mark.parametrize(
    "text, verb",
    [
        ("open the red drawer", "open"),
        ("push the blue drawer shut", "close"),
        ("pick up the crimson mug", "lift"),
        ("put the teal cube in the white bowl", "put"),
        ("stack the green cube on the orange cube", "stack"),
        ("push the yellow puck onto the green mat", "push"),
        ("press the purple button", "press"),
        ("put the red cube left of the blue cube", "put left"),
        ("put the red cube right of the blue cube", "put right"),
        ("put everything red in the tray", "several"),
    ],
)
def test_verbs_are_classified(verbs, text, verb):
    row = verbs.read([text])[0]
    assert NAMES[int(row.argmax())] == verb and row.max() > 0.7
    assert row.sum() == pytest.approx(1.0, abs=1e-5)


def test_instructions_of_all_tasks_are_classified(verbs):
    texts, truth = sample_instructions(np.random.default_rng(5), 300)
    assert (verbs.read(texts).argmax(axis=1) == truth).mean() > 0.95


def test_objects_do_not_change_the_verb(verbs):
    rows = verbs.read(["lift the cyan ball", "lift the biggest brown stone"])
    assert np.abs(rows[0] - rows[1]).max() < 0.3


def test_a_model_without_a_head_compares_with_plain_instructions():
    def encode_text(texts):
        rows = torch.zeros(len(texts), 2)
        rows[:, 0] = torch.tensor([float(t.startswith("press")) for t in texts])
        rows[:, 1] = 1.0 - rows[:, 0]
        return rows

    row = VerbReader(SimpleNamespace(folder=None, encode_text=encode_text)).read(["press it"])[0]
    assert NAMES[int(row.argmax())] == "press"
