"""Offscreen pictures of many worlds: one OpenGL context per thread, made on first use."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import math
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from vla_gym.errors import RenderingError, UnknownNameError
from vla_gym.world.model import CAMERAS, HIDDEN_GROUP
from vla_gym.world.world import World

_COARSE_SIZE = 256
"""Up to this size [px] round things are drawn with as few corners as in the pictures that
CLIP was trained on: vertices are what rendering costs, and one pixel in 400 differs."""
FINGERS = -3
"""Mark of the gripper's fingers in segmented pictures."""
_BACKENDS = {"egl": "mujoco.egl", "osmesa": "mujoco.osmesa", "glfw": "mujoco.glfw"}
_REMEDY = (
    "On Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri (or libosmesa6). "
    "Then run `vla-gym doctor`. For observations without pictures pass cameras=()."
)


def backend_order() -> list[str]:
    """OpenGL backends to try, best first: MUJOCO_GL if set, else what fits this machine."""
    asked = os.environ.get("MUJOCO_GL", "").lower()
    if asked in _BACKENDS:
        return [asked]
    if sys.platform.startswith("linux"):
        return ["egl", "osmesa", "glfw"]
    return ["glfw"]


def make_context(width: int, height: int) -> Any:
    """Make an offscreen OpenGL context.

    Raises:
        RenderingError: If none of the backends works; says what to install.
    """
    # one software rasteriser thread per context: parallelism is across contexts
    os.environ.setdefault("LP_NUM_THREADS", "0")
    _load_triton_first()
    faults = []
    for name in backend_order():
        if name == "egl":
            os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
        elif name == "osmesa":
            os.environ["PYOPENGL_PLATFORM"] = "osmesa"
        try:
            module = __import__(_BACKENDS[name], fromlist=["GLContext"])
            context = module.GLContext(width, height)
            if name == "glfw" and not getattr(context, "_context", None):
                raise OSError("no window could be made; GLFW needs a screen")
            return context
        except Exception as fault:  # a missing library shows as almost any type
            faults.append(f"{name}: {type(fault).__name__}: {fault}")
    raise RenderingError(f"No offscreen OpenGL context ({'; '.join(faults)}). {_REMEDY}")


def _load_triton_first() -> None:
    """Load torch's compiler before Mesa.

    Mesa loads its LLVM into the global symbol table, and Triton, which brings another LLVM, would
    bind to that one and crash the interpreter as soon as torch's optimizers import it. Loaded
    before, it binds to its own. Costs 20 ms once.
    """
    spec = importlib.util.find_spec("triton") if sys.platform.startswith("linux") else None
    for folder in (spec and spec.submodule_search_locations) or ():
        with contextlib.suppress(OSError):
            ctypes.CDLL(str(Path(folder) / "_C" / "libtriton.so"))


class _Painter:
    """One thread's renderer: context, scene, and a model and data to load worlds into."""

    def __init__(self, world: World, size: int) -> None:
        self.size = size
        self.context = make_context(size, size)
        self.context.make_current()
        self.model = world.backend.model_of(0)
        self.model.vis.global_.offwidth = self.model.vis.global_.offheight = size
        quality = self.model.vis.quality
        quality.numquads = 1  # light falls evenly on a face: more of them look the same
        if size <= _COARSE_SIZE:
            quality.numslices, quality.numstacks = 16, 8
        self.data = mujoco.MjData(self.model)
        self.scene = mujoco.MjvScene(self.model, maxgeom=world.model.ngeom + 16)
        self.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False
        self.gl = mujoco.MjrContext(self.model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self.gl)
        self.rect = mujoco.MjrRect(0, 0, size, size)
        self.option, self.pert = mujoco.MjvOption(), mujoco.MjvPerturb()
        self.camera = mujoco.MjvCamera()
        self.camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._flipped = np.empty((size, size, 3), np.uint8)

    def _out_of_view(self, camera: int) -> NDArray[np.bool_]:
        """Primitives whose bounding spheres the camera does not see. Shape (ngeom,)."""
        model, data = self.model, self.data
        eye, mat = data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3)
        seen = (data.geom_xpos - eye) @ mat
        tan = math.tan(math.radians(model.cam_fovy[camera]) / 2)
        beyond = np.abs(seen[:, :2]).max(axis=1) + tan * seen[:, 2]
        radius = model.geom_rbound
        return (beyond > radius * math.hypot(1.0, tan)) & (radius > 0)  # planes have none

    def load(self, world: World, i: int) -> None:
        world.backend.model_of(i, self.model)
        # nothing sleeps in a picture: what stands still may have been put elsewhere
        self.model.opt.enableflags &= ~mujoco.mjtEnableBit.mjENBL_SLEEP.value
        self.data.qpos[:] = world.qpos[i]
        mujoco.mj_kinematics(self.model, self.data)
        mujoco.mj_camlight(self.model, self.data)

    def draw(self, camera: int, out: NDArray, segmentation: bool) -> None:
        self.camera.fixedcamid = camera
        self.model.geom_group[self._out_of_view(camera)] = HIDDEN_GROUP  # a third of the work
        self.scene.flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = segmentation
        self.scene.flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = segmentation
        mujoco.mjv_updateScene(
            self.model, self.data, self.option, self.pert, self.camera,
            mujoco.mjtCatBit.mjCAT_ALL.value, self.scene,
        )  # fmt: skip
        mujoco.mjr_render(self.rect, self.scene, self.gl)
        mujoco.mjr_readPixels(self._flipped, None, self.rect, self.gl)
        out[...] = self._flipped[::-1]

    def geom_of_segment(self) -> NDArray:
        """Geom id for each segment id + 1; -1 is background. Shape (ngeom + 1,)."""
        ids = np.full(self.scene.ngeom + 1, -1)
        for g in self.scene.geoms[: self.scene.ngeom]:
            if g.segid >= 0 and g.objtype == mujoco.mjtObj.mjOBJ_GEOM:
                ids[g.segid + 1] = g.objid
        return ids


class OpenGLRenderer:
    """Renders the worlds of one batch on a few threads.

    Args:
        world: The batch.
        size: Width and height of the pictures [px].
        n_threads: Threads, each with its own OpenGL context.
    """

    def __init__(self, world: World, size: int = 128, n_threads: int = 2) -> None:
        self.world, self.size = world, size
        self.n_threads = max(1, min(n_threads, world.n))
        self._pool = ThreadPoolExecutor(self.n_threads, thread_name_prefix="camera")
        self._local = threading.local()
        body = world.model.geom_bodyid
        slot_of_body = {int(b): s for s, b in enumerate(world.slot_body)}
        # static scenery (table, floor) is -1, the arm -2, its fingers FINGERS, objects their slot
        fingers = {world.model.body(f"{side}_finger").id: FINGERS for side in ("left", "right")}
        slot_of_body |= fingers
        self._slot_of_geom = np.array(
            [slot_of_body.get(int(b), -1 if b == 0 else -2) for b in body]
        )

    def render(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.uint8]:
        """Take a picture of each world.

        Args:
            camera: ``"fixed"`` or ``"wrist"``.
            ids: Worlds, or None for all. Shape (m,).

        Returns:
            Shape (m, size, size, 3), 0 to 255.

        Raises:
            RenderingError: If no OpenGL context can be made.
        """
        return self._run(camera, ids, segmentation=False)

    def segment(self, camera: str = "fixed", ids: NDArray | None = None) -> NDArray[np.int8]:
        """Which object each pixel shows.

        Args:
            camera: ``"fixed"`` or ``"wrist"``.
            ids: Worlds, or None for all. Shape (m,).

        Returns:
            Slot, -1 for table and background, -2 for the arm, FINGERS for its fingers. Shape
            (m, size, size).
        """
        return self._run(camera, ids, segmentation=True)

    def close(self) -> None:
        """Free the threads; their contexts go with them."""
        self._pool.shutdown(wait=True)

    def _camera_id(self, camera: str) -> int:
        if camera not in CAMERAS.values():
            raise UnknownNameError("camera", camera, CAMERAS.values())
        return self.world.model.camera(camera).id

    def _run(self, camera: str, ids: NDArray | None, segmentation: bool) -> NDArray:
        cam = self._camera_id(camera)
        ids = np.arange(self.world.n) if ids is None else np.asarray(ids)
        shape = (len(ids), self.size, self.size)
        out = np.empty(shape, np.int8) if segmentation else np.empty((*shape, 3), np.uint8)
        # more parts than threads: a thread that is held up leaves its share to the others
        n_parts = min(len(ids), 4 * self.n_threads)
        jobs = [
            self._pool.submit(self._draw_some, cam, ids, part, out, segmentation)
            for part in np.array_split(np.arange(len(ids)), max(n_parts, 1))
        ]
        for job in jobs:
            job.result()
        return out

    def _draw_some(
        self, cam: int, ids: NDArray, part: NDArray, out: NDArray, segmentation: bool
    ) -> None:
        painter = getattr(self._local, "painter", None)
        if painter is None:
            painter = self._local.painter = _Painter(self.world, self.size)
        painter.context.make_current()
        raw = np.empty((self.size, self.size, 3), np.uint8) if segmentation else None
        for k in part:
            painter.load(self.world, int(ids[k]))
            painter.draw(cam, out[k] if raw is None else raw, segmentation)
            if raw is not None:
                code = raw.astype(np.int32) @ np.array([1, 256, 65536])
                geom = painter.geom_of_segment()[code]
                out[k] = np.where(geom >= 0, self._slot_of_geom[geom], -1)
