"""What environments need of a renderer: colour, segmentation and depth of many simulations."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import UnknownNameError
from vla_gym.world.model import CAMERAS
from vla_gym.world.world import World

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


def camera_id(world: World, camera: str) -> int:
    """MuJoCo's number of a camera.

    Raises:
        UnknownNameError: If no observation is made with such a camera.
    """
    if camera not in CAMERAS.values():
        raise UnknownNameError("camera", camera, CAMERAS.values())
    return world.model.camera(camera).id


def labels_of_geoms(world: World) -> NDArray[np.int8]:
    """What segmented images show for each geom, and at last for none. Shape (ngeom + 1,)."""
    model = world.model
    label_of_body = {0: BACKGROUND} | {int(b): s for s, b in enumerate(world.slot_body)}
    label_of_body |= {model.body(f"{side}_finger").id: FINGERS for side in ("left", "right")}
    labels = [label_of_body.get(int(b), ARM) for b in model.geom_bodyid]
    return np.array([*labels, BACKGROUND], np.int8)
