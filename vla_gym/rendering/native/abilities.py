"""What the native renderer cannot draw of a model: each with its name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain

import mujoco
import numpy as np
from numpy.typing import NDArray

from vla_gym.rendering.native.scene_tables import MOST_GEOMS, texture_of_material

SHOWN_GROUPS = 3
"""Geoms and sites of the groups below this one are drawn, as MuJoCo does by default."""
LIVE_FIELDS = (
    "geom_type", "geom_size", "geom_pos", "geom_quat", "geom_rgba", "geom_group", "geom_matid",
    "light_dir", "light_diffuse", "cam_pos", "cam_quat",
)  # fmt: skip
"""Model fields that worlds may have for themselves."""
_GEOM = mujoco.mjtGeom
_FLAT = (_GEOM.mjGEOM_PLANE, _GEOM.mjGEOM_BOX)
_CURVED = (_GEOM.mjGEOM_SPHERE, _GEOM.mjGEOM_CAPSULE, _GEOM.mjGEOM_ELLIPSOID,
           _GEOM.mjGEOM_CYLINDER)  # fmt: skip
_NAMES = {_GEOM.mjGEOM_HFIELD: "height fields", _GEOM.mjGEOM_SDF: "signed distance fields"}


def cannot_draw(model: mujoco.MjModel, live: Mapping[str, NDArray]) -> list[str]:
    """Names of what is in a model and cannot be drawn; none if all of it can.

    Args:
        model: The model.
        live: `LIVE_FIELDS` of all worlds. Shapes (n, ...).
    """
    of_model = (_of_lights(model), _of_cameras(model), _of_the_rest(model))
    return list(chain(_of_geoms(model, live), _of_materials(model, live), *of_model))  # fmt: skip


def _of_geoms(model: mujoco.MjModel, live: Mapping[str, NDArray]) -> Iterator[str]:
    if model.ngeom > MOST_GEOMS:
        yield f"{model.ngeom} geoms (at most {MOST_GEOMS})"
    shown, alpha = _shown(live), live["geom_rgba"][..., 3]
    if (shown & (alpha < 1)).any():
        yield "transparency"
    drawn = (*_FLAT, *_CURVED, _GEOM.mjGEOM_MESH)
    for kind in np.setdiff1d(live["geom_type"][shown], [int(k) for k in drawn]):
        yield _NAMES.get(_GEOM(kind), f"geoms of type {_GEOM(kind).name}")


def _of_materials(model: mujoco.MjModel, live: Mapping[str, NDArray]) -> Iterator[str]:
    if (model.mat_reflectance > 0).any():
        yield "reflections"
    shown, material = _shown(live), live["geom_matid"]
    if not model.nmat or not (shown & (material >= 0)).any():
        return
    has_one, kind = shown & (material >= 0), live["geom_type"]
    texture = texture_of_material(model)
    textured = has_one & (texture[material] >= 0)
    if (textured & (kind == _GEOM.mjGEOM_MESH)).any():
        yield "textured meshes"
    if (textured & np.isin(kind, _CURVED)).any():
        yield "textures on round geoms"
    if (has_one & (model.mat_rgba[material, 3] < 1)).any():
        yield "transparent materials"
    shines = (model.mat_specular > 0) & (model.mat_shininess != 0.5)
    if (has_one & shines[material] & np.isin(kind, _CURVED)).any():
        yield "shininess other than 0.5 on round geoms"
    for t in sorted({int(t) for t in texture if t >= 0}):
        if model.tex_type[t] != mujoco.mjtTexture.mjTEXTURE_2D:
            yield "cube textures"
        elif model.tex_width[t] != model.tex_height[t] or not _is_power_of_2(model.tex_width[t]):
            yield "textures whose sides are not the same power of 2"


def _of_lights(model: mujoco.MjModel) -> Iterator[str]:
    active = model.light_active.astype(bool)
    if active.sum() > 1:
        yield f"{active.sum()} lights (at most one besides the headlight)"
    kinds = mujoco.mjtLightType
    for kind, name in (
        (kinds.mjLIGHT_SPOT, "spot lights"),
        (kinds.mjLIGHT_POINT, "point lights"),
        (kinds.mjLIGHT_IMAGE, "image-based lights"),
    ):
        if (model.light_type[active] == kind).any():
            yield name
    if model.light_castshadow[active].any():
        yield "shadows"
    if (model.light_mode[active] != mujoco.mjtCamLight.mjCAMLIGHT_FIXED).any():
        yield "lights that track a body"


def _of_the_rest(model: mujoco.MjModel) -> Iterator[str]:
    if (model.tex_type == mujoco.mjtTexture.mjTEXTURE_SKYBOX).any():
        yield "skyboxes"
    if model.nskin:
        yield "skins"
    if model.nflex:
        yield "flexes"
    if ((model.site_group < SHOWN_GROUPS) & (model.site_rgba[:, 3] > 0)).any():
        yield "sites"
    if (model.wrap_type != mujoco.mjtWrap.mjWRAP_JOINT).any():
        yield "spatial tendons"
    if (model.sensor_type == mujoco.mjtSensor.mjSENS_RANGEFINDER).any():
        yield "range finders"
    if (model.body_mocapid >= 0).any():
        yield "mocap bodies"


def _of_cameras(model: mujoco.MjModel) -> Iterator[str]:
    if (model.cam_mode != mujoco.mjtCamLight.mjCAMLIGHT_FIXED).any():
        yield "cameras that track a body"
    if (model.cam_projection != mujoco.mjtProjection.mjPROJ_PERSPECTIVE).any():
        yield "orthographic cameras"
    if model.cam_sensorsize.any():
        yield "cameras with a sensor size"


def _shown(live: Mapping[str, NDArray]) -> NDArray[np.bool_]:
    """Geoms that are drawn. Shape (n, ngeom)."""
    return (live["geom_group"] < SHOWN_GROUPS) & (live["geom_rgba"][..., 3] > 0)


def _is_power_of_2(n: int) -> bool:
    return int(n).bit_count() == 1
