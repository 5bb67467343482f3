"""Appearance of a sub-environment: table, floor, light and camera; objects have their own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator

from vla_gym.geometry import Vec3
from vla_gym.world.object_kind import RGB
from vla_gym.world.patterns import FAMILIAR, PATTERNS


@dataclass(frozen=True)
class Visuals:
    """Appearance of one sub-environment."""

    table_rgb: RGB = (0.66, 0.62, 0.56)
    """Colour of the table top, 0 to 1."""
    pattern: str = ""
    """Pattern of the table top, a name in `vla_gym.world.patterns.PATTERNS`; plain if empty."""
    floor_rgb: RGB = (0.34, 0.36, 0.40)
    """Colour of the floor, 0 to 1."""
    light_dir: Vec3 = (-0.15, 0.3, -1.0)
    """Direction of the lamp's rays."""
    light_rgb: Vec3 = (0.45, 0.45, 0.45)
    """Diffuse intensity of the lamp, per channel."""
    camera_offset: Vec3 = (0.0, 0.0, 0.0)
    """Displacement of the fixed camera [m]."""
    camera_turn: Vec3 = (0.0, 0.0, 0.0)
    """Rotation vector of the fixed camera, in its own frame [rad]."""

    @classmethod
    def random(cls, rng: Generator, strength: float = 1.0) -> Visuals:
        """Draw an appearance around the default one.

        Args:
            rng: Source of randomness.
            strength: 0 keeps the default; 1 varies table, floor and lamp widely and the
                camera by about a centimetre and a degree, and gives some tables a pattern.
        """

        def around(centre: Vec3, spread: float) -> Vec3:
            x = np.clip(np.add(centre, strength * spread * rng.uniform(-1, 1, 3)), 0.0, 1.0)
            return (float(x[0]), float(x[1]), float(x[2]))

        tone = strength * rng.uniform(-0.28, 0.22)
        lamp = float(0.45 + strength * rng.uniform(-0.15, 0.15))
        base = cls()
        table = np.clip(np.add(base.table_rgb, tone), 0.05, 1.0)
        turn = strength * rng.normal(0.0, 0.008, 3)
        shift = strength * rng.normal(0.0, 0.008, 3)
        tilt = strength * rng.uniform(-0.5, 0.5, 2)
        patterned = rng.random() < 0.3 * strength
        pattern = FAMILIAR[int(rng.integers(len(FAMILIAR)))] if patterned else ""
        return cls(
            pattern=pattern,
            table_rgb=around((float(table[0]), float(table[1]), float(table[2])), 0.05),
            floor_rgb=around(base.floor_rgb, 0.2),
            light_dir=(-0.15 + float(tilt[0]), 0.3 + float(tilt[1]), -1.0),
            light_rgb=around((lamp, lamp, lamp), 0.03),
            camera_offset=(float(shift[0]), float(shift[1]), float(shift[2])),
            camera_turn=(float(turn[0]), float(turn[1]), float(turn[2])),
        )

    @classmethod
    def wide(cls, rng: Generator) -> Visuals:
        """Draw from a wide range around the default, as CLIP's training data does.

        Tables of any colour, patterns in `FAMILIAR` only, cameras displaced by a few
        centimetres and degrees.

        Args:
            rng: Source of randomness.
        """
        table = rng.uniform(0.08, 0.95, 3)
        table = table.mean() + rng.uniform(0.0, 0.6) * (table - table.mean())
        lamp = rng.uniform(0.15, 0.75) * rng.uniform(0.85, 1.15, 3)
        tilt = rng.uniform(-0.9, 0.9, 2)
        names = ("", *FAMILIAR)
        rows = (rng.uniform(0.0, 0.9, 3), rng.normal(0.0, 0.02, 3), rng.normal(0.0, 0.02, 3))
        floor, shift, turn = (tuple(map(float, row)) for row in rows)
        return cls(
            pattern=names[int(rng.choice(4, p=(0.4, 0.2, 0.2, 0.2)))],
            table_rgb=tuple(map(float, table)),  # type: ignore[arg-type]
            floor_rgb=floor,  # type: ignore[arg-type]
            light_dir=(float(tilt[0]), float(tilt[1]), -1.0),
            light_rgb=tuple(map(float, lamp)),  # type: ignore[arg-type]
            camera_offset=shift,  # type: ignore[arg-type]
            camera_turn=turn,  # type: ignore[arg-type]
        )

    @classmethod
    def novel(cls, rng: Generator, axes: frozenset[str]) -> Visuals:
        """Draw an appearance that training never shows.

        Args:
            rng: Source of randomness.
            axes: Which of "backgrounds", "lights" and "cameras" differ from training.
        """
        base, new = cls(), {}
        if "backgrounds" in axes:
            table, floor = rng.uniform(0.15, 0.85, 3), rng.uniform(0.05, 0.8, 3)
            # greyish: objects of the same colour would be invisible
            new["table_rgb"] = tuple(float(x) for x in table.mean() + 0.35 * (table - table.mean()))
            new["floor_rgb"] = tuple(float(x) for x in floor)
            new["pattern"] = ("", *PATTERNS)[int(rng.integers(len(PATTERNS) + 1))]
        if "lights" in axes:
            angle, tilt = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.0)
            new["light_dir"] = (float(tilt * np.cos(angle)), float(tilt * np.sin(angle)), -1.0)
            strength = rng.choice([rng.uniform(0.1, 0.3), rng.uniform(0.6, 0.8)])
            tint = strength * rng.uniform(0.85, 1.15, 3)
            new["light_rgb"] = tuple(float(x) for x in tint)
        if "cameras" in axes:
            shift = rng.normal(0.0, 1.0, 3)
            shift *= rng.uniform(0.02, 0.05) / np.linalg.norm(shift)
            new["camera_offset"] = tuple(float(x) for x in shift)
            new["camera_turn"] = tuple(float(x) for x in rng.uniform(-0.04, 0.04, 3))
        return replace(base, **new)
