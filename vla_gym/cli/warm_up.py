"""``vla-gym warm-up``: compiles the native renderer, which the first image would do otherwise."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import tyro

from vla_gym.rendering.native.compiling import cache_folder, is_compiled
from vla_gym.rendering.native.native_renderer import NativeRenderer
from vla_gym.world.world import World


@dataclass
class WarmUpConfig:
    """Compile the native renderer for this machine, if need be, and draw one image."""

    size: int = 64
    """Width and height of the image [px]."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(WarmUpConfig, args=list(args), prog="vla-gym warm-up")
    before, start = is_compiled(), time.perf_counter()
    renderer = NativeRenderer(World(1, n_threads=1), config.size, n_threads=1)
    renderer.render()
    renderer.close()
    done = "was compiled already" if before else "is compiled"
    print(f"The native renderer {done}; the first image took {time.perf_counter() - start:.1f} s.")
    print(f"Machine code: {cache_folder()}")
    return 0
