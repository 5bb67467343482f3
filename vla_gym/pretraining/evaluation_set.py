"""Evaluation set of a CLIP: images from real episodes, and phrases with known answers."""

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
from vla_gym.language.noun_phrases import NounPhrase, SceneObjects, resolve
from vla_gym.language.referring import refer
from vla_gym.language.vocabulary import KIND_NOUNS, all_colours, colour_distance
from vla_gym.pretraining.scene_sampler import MIN_PIXELS
from vla_gym.skills import Expert
from vla_gym.world.model import CAMERAS
from vla_gym.world.views import View

LOW_M = 0.015
"""Height of an object's underside up to which it lies on the table, or in something that does."""
_ON_OBJECT = 0.05
"""Distance in the image (2 cm on the table) at which a point is on an object, even one that lies in
another."""
ABSENT_COLOUR_GAP = 26.0
"""Least colour distance (CIE76) from objects of its kind at which a colour counts as absent."""
UNNAMED_KINDS = ("line", "cabinet")
"""Kinds that no instruction names."""
_LAST_STEP = 40
_TRIES = 40


@dataclass(frozen=True)
class EvaluationSet:
    """Images of the fixed camera at random steps of episodes, and the truth about them."""

    images: NDArray[np.uint8]
    """Shape (n, size, size, 3)."""
    scenes: list[SceneObjects]
    """The objects of each image."""
    xy: NDArray[np.float64]
    """Centres of objects on the table. Shape (n, n_slots, 2), [m]."""
    uv: NDArray[np.float64]
    """Centres in the image. Shape (n, n_slots, 2)."""
    pixels: NDArray[np.int64]
    """Visible pixels of each object. Shape (n, n_slots)."""
    low: NDArray[np.bool_]
    """Whether an object lies on the table, rather than being held up. Shape (n, n_slots)."""
    camera: PinholeCamera
    """The camera as calibrated."""
    instructions: list[str]
    """The episodes' instructions."""
    named: NDArray[np.int64]
    """Slots of the first and the last role of each instruction. Shape (n, 2)."""

    @property
    def visible(self) -> NDArray[np.bool_]:
        """Whether each object is visible. Shape (n, n_slots)."""
        return self.pixels >= MIN_PIXELS


def collect(
    env_id: str, n: int, split: str = "validation", seed: int = 0, **kwargs: Any
) -> EvaluationSet:
    """Run the expert in n sub-environments and keep one image of each, at a random step.

    Args:
        env_id: For example ``"VLAPickPlace-v0"``.
        n: Images.
        split: Split of the episodes.
        seed: Seed of the first episode, and of the steps.
        kwargs: Further arguments of the environment.
    """
    venv: Any = gym.make_vec(
        env_id, num_envs=n, vectorization_mode="vector_entry_point", split=split, cameras=(),
        **kwargs,
    )  # fmt: skip
    core, rng = venv.unwrapped, np.random.default_rng(seed)
    core.reset(seed=seed)
    expert, steps = Expert(core), rng.integers(0, _LAST_STEP, n)
    parts: list[tuple[NDArray, list[Any]]] = []
    for step in range(_LAST_STEP):
        now = np.flatnonzero(steps == step)
        if len(now):
            parts.append((now, _capture(core, now)))
        core.step(expert.act())
    order = np.argsort(np.concatenate([ids for ids, _ in parts]))
    columns = list(zip(*(columns for _, columns in parts), strict=True))
    images, xy, uv, pixels, low, named = (np.concatenate(c)[order] for c in columns[:6])
    scenes, instructions = ([row for part in c for row in part] for c in columns[6:])
    camera = core.world.pinhole("fixed")
    venv.close()
    return EvaluationSet(
        images, [scenes[i] for i in order], xy, uv, pixels, low, camera,
        [instructions[i] for i in order], named,
    )  # fmt: skip


def _capture(core: Any, ids: NDArray[np.int64]) -> list[Any]:
    """Images and truth of some sub-environments, in `EvaluationSet`'s terms."""
    world, slots = core.world, np.arange(core.world.n_slots)
    labels = core.renderer.segment(CAMERAS["image"], ids)
    pos = world.object_pos[ids]
    uv = np.stack([core.world.pinhole("fixed", int(i)).project(pos[k])
                   for k, i in enumerate(ids)])  # fmt: skip
    bottom = np.stack([View.of(world, np.full(world.n, s)).bottom[ids] for s in slots], 1)
    return [
        core.renderer.render(CAMERAS["image"], ids), pos[..., :2].copy(), uv,
        (labels[:, None] == slots[:, None, None]).sum(axis=(2, 3)), bottom < LOW_M,
        core.named_slots[ids],
        [core.episodes[i].binding.seen(world.object_pos[i]) for i in ids],
        [core.episodes[i].instruction for i in ids],
    ]  # fmt: skip


def present_phrases(
    data: EvaluationSet, rng: Generator, reasoning: bool = False
) -> Iterator[tuple[int, int, str]]:
    """A phrase for every visible object that instructions can name: image, slot, phrase.

    Args:
        data: The images.
        rng: Chooses the words.
        reasoning: Whether to use superlatives, exclusions and likenesses.
    """
    for i, scene in enumerate(data.scenes):
        for slot, kind in enumerate(scene.kinds):
            if not data.visible[i, slot] or kind in UNNAMED_KINDS:
                continue
            try:
                yield i, slot, str(refer(scene, slot, rng, reasoning=reasoning))
            except InstructionError:
                continue


def absent_phrases(data: EvaluationSet, rng: Generator) -> Iterator[tuple[int, str]]:
    """A phrase per image that names nothing in it, though its kind or its colour is there."""
    colours = all_colours()
    for i, scene in enumerate(data.scenes):
        for _ in range(_TRIES):
            word, kind = rng.choice(list(colours)), str(rng.choice(list(KIND_NOUNS)))
            if rng.random() < 0.5:
                kind = str(scene.kinds[int(rng.integers(len(scene.kinds)))])
            else:
                word = scene.colours[int(rng.integers(len(scene.colours)))]
            same = [scene.rgb[j] for j, k in enumerate(scene.kinds) if k == kind]
            phrase = NounPhrase(KIND_NOUNS[kind][0], str(word))
            far = all(colour_distance(c, colours[str(word)]) > ABSENT_COLOUR_GAP for c in same)
            if far and not resolve(phrase, scene):
                yield i, str(phrase)
                break


def is_right(
    uv: NDArray, data: EvaluationSet, rows: NDArray[np.int64], slots: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether points mean the objects asked for: on them, or nearer to them than to others.

    Args:
        uv: Shape (m, 2), image coordinates.
        data: The images.
        rows: Image of each point. Shape (m,).
        slots: Object asked for. Shape (m,).
    """
    away = np.linalg.norm(uv[:, None] - data.uv[rows], axis=-1)
    nearest = np.where(data.visible[rows], away, np.inf).argmin(axis=1)
    return (nearest == slots) | (away[np.arange(len(uv)), slots] < _ON_OBJECT)
