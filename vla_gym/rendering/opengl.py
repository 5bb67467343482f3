"""`Renderer` by MuJoCo's OpenGL: one context per thread, made on first use."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np
from numpy.typing import NDArray

from vla_gym.rendering.gl_context import make_context
from vla_gym.rendering.renderer import camera_id, labels_of_geoms
from vla_gym.world.model import HIDDEN_GROUP
from vla_gym.world.world import World

_COARSE_SIZE = 256
"""Up to this size [px] round objects are drawn with as few vertices as in the images that
CLIP was trained on: vertices dominate the cost of rendering, and one pixel in 400 differs."""


class _SceneRenderer:
    """One thread's OpenGL context, scene, and a model and data to load simulations into."""

    def __init__(self, world: World, size: int) -> None:
        self.size = size
        self.context = make_context(size, size)
        self.context.make_current()
        self.model = world.backend.model_of(0)
        self.model.vis.global_.offwidth = self.model.vis.global_.offheight = size
        quality = self.model.vis.quality
        quality.numquads = 1  # faces are lit evenly: more quads change nothing
        if size <= _COARSE_SIZE:
            quality.numslices, quality.numstacks = 16, 8
        self.data = mujoco.MjData(self.model)
        self.scene = mujoco.MjvScene(self.model, maxgeom=world.model.ngeom + 16)
        # an extra pass over the scene each, also where the model has nothing of the kind
        flags, model = self.scene.flags, self.model
        flags[mujoco.mjtRndFlag.mjRND_SHADOW] = bool(model.light_castshadow.any())
        flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = bool((model.mat_reflectance > 0).any())
        self.gl = mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_100)
        self.gl.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR  # reversed: exact far away too
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.gl)
        self.rect = mujoco.MjrRect(0, 0, size, size)
        self.option, self.pert = mujoco.MjvOption(), mujoco.MjvPerturb()
        self.camera = mujoco.MjvCamera()
        self.camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._pixels = np.empty((size, size, 3), np.uint8)  # upside down, as OpenGL reads them
        self._z = np.empty((size, size), np.float32)

    def load(self, world: World, i: int) -> None:
        """Take over the model and pose of simulation i."""
        world.backend.model_of(i, self.model)
        # nothing sleeps here: an object at rest may have been moved by a write to its pose
        self.model.opt.enableflags &= ~mujoco.mjtEnableBit.mjENBL_SLEEP.value
        self.data.qpos[:] = world.qpos[i]
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def colour(self, camera: int, out: NDArray) -> None:
        """Write a colour image (size, size, 3)."""
        self._draw(camera, flat=False)
        mujoco.mjr_readPixels(self._pixels, None, self.rect, self.gl)
        out[...] = self._pixels[::-1]

    def geoms(self, camera: int) -> NDArray:
        """The geom id of each pixel, -1 for none. Shape (size, size)."""
        self._draw(camera, flat=True)
        mujoco.mjr_readPixels(self._pixels, None, self.rect, self.gl)
        code = self._pixels[::-1].astype(np.int32) @ np.array([1, 256, 65536])
        return self._geom_of_segment()[code]

    def depth(self, camera: int, out: NDArray) -> None:
        """Write the distance of each pixel along the optical axis (size, size), [m]."""
        self._draw(camera, flat=True)  # textures and light do not matter
        mujoco.mjr_readPixels(None, self._z, self.rect, self.gl)
        extent, clip = self.model.stat.extent, self.model.vis.map
        near, far = float(np.float32(clip.znear * extent)), float(np.float32(clip.zfar * extent))
        # the depth buffer is 1 at the near plane, 0 at the far one, linear in the inverse distance
        out[...] = near * far / (near + self._z[::-1].astype(np.float64) * (far - near))

    def _draw(self, camera: int, flat: bool) -> None:
        """Draw the scene; `flat` gives each geom the colour that encodes its segment."""
        self.camera.fixedcamid = camera
        self.model.geom_group[self._out_of_view(camera)] = HIDDEN_GROUP  # a third of the work
        self.scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flat
        self.scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = flat
        mujoco.mjv_updateScene(
            self.model, self.data, self.option, self.pert, self.camera,
            mujoco.mjtCatBit.mjCAT_ALL.value, self.scene,
        )  # fmt: skip
        mujoco.mjr_render(self.rect, self.scene, self.gl)

    def _out_of_view(self, camera: int) -> NDArray[np.bool_]:
        """Geoms whose bounding spheres are outside the camera's view. Shape (ngeom,)."""
        model, data = self.model, self.data
        pos, mat = data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3)
        local = (data.geom_xpos - pos) @ mat
        tan = math.tan(math.radians(model.cam_fovy[camera]) / 2)
        beyond = np.abs(local[:, :2]).max(axis=1) + tan * local[:, 2]
        radius = model.geom_rbound
        return (beyond > radius * math.hypot(1.0, tan)) & (radius > 0)  # planes have none

    def _geom_of_segment(self) -> NDArray:
        """Geom id for each segment id + 1; -1 is background. Shape (ngeom + 1,)."""
        ids = np.full(self.scene.ngeom + 1, -1)
        for g in self.scene.geoms[: self.scene.ngeom]:
            if g.segid >= 0 and g.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                ids[g.segid + 1] = g.objid
        return ids


_Draw = Callable[[_SceneRenderer, int, NDArray], None]


class OpenGLRenderer:
    """Renders the simulations of one batch on a few threads.

    Args:
        world: The batch.
        size: Width and height of the images [px].
        n_threads: Threads, each with its own OpenGL context.
    """

    def __init__(self, world: World, size: int = 128, n_threads: int = 2) -> None:
        self.world, self.image_size = world, size
        self.n_threads = max(1, min(n_threads, world.n))
        self._pool = ThreadPoolExecutor(self.n_threads, thread_name_prefix="camera")
        self._local = threading.local()
        self._label_of_geom = labels_of_geoms(world)  # the last is for geom -1

    def render(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.uint8]:
        """Colour images. Shape (m, size, size, 3), 0 to 255.

        Args:
            camera: ``"fixed"`` or ``"wrist"``.
            ids: Sub-environments, or None for all. Shape (m,).

        Raises:
            RenderingError: If no OpenGL context can be made.
        """
        return self._run(_SceneRenderer.colour, camera, ids, (3,), np.uint8)

    def segment(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.int8]:
        """What each pixel shows: a slot, BACKGROUND, ARM or FINGERS. Shape (m, size, size)."""

        def draw(scene: _SceneRenderer, cam: int, out: NDArray) -> None:
            out[...] = self._label_of_geom[scene.geoms(cam)]

        return self._run(draw, camera, ids, (), np.int8)

    def depth(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.float32]:
        """Distance of each pixel along the optical axis. Shape (m, size, size), [m]."""
        return self._run(_SceneRenderer.depth, camera, ids, (), np.float32)

    def close(self) -> None:
        """Free the threads; their contexts go with them."""
        self._pool.shutdown(wait=True)

    def _run(
        self, draw: _Draw, camera: str, ids: NDArray | None, channels: tuple[int, ...], dtype: type
    ) -> NDArray:
        """Draw each simulation on one of the threads. Shape (m, size, size, *channels)."""
        cam = camera_id(self.world, camera)
        ids = np.arange(self.world.n) if ids is None else np.asarray(ids)
        out = np.empty((len(ids), self.image_size, self.image_size, *channels), dtype)
        # more parts than threads: a thread that is held up leaves its share to the others
        n_parts = min(len(ids), 4 * self.n_threads)
        jobs = [
            self._pool.submit(self._draw_some, draw, cam, ids[part], out[part[0] : part[-1] + 1])
            for part in np.array_split(np.arange(len(ids)), max(n_parts, 1))
            if len(part)
        ]
        for job in jobs:
            job.result()
        return out

    def _draw_some(self, draw: _Draw, cam: int, ids: NDArray, out: NDArray) -> None:
        scene = getattr(self._local, "scene", None)
        if scene is None:
            scene = self._local.scene = _SceneRenderer(self.world, self.image_size)
        scene.context.make_current()
        for k, i in enumerate(ids):
            scene.load(self.world, int(i))
            draw(scene, cam, out[k])
