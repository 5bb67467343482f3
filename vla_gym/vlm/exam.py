"""What the eyes must be able to do, asked about pictures out of real episodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.errors import InstructionError
from vla_gym.experts import Expert
from vla_gym.language.phrase import Phrase, Seen, resolve
from vla_gym.language.referring import refer
from vla_gym.language.vocabulary import KIND_NOUNS, all_colours, colour_distance
from vla_gym.world.camera import Calibration
from vla_gym.world.predicates import View
from vla_gym.world.scene import CAMERAS

MIN_PIXELS = 12
"""A thing that shows fewer pixels counts as hidden."""
LOW_M = 0.015
"""Height of a thing's underside up to which it lies on the table, or in something that does."""
FAR = 26.0
"""Least colour distance (CIE76) from things of its kind at which a colour is not there."""
_LATEST = 40


@dataclass(frozen=True)
class Shots:
    """Pictures of the fixed camera in the middle of episodes, and the truth about them."""

    images: NDArray[np.uint8]
    """Shape (n, size, size, 3)."""
    seen: list[Seen]
    """What lies there."""
    xy: NDArray[np.float64]
    """Middles of things on the table. Shape (n, n_slots, 2), [m]."""
    uv: NDArray[np.float64]
    """Middles in the picture. Shape (n, n_slots, 2)."""
    pixels: NDArray[np.int64]
    """Visible pixels of each thing. Shape (n, n_slots)."""
    low: NDArray[np.bool_]
    """Whether a thing lies, rather than being held up. Shape (n, n_slots)."""
    camera: Calibration
    """The camera as calibrated."""
    instructions: list[str]
    """The sentences of the episodes."""
    named: NDArray[np.int64]
    """Slots that play the first and the last role of each sentence. Shape (n, 2)."""

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Things that show. Shape (n, n_slots)."""
        return self.pixels >= MIN_PIXELS


def shoot(
    env_id: str, n: int, split: str = "validation", novelty: Sequence[str] = (), seed: int = 0
) -> Shots:
    """Play the expert and take one picture of each world at a random moment.

    Args:
        env_id: For example ``"VLAPickPlace-v0"``.
        n: Pictures.
        split: Of the episodes.
        novelty: Ways of being new.
        seed: Of the first episode, and of the moments.
    """
    venv: Any = gym.make_vec(
        env_id, num_envs=n, vectorization_mode="vector_entry_point", split=split,
        novelty=tuple(novelty), cameras=("image",),
    )  # fmt: skip
    core, rng = venv.unwrapped, np.random.default_rng(seed)
    core.settings = core.settings.__class__(**{**core.settings.__dict__, "cameras": ()})
    core.reset(seed=seed)
    expert, moments = Expert(core), rng.integers(0, _LATEST, n)
    parts: list[tuple[NDArray, list[Any]]] = []
    for step in range(_LATEST):
        now = np.flatnonzero(moments == step)
        if len(now):
            parts.append((now, _look(core, now)))
        core.step(expert.act())
    order = np.argsort(np.concatenate([ids for ids, _ in parts]))
    columns = list(zip(*(columns for _, columns in parts), strict=True))
    arrays = [np.concatenate(c)[order] for c in columns[:5]]
    seen, told = ([row for part in c for row in part] for c in columns[5:7])
    named = np.concatenate(columns[7])[order]
    camera = core.cameras.calibration("fixed")
    venv.close()
    return Shots(
        arrays[0], [seen[i] for i in order], arrays[1], arrays[2], arrays[3], arrays[4], camera,
        [told[i] for i in order], named,
    )  # fmt: skip


def _look(core: Any, ids: NDArray[np.int64]) -> list[Any]:
    world, slots = core.world, np.arange(core.world.n_slots)
    marks = core.cameras.segment(CAMERAS["image"], ids)
    pos = world.object_pos[ids]
    uv = np.stack([core.cameras.calibration("fixed", int(i)).project(pos[k])
                   for k, i in enumerate(ids)])  # fmt: skip
    bottom = np.stack([View.of(world, np.full(world.n, s)).bottom[ids] for s in slots], 1)
    return [
        core.cameras.render(CAMERAS["image"], ids), pos[..., :2].copy(), uv,
        (marks[:, None] == slots[:, None, None]).sum(axis=(2, 3)), bottom < LOW_M,
        [core.episodes[i].binding.seen(world.object_pos[i]) for i in ids],
        [core.episodes[i].instruction for i in ids], core.named_slots[ids],
    ]  # fmt: skip


def questions(
    shots: Shots, rng: Generator, reasoning: bool = False
) -> Iterator[tuple[int, int, str]]:
    """A phrase for every visible thing: picture, slot, words."""
    for i, seen in enumerate(shots.seen):
        for slot in range(len(seen.kinds)):
            if shots.visible[i, slot]:
                try:
                    yield i, slot, str(refer(seen, slot, rng, reasoning=reasoning))
                except InstructionError:
                    continue


def denials(shots: Shots, rng: Generator) -> Iterator[tuple[int, str]]:
    """A phrase per picture that names nothing in it, though its kind or its colour is there."""
    colours = all_colours()
    for i, seen in enumerate(shots.seen):
        for _ in range(40):
            word, kind = rng.choice(list(colours)), str(rng.choice(list(KIND_NOUNS)))
            if rng.random() < 0.5:
                kind = str(seen.kinds[int(rng.integers(len(seen.kinds)))])
            else:
                word = seen.colours[int(rng.integers(len(seen.colours)))]
            same = [seen.rgb[j] for j, k in enumerate(seen.kinds) if k == kind]
            phrase = Phrase(KIND_NOUNS[kind][0], str(word))
            far = all(colour_distance(rgb, colours[str(word)]) > FAR for rgb in same)
            if far and not resolve(phrase, seen):
                yield i, str(phrase)
                break
