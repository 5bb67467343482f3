"""A recorded episode has one frame per control step, taken before its action."""

import numpy as np

from tests.evaluation.double import Double, Goer
from vla_gym.evaluation.episode_video import FrameRecorder, InstructionOverride
from vla_gym.evaluation.protocol import run_episodes


class Renderer:
    """Frames that show the step they were taken in."""

    def __init__(self, venv: Double) -> None:
        self.venv = venv

    def render(self, camera, ids):
        return [np.full((2, 2, 3), self.venv.t[i], np.uint8) for i in ids]


def test_frames_precede_actions_and_stop_with_the_episode():
    venv = Double(3)
    recorder = FrameRecorder(Renderer(venv))
    records = run_episodes(venv, Goer(), 0, 2, [recorder])
    for k, record in enumerate(records):
        assert recorder.frames(k)[:, 0, 0, 0].tolist() == list(range(record.steps))


def test_an_override_replaces_every_instruction():
    seen = []

    class Reader(Goer):
        def act(self, obs):
            seen.extend(obs["instruction"])
            return super().act(obs)

    run_episodes(Double(2), InstructionOverride(Reader(), "do 7"), 0, 2)
    assert set(seen) == {"do 7"}
