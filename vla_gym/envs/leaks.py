"""The leak test: which generalisation axes an episode shows, judged by the episode alone."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from vla_gym.envs.episode import Episode
from vla_gym.envs.novelty import AXES, held_out
from vla_gym.envs.task import Task
from vla_gym.language.noun_phrases import SUPERLATIVES
from vla_gym.language.templates import parse
from vla_gym.language.vocabulary import COLOUR_SYNONYMS, COLOURS, KIND_NOUNS
from vla_gym.language.words import words_of
from vla_gym.world.objects import KINDS
from vla_gym.world.visuals import Visuals

_KINDS, _COLOURS = list(KINDS), list(COLOURS)
_SYNONYMS = {noun for nouns in KIND_NOUNS.values() for noun in nouns[1:]}
_REASONED = {*SUPERLATIVES, "not", "same"}
_FURNITURE = ("cabinet", "drawer")


def signs(task: Task, episode: Episode) -> set[str]:
    """Generalisation axes that an episode shows.

    Args:
        task: Its task.
        episode: The episode.
    """
    b, words, plain = episode.binding, set(words_of(episode.instruction)), Visuals()
    looks = episode.looks
    own = {w for p in task.phrases for w in p.split()}
    known = {k for r in task.roles.values() for k in r.kinds} | set(task.furniture)
    pairs = zip(b.colours, b.specs, strict=True)
    floors = (looks.table_rgb, looks.floor_rgb, looks.pattern)
    lamps = (looks.light_dir, looks.light_rgb)
    camera = (looks.camera_offset, looks.camera_turn)
    # a group's noun is in the plural
    nouns = words | {w.removesuffix("s") for w in words}
    found = {
        "colours": words & set(COLOUR_SYNONYMS) or set(b.colours) & set(COLOUR_SYNONYMS),
        "nouns": (nouns & _SYNONYMS) - own,
        "kinds": {s.kind for s in b.specs} - known,
        "combinations": any(_kept_out(c, s.kind) for c, s in pairs),
        "phrasings": _template_of(task, episode.instruction) in task.novel_phrases,
        "layouts": _outside(task, episode),
        "backgrounds": floors != (plain.table_rgb, plain.floor_rgb, plain.pattern),
        "lights": lamps != (plain.light_dir, plain.light_rgb),
        "cameras": camera != (plain.camera_offset, plain.camera_turn),
        "moved": episode.move_at >= 0,
        "reasoning": (words & _REASONED) - own,
    }
    return {axis for axis in AXES if found[axis]}


def count_signs(
    env_id: str, episodes: int = 200, split: str = "train", novelty: tuple[str, ...] = ()
) -> dict[str, int]:
    """Count the episodes that show each axis.

    Args:
        env_id: For example ``"VLAPickPlace-v0"``.
        episodes: Number of episodes to draw.
        split: Split of the seeds.
        novelty: Axes that are switched on.
    """
    venv: Any = gym.make_vec(
        env_id, num_envs=episodes, vectorization_mode="vector_entry_point", cameras=(),
        split=split, novelty=novelty,
    )  # fmt: skip
    core = venv.unwrapped
    core.reset(seed=0)
    shown = [signs(core.tasks[e.task], e) for e in core.episodes]
    venv.close()
    return {axis: sum(axis in s for s in shown) for axis in AXES}


def _kept_out(colour: str, kind: str) -> bool:
    return colour in COLOURS and held_out(_COLOURS.index(colour), _KINDS.index(kind))


def _outside(task: Task, episode: Episode) -> bool:
    """Whether an object starts outside the task's regions; furniture has its own position."""
    for spec, spot in zip(episode.binding.specs, episode.pos[:, :2], strict=False):
        centre, half = (np.array(x) for x in task.start.area(spec.kind))
        if spec.kind not in _FURNITURE and (np.abs(spot - centre) > half + 1e-9).any():
            return True
    return False


def _template_of(task: Task, text: str) -> str:
    """The template that an instruction was made from."""
    return parse(text, task.all_phrases)[0][0]
