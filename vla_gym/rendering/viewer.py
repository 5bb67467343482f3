"""A window on one world of a batch, by MuJoCo's own viewer."""

from __future__ import annotations

import os
import sys
from typing import Any

import mujoco

from vla_gym.errors import RenderingError
from vla_gym.world.world import World


def screen() -> bool:
    """Whether this process has been told of a screen (X11 or Wayland)."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Viewer:
    """Shows one world; opened on the first picture.

    Args:
        world: The batch.
        index: Which world.
    """

    def __init__(self, world: World, index: int = 0) -> None:
        self.world, self.index = world, index
        self._handle: Any = None

    def show(self) -> None:
        """Show the world as it is now.

        Raises:
            RenderingError: If no window can be opened.
        """
        backend = self.world.backend
        if self._handle is None:
            self._model = backend.model_of(self.index)
            self._data = mujoco.MjData(self._model)
            try:
                if sys.platform.startswith("linux") and not screen():
                    raise OSError("neither DISPLAY nor WAYLAND_DISPLAY is set")
                from mujoco import viewer

                self._handle = viewer.launch_passive(
                    self._model, self._data, show_left_ui=False, show_right_ui=False
                )
            except Exception as fault:  # a missing screen shows as almost any type
                raise RenderingError(
                    f"No window could be opened ({type(fault).__name__}: {fault}). A screen is"
                    " needed for render_mode='human'; without one use 'rgb_array'."
                ) from fault
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
