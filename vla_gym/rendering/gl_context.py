"""Offscreen OpenGL contexts: EGL, OSMesa or GLFW, whichever works."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

from vla_gym.errors import RenderingError

_BACKENDS = {"egl": "mujoco.egl", "osmesa": "mujoco.osmesa", "glfw": "mujoco.glfw"}
_REMEDY = (
    "On Debian or Ubuntu: apt-get install libegl1 libgl1-mesa-dri (or libosmesa6). "
    "Then run `vla-gym doctor`. render_backend='native' needs none; cameras=() draws no images."
)


def backend_order() -> list[str]:
    """OpenGL backends to try, best first: MUJOCO_GL if set, else what suits the platform."""
    wanted = os.environ.get("MUJOCO_GL", "").lower()
    if wanted in _BACKENDS:
        return [wanted]
    if sys.platform.startswith("linux"):
        return ["egl", "osmesa", "glfw"]
    return ["glfw"]


def make_context(width: int, height: int) -> Any:
    """Make an offscreen OpenGL context.

    Raises:
        RenderingError: If none of the backends works; names the packages to install.
    """
    # one software rasteriser thread per context: parallelism is across contexts
    os.environ.setdefault("LP_NUM_THREADS", "0")
    _load_triton_first()
    failures = []
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
        except Exception as exc:  # a missing library raises almost any type
            failures.append(f"{name}: {type(exc).__name__}: {exc}")
    raise RenderingError(f"No offscreen OpenGL context ({'; '.join(failures)}). {_REMEDY}")


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
