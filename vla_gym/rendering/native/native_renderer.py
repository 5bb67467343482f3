"""`Renderer` without OpenGL: draws straight from the live arrays of a batch, on threads."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import RenderingError
from vla_gym.rendering.native.abilities import LIVE_FIELDS, cannot_draw
from vla_gym.rendering.native.loading import load_kernels
from vla_gym.rendering.native.scene_tables import scene_tables
from vla_gym.rendering.renderer import camera_id, labels_of_geoms
from vla_gym.world.backend import PhysicsBackend
from vla_gym.world.world import World


class Rasteriser:
    """Draws the simulations of a physics backend; knows nothing of tables and arms.

    Each call reads the positions and the model fields as they are then. Kernels are compiled, or
    loaded, by the first call.

    Args:
        backend: The simulations.
        labels: What segmented images show for each geom, and at last for none. (ngeom + 1,) int8
        n_threads: Threads that draw.

    Raises:
        RenderingError: If the model has something that cannot be drawn; names it.
    """

    def __init__(self, backend: PhysicsBackend, labels: NDArray[np.int8], n_threads: int) -> None:
        fields = {name: backend.expand(name) for name in LIVE_FIELDS}
        self._live = (backend.bind("qpos"), *fields.values())
        reasons = cannot_draw(backend.model, fields)
        if reasons:
            raise RenderingError(
                f"The native renderer does not draw {', '.join(reasons)}. Pass"
                " render_backend='opengl', or 'auto', which chooses."
            )
        self.n, self.n_threads = backend.n, max(1, min(n_threads, backend.n))
        self._tables, self._scene = scene_tables(backend.model, labels), None
        self._draw: Any = None
        self._pool: ThreadPoolExecutor | None = None

    def draw(
        self, camera: int, size: tuple[int, int], ids: NDArray | None = None, *,
        colour: bool = True, labels: bool = False, depth: bool = False,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int8], NDArray[np.float32]]:  # fmt: skip
        """Draw simulations in their present state.

        Args:
            camera: Number of the camera in the model.
            size: Width and height of the images [px].
            ids: Simulations, or None for all. Shape (m,).
            colour: Whether colours are wanted.
            labels: Whether labels are wanted.
            depth: Whether depths are wanted; all three come from one pass.

        Returns:
            Colours (m, height, width, 3), labels and depths (m, height, width), with a first
            axis of 0 where they are not wanted. Depths are along the optical axis [m], that of
            the far plane where there is nothing.
        """
        worlds = np.arange(self.n) if ids is None else np.array(ids, np.int64, ndmin=1)
        m, (width, height) = len(worlds), size
        if m and not (-self.n <= worlds.min() and worlds.max() < self.n):
            raise IndexError(f"ids must be -{self.n} to {self.n - 1}, not {worlds.tolist()}.")
        worlds %= self.n
        out = (
            np.empty((m * colour, height, width, 3), np.uint8),
            np.empty((m * labels, height, width), np.int8),
            np.empty((m * depth, height, width), np.float32),
        )
        self._load()

        def draw_part(part: slice) -> None:
            self._draw(
                self._scene, *self._live, worlds[part], camera, width, height,
                *(array[part] for array in out),
            )  # fmt: skip

        # more parts than threads: a thread that is held up leaves its share to the others
        n_parts = 1 if self.n_threads == 1 else min(m, 4 * self.n_threads)
        bounds = np.linspace(0, m, n_parts + 1).astype(int)
        parts = [slice(a, b) for a, b in itertools.pairwise(bounds) if a < b]
        if len(parts) < 2:
            for part in parts:
                draw_part(part)
        else:
            list(self._threads().map(draw_part, parts))
        return out

    def close(self) -> None:
        """Free the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None

    def _load(self) -> None:
        if self._draw is None:
            draw = load_kernels().draw_worlds
            from vla_gym.rendering.native.layouts import SceneTables

            self._scene, self._draw = SceneTables(**self._tables), draw

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.n_threads, thread_name_prefix="rasteriser")
        return self._pool


class NativeRenderer:
    """Renders the simulations of one batch without OpenGL; see `Renderer`.

    Args:
        world: The batch.
        size: Width and height of the images [px].
        n_threads: Threads that render.

    Raises:
        RenderingError: If the model has something that it cannot draw; names it.
    """

    def __init__(self, world: World, size: int = 128, n_threads: int = 2) -> None:
        self.world, self.image_size = world, size
        self._rasteriser = Rasteriser(world.backend, labels_of_geoms(world), n_threads)

    def render(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.uint8]:
        """Colour images. Shape (m, size, size, 3), 0 to 255.

        Args:
            camera: ``"fixed"`` or ``"wrist"``.
            ids: Sub-environments, or None for all. Shape (m,).
        """
        return self._shoot(camera, ids)[0]

    def segment(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.int8]:
        """What each pixel shows: a slot, BACKGROUND, ARM or FINGERS. Shape (m, size, size)."""
        return self._shoot(camera, ids, colour=False, labels=True)[1]

    def depth(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.float32]:
        """Distance of each pixel along the optical axis. Shape (m, size, size), [m]."""
        return self._shoot(camera, ids, colour=False, depth=True)[2]

    def render_all(
        self, camera: str = "fixed", ids: NDArray | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.int8], NDArray[np.float32]]:
        """What `render`, `segment` and `depth` return, from one pass."""
        return self._shoot(camera, ids, labels=True, depth=True)

    def close(self) -> None:
        """Free the threads."""
        self._rasteriser.close()

    def _shoot(self, camera: str, ids: NDArray | None, **wanted: bool) -> Any:
        size = (self.image_size, self.image_size)
        return self._rasteriser.draw(camera_id(self.world, camera), size, ids, **wanted)
