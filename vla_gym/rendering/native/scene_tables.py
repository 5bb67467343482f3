"""What all worlds share, as tables that kernels read: made once from a MuJoCo model."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

MAX_LEVELS = 16
"""Most levels of detail of a texture: 32,768 texels wide."""
MOST_GEOMS = 255
"""Geoms that a byte can tell apart, and a number for none."""
_RGB = mujoco.mjtTextureRole.mjTEXROLE_RGB.value
_FOLDED = 0.8
"""Where smooth normals turn further than this cosine from their triangle, MuJoCo draws it flat."""


def _table(*fields: Any) -> np.dtype:
    return np.dtype(list(fields), align=True)


BODY_ROW = _table(
    ("parent", "i8"), ("pos", "f8", 3), ("quat", "f8", 4), ("first_joint", "i8"), ("joints", "i8")
)
"""Where a body is in its parent's frame, and which joints move it."""
JOINT_ROW = _table(
    ("type", "i8"), ("pos", "f8", 3), ("axis", "f8", 3), ("qpos", "i8"), ("zero", "f8")
)  # fmt: skip
"""A joint in its body's frame; `qpos` is its place in the positions, `zero` its value at rest."""
GEOM_ROW = _table(("body", "i8"), ("first_triangle", "i8"), ("triangles", "i8"))
"""The body a geom is fixed to, and the triangles of a mesh."""
CAMERA_ROW = _table(("body", "i8"), ("tan", "f8"))
"""The body a camera is fixed to, and the tangent of half its vertical field of view."""
LIGHT_ROW = _table(("body", "i8"), ("index", "i8"), ("ambient", "f8", 3), ("diffuse", "f8", 3),
               ("specular", "f8", 3))  # fmt: skip
"""The headlight, then the lamp; `index` is MuJoCo's, -1 for the headlight and a missing lamp."""
MATERIAL_ROW = _table(
    ("rgba", "f8", 4), ("specular", "f8"), ("exponent", "f8"), ("emission", "f8"),
    ("texture", "i8"), ("repeat", "f8", 2), ("uniform", "i8"),
)  # fmt: skip
"""Material of a geom; the last row is for geoms without one. `texture` is -1 for none."""
TEXTURE_ROW = _table(("size", "i8"), ("levels", "i8"), ("channels", "i8"), ("plane", "i8"),
                 ("start", "i8", MAX_LEVELS))  # fmt: skip
"""A square texture: width [texels], number of levels of detail and of colour channels (1 if grey),
texels of one channel, and where each level of the first channel starts."""


def scene_tables(model: mujoco.MjModel, labels: NDArray[np.int8]) -> dict[str, Any]:
    """Fields of `vla_gym.rendering.native.layouts.SceneTables` for a model that can be drawn.

    Args:
        model: The model.
        labels: What segmented images show for each geom, and at last for none. (ngeom + 1,)
    """
    textures, texels = _textures(model)
    geoms, corners, normals = _geoms(model)
    label_of_byte = np.full(MOST_GEOMS + 1, labels[-1], np.int8)
    label_of_byte[: model.ngeom] = labels[:-1]
    return {
        "bodies": _bodies(model), "joints": _joints(model), "geoms": geoms,
        "cameras": _cameras(model), "lights": _lights(model), "materials": _materials(model),
        "textures": textures, "texels": texels, "corners": corners, "normals": normals,
        "labels": label_of_byte,
        "near": float(model.vis.map.znear * model.stat.extent),
        "far": float(model.vis.map.zfar * model.stat.extent),
    }  # fmt: skip


def _rows(layout: np.dtype, n: int, **columns: Any) -> NDArray:
    table = np.zeros(n, layout)
    for name, values in columns.items():
        table[name] = values
    return table


def _bodies(model: mujoco.MjModel) -> NDArray:
    return _rows(
        BODY_ROW, model.nbody, parent=model.body_parentid, pos=model.body_pos, quat=model.body_quat,
        first_joint=model.body_jntadr, joints=model.body_jntnum,
    )  # fmt: skip


def _joints(model: mujoco.MjModel) -> NDArray:
    return _rows(
        JOINT_ROW, model.njnt, type=model.jnt_type, pos=model.jnt_pos, axis=model.jnt_axis,
        qpos=model.jnt_qposadr, zero=model.qpos0[model.jnt_qposadr],
    )  # fmt: skip


def _cameras(model: mujoco.MjModel) -> NDArray:
    tan = np.tan(np.radians(model.cam_fovy) / 2)
    return _rows(CAMERA_ROW, model.ncam, body=model.cam_bodyid, tan=tan)


def _lights(model: mujoco.MjModel) -> NDArray:
    table, head = np.zeros(2, LIGHT_ROW), model.vis.headlight
    table["index"] = -1
    if head.active:
        for name in ("ambient", "diffuse", "specular"):
            table[0][name] = getattr(head, name)
    for i in np.flatnonzero(model.light_active)[:1]:
        table[1] = (
            model.light_bodyid[i], i, model.light_ambient[i], model.light_diffuse[i],
            model.light_specular[i],
        )  # fmt: skip
    return table


def _materials(model: mujoco.MjModel) -> NDArray:
    table = np.zeros(model.nmat + 1, MATERIAL_ROW)
    table[-1] = ((0.5, 0.5, 0.5, 1.0), 0.5, 64.0, 0.0, -1, (1.0, 1.0), 0)
    own = table[:-1]
    own["rgba"], own["specular"] = model.mat_rgba, model.mat_specular
    own["exponent"], own["emission"] = 128.0 * model.mat_shininess, model.mat_emission
    own["texture"] = texture_of_material(model)
    own["repeat"], own["uniform"] = model.mat_texrepeat, model.mat_texuniform
    return table


def texture_of_material(model: mujoco.MjModel) -> NDArray[np.int64]:
    """The colour texture of each material, -1 for none. Shape (nmat,)."""
    roles = mujoco.mjtTextureRole.mjNTEXROLE.value
    return model.mat_texid.reshape(model.nmat, roles)[:, _RGB].astype(np.int64)


def _textures(model: mujoco.MjModel) -> tuple[NDArray, NDArray[np.int32]]:
    """Tables of the textures that materials use, and their texels."""
    table, parts, start = np.zeros(model.ntex, TEXTURE_ROW), [np.zeros(1, np.int32)], 1
    for t in sorted({int(t) for t in texture_of_material(model) if t >= 0}):
        height, width = int(model.tex_height[t]), int(model.tex_width[t])
        channels, first = int(model.tex_nchannel[t]), int(model.tex_adr[t])
        image = model.tex_data[first : first + height * width * channels]
        image = image.reshape(height, width, channels)[..., :3]
        if (image == image[..., :1]).all():
            image = image[..., :1]
        pyramid = [_with_neighbours(level) for level in _levels_of_detail(image)]
        sizes = [level[..., 0].size for level in pyramid]
        starts = start + np.concatenate([[0], np.cumsum(sizes[:-1])])
        starts = np.append(starts, np.full(MAX_LEVELS - len(starts), starts[-1]))
        table[t] = (width, len(pyramid), image.shape[2], sum(sizes), starts)
        planes = [level[..., c].ravel() for c in range(image.shape[2]) for level in pyramid]
        parts += planes
        start += sum(map(len, planes))
    return table, np.concatenate(parts)


def _levels_of_detail(image: NDArray) -> list[NDArray]:
    """The image and its halvings, down to one texel. Shapes (k, k, channels)."""
    levels: list[NDArray] = [image.astype(np.float32)]
    while levels[-1].shape[0] > 1:
        a = levels[-1]
        levels.append((a[::2, ::2] + a[1::2, ::2] + a[::2, 1::2] + a[1::2, 1::2]) / 4)
    return levels


def _with_neighbours(level: NDArray) -> NDArray[np.int32]:
    """Each texel with those to the right, below and both, a byte each: one read fetches four."""
    here = (level + 0.5).astype(np.uint32)
    right = np.roll(here, -1, axis=1)
    below, both = np.roll(here, -1, axis=0), np.roll(right, -1, axis=0)
    packed = here | (right << 8) | (below << 16) | (both << 24)
    return packed.view(np.int32)


def _geoms(model: mujoco.MjModel) -> tuple[NDArray, NDArray, NDArray]:
    """The table of geoms, and of all triangles the corners and their normals (t, 3, 3)."""
    corners, normals = [np.zeros((0, 3, 3))], [np.zeros((0, 3, 3))]
    first, count, total = np.zeros(model.nmesh, int), np.zeros(model.nmesh, int), 0
    for k in range(model.nmesh):
        points, directions = _triangles(model, k)
        corners.append(points)
        normals.append(directions)
        first[k], count[k] = total, len(points)
        total += len(points)
    table = _rows(GEOM_ROW, model.ngeom, body=model.geom_bodyid)
    of_mesh = model.geom_type == mujoco.mjtGeom.mjGEOM_MESH
    mesh = model.geom_dataid[of_mesh]
    table["first_triangle"][of_mesh], table["triangles"][of_mesh] = first[mesh], count[mesh]
    return table, np.concatenate(corners), np.concatenate(normals)


def _triangles(model: mujoco.MjModel, mesh: int) -> tuple[NDArray, NDArray]:
    start, n = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
    face, smooth = model.mesh_face[start : start + n], model.mesh_facenormal[start : start + n]
    corners = model.mesh_vert[model.mesh_vertadr[mesh] :][face].astype(float)
    normals = model.mesh_normal[model.mesh_normaladr[mesh] :][smooth].astype(float)
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-20)
    folded = (normals * flat[:, None]).sum(axis=-1) < _FOLDED
    return corners, np.where(folded[..., None], flat[:, None], normals)
