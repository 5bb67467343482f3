"""A window that shows one simulation of a batch, by MuJoCo's own viewer."""

from __future__ import annotations

import os
import sys
from typing import Any

import mujoco

from vla_gym.errors import RenderingError
from vla_gym.world.world import World


def has_screen() -> bool:
    """Whether the environment variables name a screen (X11 or Wayland)."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Viewer:
    """Shows one sub-environment; the window opens on the first `show`.

    Args:
        world: The batch.
        index: Which sub-environment.
    """

    def __init__(self, world: World, index: int = 0) -> None:
        self.world, self.index = world, index
        self._handle: Any = None

    def show(self) -> None:
        """Show the present state.

        Raises:
            RenderingError: If no window can be opened.
        """
        backend = self.world.backend
        if self._handle is None:
            self._model = backend.model_of(self.index)
            self._data = mujoco.MjData(self._model)
            try:
                if sys.platform.startswith("linux") and not has_screen():
                    raise OSError("neither DISPLAY nor WAYLAND_DISPLAY is set")
                from mujoco import viewer

                self._handle = viewer.launch_passive(
                    self._model, self._data, show_left_ui=False, show_right_ui=False
                )
            except Exception as exc:  # a missing screen raises almost any type
                raise RenderingError(
                    f"No window could be opened ({type(exc).__name__}: {exc}). A screen is"
                    " needed for render_mode='human'; without one use 'rgb_array'."
                ) from exc
        with self._handle.lock():
            backend.model_of(self.index, self._model)
            backend.data_of(self.index, self._data)
            mujoco.mj_forward(self._model, self._data)
        self._handle.sync()

    def close(self) -> None:
        """Close the window."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None
