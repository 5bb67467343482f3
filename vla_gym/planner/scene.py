"""`Scene`: what a planner knows of the table, objects with unique names and positions."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import InstructionError, UnknownNameError
from vla_gym.language.noun_phrases import SceneObjects
from vla_gym.language.referring import refer
from vla_gym.language.vocabulary import colour_rgb
from vla_gym.world.object_kind import SIZE_SCALES
from vla_gym.world.objects import KINDS


@dataclass(frozen=True)
class SceneObject:
    """One detected object."""

    name: str
    """Unique in the scene, for example "red cube"."""
    kind: str
    colour: str
    size: str = "medium"
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Centre, world frame [m]."""
    mass: float = 0.0
    """[kg]."""
    confidence: float = 1.0
    """That it is there, [0, 1]."""
    slot: int | None = None
    """Slot of the simulated object, if that is known."""

    @property
    def half_extents(self) -> tuple[float, float, float]:
        """Half sizes of the bounding box when upright [m]."""
        x, y, z = KINDS[self.kind].half_extents
        k = SIZE_SCALES[self.size]
        return x * k, y * k, z * k

    @property
    def top(self) -> float:
        """Height of its highest point if upright [m]."""
        return self.pos[2] + self.half_extents[2]


@dataclass(frozen=True)
class Scene:
    """Everything that was detected, and the object in the hand."""

    objects: tuple[SceneObject, ...]
    held: str | None = None
    """Name of the object in the hand."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all objects."""
        return tuple(t.name for t in self.objects)

    def find(self, name: str) -> SceneObject:
        """The object of that name.

        Raises:
            UnknownNameError: If there is none.
        """
        for obj in self.objects:
            if obj.name == name:
                return obj
        raise UnknownNameError("object", name, self.names)

    def seen(self) -> SceneObjects:
        """The scene as phrases are understood in it; index k is `objects[k]`."""
        t = self.objects
        return SceneObjects(
            [x.kind for x in t], [x.size for x in t], [x.colour for x in t],
            [colour_rgb(x.colour) for x in t], np.array([x.pos[:2] for x in t]).reshape(-1, 2),
        )  # fmt: skip


def scene_of(venv: Any, i: int) -> Scene:
    """The scene of sub-environment i from the simulation's state, as by a perfect detector.

    Args:
        venv: A `TabletopVectorEnv`.
        i: Index of the sub-environment.
    """
    core = venv.unwrapped
    world, episode = core.world, core.episodes[i]
    pos, binding = world.object_pos[i], episode.binding
    names = _names(binding.seen(pos))
    objects = tuple(
        SceneObject(
            names[slot], spec.kind, colour, spec.size, _point(pos[slot]),
            float(world.object_mass[i, slot]), slot=slot,
        )
        for slot, (spec, colour) in enumerate(zip(binding.specs, binding.colours, strict=True))
    )  # fmt: skip
    holds = world.finger_touch[i].all(axis=1)
    held = [t.name for t in objects if t.slot is not None and holds[t.slot]]
    return Scene(objects, held[0] if held else None)


def _point(pos: NDArray) -> tuple[float, float, float]:
    return float(pos[0]), float(pos[1]), float(pos[2])


def _names(seen: SceneObjects) -> list[str]:
    """A unique name for each object; with numbers where no noun phrase is unique."""
    names: list[str] = []
    for k in range(len(seen.kinds)):
        name = f"{seen.colours[k]} {seen.kinds[k]}"
        with contextlib.suppress(InstructionError):
            name = str(refer(seen, k)).removeprefix("the ")
        names.append(name)
    return unique(names)


def unique(names: Sequence[str]) -> list[str]:
    """The same names, with numbers where one appears twice."""
    out: list[str] = []
    for name in names:
        k, fresh = 1, name
        while fresh in out:
            k += 1
            fresh = f"{name} {k}"
        out.append(fresh)
    return out
