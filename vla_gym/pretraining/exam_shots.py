"""What the eyes must be able to do, asked about pictures out of real episodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.errors import InstructionError
from vla_gym.geometry.pinhole import PinholeCamera
from vla_gym.language.noun_phrases import NounPhrase, Seen, resolve
from vla_gym.language.referring import refer
from vla_gym.language.vocabulary import KIND_NOUNS, all_colours, colour_distance
from vla_gym.pretraining.scene_sampler import MIN_PIXELS
from vla_gym.skills import Expert
from vla_gym.world.model import CAMERAS
from vla_gym.world.views import View

LOW_M = 0.015
"""Height of a thing's underside up to which it lies on the table, or in something that does."""
_ON_IT = 0.05
"""Distance in the picture (2 cm on the table) at which a point is on a thing, whatever holds it."""
FAR = 26.0
"""Least colour distance (CIE76) from things of its kind at which a colour is not there."""
SCENERY = ("line", "cabinet")
"""Kinds that no sentence speaks of."""
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
    camera: PinholeCamera
    """The camera as calibrated."""
    instructions: list[str]
    """The sentences of the episodes."""
    named: NDArray[np.int64]
    """Slots that play the first and the last role of each sentence. Shape (n, 2)."""

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Things that show. Shape (n, n_slots)."""
        return self.pixels >= MIN_PIXELS


def shoot(env_id: str, n: int, split: str = "validation", seed: int = 0, **kwargs: Any) -> Shots:
    """Play the expert and take one picture of each world at a random moment.

    Args:
        env_id: For example ``"VLAPickPlace-v0"``.
        n: Pictures.
        split: Of the episodes.
        seed: Of the first episode, and of the moments.
        kwargs: Further arguments of the environment.
    """
    venv: Any = gym.make_vec(
        env_id, num_envs=n, vectorization_mode="vector_entry_point", split=split, cameras=(),
        **kwargs,
    )  # fmt: skip
    core, rng = venv.unwrapped, np.random.default_rng(seed)
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
    camera = core.world.pinhole("fixed")
    venv.close()
    return Shots(
        arrays[0], [seen[i] for i in order], arrays[1], arrays[2], arrays[3], arrays[4], camera,
        [told[i] for i in order], named,
    )  # fmt: skip


def _look(core: Any, ids: NDArray[np.int64]) -> list[Any]:
    world, slots = core.world, np.arange(core.world.n_slots)
    marks = core.renderer.segment(CAMERAS["image"], ids)
    pos = world.object_pos[ids]
    uv = np.stack([core.world.pinhole("fixed", int(i)).project(pos[k])
                   for k, i in enumerate(ids)])  # fmt: skip
    bottom = np.stack([View.of(world, np.full(world.n, s)).bottom[ids] for s in slots], 1)
    return [
        core.renderer.render(CAMERAS["image"], ids), pos[..., :2].copy(), uv,
        (marks[:, None] == slots[:, None, None]).sum(axis=(2, 3)), bottom < LOW_M,
        [core.episodes[i].binding.seen(world.object_pos[i]) for i in ids],
        [core.episodes[i].instruction for i in ids], core.named_slots[ids],
    ]  # fmt: skip


def questions(
    shots: Shots, rng: Generator, reasoning: bool = False
) -> Iterator[tuple[int, int, str]]:
    """A phrase for every visible thing that tasks speak of: picture, slot, words."""
    for i, seen in enumerate(shots.seen):
        for slot, kind in enumerate(seen.kinds):
            if not shots.visible[i, slot] or kind in SCENERY:
                continue
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
            phrase = NounPhrase(KIND_NOUNS[kind][0], str(word))
            far = all(colour_distance(rgb, colours[str(word)]) > FAR for rgb in same)
            if far and not resolve(phrase, seen):
                yield i, str(phrase)
                break


def points_right(
    uv: NDArray, shots: Shots, rows: NDArray[np.int64], slots: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether points mean the things asked for: on them, or nearer to them than to others.

    Args:
        uv: Shape (m, 2), picture coordinates.
        shots: The pictures.
        rows: Picture of each point. Shape (m,).
        slots: Thing asked for. Shape (m,).
    """
    away = np.linalg.norm(uv[:, None] - shots.uv[rows], axis=-1)
    nearest = np.where(shots.visible[rows], away, np.inf).argmin(axis=1)
    return (nearest == slots) | (away[np.arange(len(uv)), slots] < _ON_IT)
