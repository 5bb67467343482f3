"""Writes objects into slots: one model serves all scenes, slots change their geometry and mass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vla_gym.world.backend import Ids, PhysicsBackend
from vla_gym.world.model import build_catalogue
from vla_gym.world.object_kind import MAX_GEOMS, SIZES
from vla_gym.world.objects import KINDS, ObjectSpec

_GEOM_FIELDS = (
    "geom_type", "geom_size", "geom_pos", "geom_quat", "geom_aabb", "geom_rbound", "geom_contype",
    "geom_conaffinity", "geom_condim", "geom_friction", "geom_priority", "geom_group",
    "geom_sameframe",
)  # fmt: skip
_BODY_FIELDS = (
    "body_mass", "body_inertia", "body_ipos", "body_iquat", "body_subtreemass", "body_invweight0",
    "body_contype", "body_conaffinity", "body_gravcomp", "body_sameframe", "body_simple",
)  # fmt: skip
_DOF_FIELDS = ("dof_invweight0", "dof_M0", "dof_simplenum")
_MASS_POWER = {
    "body_mass": 1, "body_inertia": 1, "body_subtreemass": 1, "dof_M0": 1,
    "body_invweight0": -1, "dof_invweight0": -1,
}  # fmt: skip
"""Fields that are proportional to an object's mass (1) or to its inverse (-1)."""
_KIND_LIST = list(KINDS)
_INERT = len(_KIND_LIST) * len(SIZES)
"""Catalogue entry of an empty slot."""


class SlotWriter:
    """Copies entries of the catalogue (every kind in every size) into the slots of simulations.

    Args:
        backend: The simulations.
        slot_body: Body of each slot. Shape (n_slots,).
        slot_geom: Geoms of each slot. Shape (n_slots, MAX_GEOMS).
        slot_dof: Degrees of freedom of each slot. Shape (n_slots, 6).
    """

    def __init__(
        self, backend: PhysicsBackend, slot_body: NDArray, slot_geom: NDArray, slot_dof: NDArray
    ) -> None:
        catalogue, expand = build_catalogue(), backend.expand
        self.fields = {f: expand(f) for f in _GEOM_FIELDS + _BODY_FIELDS + _DOF_FIELDS}
        """Model fields that differ between simulations. Shapes (n, ...)."""
        self._rgba, self._geom = expand("geom_rgba"), slot_geom
        self._entries: dict[str, NDArray] = {}  # field -> one row for each catalogue entry
        self._target: dict[str, NDArray] = {}  # field -> where the rows of each slot go
        for names, target in (
            (_GEOM_FIELDS, slot_geom),
            (_BODY_FIELDS, slot_body),
            (_DOF_FIELDS, slot_dof),
        ):
            for name in names:
                rows = getattr(catalogue, name)[1 if names is _BODY_FIELDS else 0 :]
                shape = (_INERT + 1, *target.shape[1:], *rows.shape[1:])
                self._entries[name] = rows.reshape(shape)
                self._target[name] = target
        self._shade = catalogue.geom_rgba.reshape(_INERT + 1, MAX_GEOMS, 4)

    def write(
        self, ids: Ids, specs: Sequence[Sequence[ObjectSpec | None]]
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Fill the slots of some simulations.

        Args:
            ids: Simulations. Shape (m,).
            specs: One list each; missing tail entries and None leave a slot empty.

        Returns:
            Kind and size of each slot as indices, -1 where empty, and colours. Shapes (m, n_slots)
            twice and (m, n_slots, 3).
        """
        entry = np.full((len(ids), len(self._geom)), _INERT)
        rgb, mass = np.zeros((*entry.shape, 3)), np.ones(entry.shape)
        for i, row in enumerate(specs):
            for slot, spec in enumerate(row):
                if spec is not None:
                    kind, size = _KIND_LIST.index(spec.kind), SIZES.index(spec.size)
                    entry[i, slot] = kind * len(SIZES) + size
                    rgb[i, slot], mass[i, slot] = spec.rgb, spec.mass_scale
        self._copy(np.asarray(ids), entry, rgb, mass)
        kind, size = np.divmod(entry, len(SIZES))
        empty = entry == _INERT
        return np.where(empty, -1, kind), np.where(empty, -1, size), rgb

    def _copy(self, ids: Ids, entry: NDArray, rgb: NDArray, mass: NDArray) -> None:
        """Copy catalogue entries (m, n_slots) into slots, with mass factors of the same shape."""
        for name, values in self._entries.items():
            target = self._target[name]
            value = values[entry]
            if name in _MASS_POWER:
                factor = mass.reshape(*mass.shape, *(1,) * (value.ndim - 2))
                value = value * factor if _MASS_POWER[name] > 0 else value / factor
            self.fields[name][ids.reshape(-1, *(1,) * target.ndim), target] = value
        shade = self._shade[entry]
        shade[..., :3] = np.clip(shade[..., :3] * rgb[:, :, None], 0, 1)
        self._rgba[ids[:, None, None], self._geom] = shade
