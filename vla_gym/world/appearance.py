"""Writes `Visuals` into simulations: colours and pattern of the table, light, camera pose."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from vla_gym.world.backend import Ids, PhysicsBackend
from vla_gym.world.visuals import Visuals


class AppearanceWriter:
    """Gives each simulation its appearance.

    Args:
        backend: The simulations.
    """

    def __init__(self, backend: PhysicsBackend) -> None:
        model, expand = backend.model, backend.expand
        self._model = model
        self._table, self._floor = model.geom("table").id, model.geom("floor").id
        self._lamp, self._camera = model.light("sun").id, model.camera("fixed").id
        names = ("geom_rgba", "light_dir", "geom_matid", "light_diffuse", "cam_pos", "cam_quat")
        self.fields = {name: expand(name) for name in names}
        """Model fields that are written. Shapes (n, ...)."""

    def write(self, ids: Ids, visuals: Sequence[Visuals]) -> None:
        """Set the appearance of some simulations.

        Args:
            ids: Simulations. Shape (m,).
            visuals: One each.
        """

        def column(name: str) -> NDArray:
            return np.array([getattr(v, name) for v in visuals], float)

        fields, model, cam = self.fields, self._model, self._camera
        fields["geom_rgba"][ids, self._table, :3] = column("table_rgb")
        fields["geom_rgba"][ids, self._floor, :3] = column("floor_rgb")
        direction = column("light_dir")
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        fields["light_dir"][ids, self._lamp] = direction
        fields["light_diffuse"][ids, self._lamp] = column("light_rgb")
        fields["cam_pos"][ids, cam] = model.cam_pos[cam] + column("camera_offset")
        for i, v in zip(ids, visuals, strict=True):
            material = model.material(v.pattern).id if v.pattern else -1
            fields["geom_matid"][i, self._table] = material
            quat = model.cam_quat[cam].copy()
            mujoco.mju_quatIntegrate(quat, np.asarray(v.camera_turn, float), 1.0)
            fields["cam_quat"][i, cam] = quat
