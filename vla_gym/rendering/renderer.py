"""What environments need of a renderer: colour, segmentation and depth of many simulations."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

BACKGROUND, ARM, FINGERS = -1, -2, -3
"""Labels of segmented images apart from slots: table and background, arm, gripper fingers."""


@runtime_checkable
class Renderer(Protocol):
    """Renders square images of the sub-environments of one `World`, in its present state.

    Cameras are ``"fixed"`` and ``"wrist"``; `ids` are the sub-environments to render, all if None.
    Methods raise `UnknownNameError` for other cameras and `RenderingError` where nothing can be
    rendered. Calibration is geometry: see `World.pinhole`.
    """

    @property
    def image_size(self) -> int:
        """Width and height of the images [px]."""
        ...

    def render(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.uint8]:
        """Colour images. Shape (m, size, size, 3), 0 to 255."""
        ...

    def segment(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.int8]:
        """What each pixel shows: a slot, BACKGROUND, ARM or FINGERS. Shape (m, size, size)."""
        ...

    def depth(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.float32]:
        """Distance of each pixel along the optical axis. Shape (m, size, size), [m].

        Where nothing is hit it is the distance of the far clipping plane.
        """
        ...

    def close(self) -> None:
        """Free threads and graphics memory."""
        ...
