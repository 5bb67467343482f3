"""``vla-gym doctor``: checks of this machine, each with a remedy if it fails."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Literal

import tyro

from vla_gym.errors import UnknownNameError

GL_PACKAGES = "libegl1 libgl1-mesa-dri"
"""Packages for offscreen OpenGL on Debian and Ubuntu."""
_PROBE_TIMEOUT_S = 120
_PACKAGES = ("gymnasium", "mujoco", "numpy", "numba", "torch", "torchvision", "open_clip_torch",
             "stable-baselines3", "safetensors", "tyro", "wandb")  # fmt: skip
_GL_PROBE = """
from vla_gym.rendering.gl_context import make_context
context = make_context(64, 64)
context.make_current()
from OpenGL import GL
name = GL.glGetString(GL.GL_RENDERER)
print(type(context).__module__.split(".")[1], "on", name.decode() if name else "an unnamed device")
context.free()
"""
_CLIP_PROBE = """
import numpy as np
from vla_gym.vlm.encoder import ClipEncoder
encoder = ClipEncoder(device="cpu")
height, width = encoder.image_size
encoder.encode_image(np.zeros((1, height, width, 3), np.uint8))
encoder.encode_text(["put the red cube into the blue bowl"])
grid = " x ".join(map(str, encoder.grid))
print(f"embedded weights, images of {width} x {height} px, ", end="")
print(f"{grid} tokens of {encoder.embed_dim} dimensions")
"""


@dataclass(frozen=True)
class Finding:
    """Result of one check."""

    status: Literal["ok", "note", "missing"]
    """Only "missing" makes the command fail."""
    text: str
    remedy: str = ""


@dataclass
class DoctorConfig:
    """Check this machine; exit code 1 if something required is missing."""

    only: tuple[str, ...] = ()
    """Names of the checks to run; none means all."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns the exit code."""
    config = tyro.cli(DoctorConfig, args=list(args), prog="vla-gym doctor")
    for name in config.only:
        if name not in CHECKS:
            raise UnknownNameError("check", name, CHECKS)
    findings = []
    for name in config.only or CHECKS:
        finding = CHECKS[name]()
        findings.append(finding)
        print(f"{finding.status:>8}  {name:<10}{finding.text}")
        if finding.remedy:
            print(f"{'':>20}-> {finding.remedy}")
    missing = [f for f in findings if f.status == "missing"]
    print("Something required is missing." if missing else "Everything required is installed.")
    return 1 if missing else 0


def check_python() -> Finding:
    """Version of the Python interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 10) <= sys.version_info[:2] < (3, 14):
        return Finding("ok", f"{version} at {sys.executable}")
    return Finding("missing", version, "use Python 3.10 to 3.13")


def check_packages() -> Finding:
    """Versions of the main packages."""
    found, absent = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            absent.append(name)
    if absent:
        return Finding("missing", ", ".join(absent), f"{sys.executable} -m pip install vla_gym")
    return Finding("ok", ", ".join(found))


def check_renderer() -> Finding:
    """Whether the native renderer is compiled for this machine."""
    from vla_gym.rendering.native import compiling

    if compiling.is_compiled():
        return Finding("ok", f"native, compiled in {compiling.cache_folder()}")
    return Finding(
        "note", "native, not compiled yet: the first image takes half a minute", "vla-gym warm-up"
    )


def check_opengl() -> Finding:
    """Offscreen OpenGL, tried in a separate process; only some uses need it."""
    done = _probe(_GL_PROBE)
    if done.returncode == 0:
        return Finding("ok", done.stdout.strip())
    why = f"render_backend='opengl' and windows do not work ({_last_line(done)})"
    return Finding("note", why, gl_remedy())


def gl_remedy() -> str:
    """The command that installs an OpenGL library on this system."""
    if os.environ.get("MUJOCO_GL"):
        return f"MUJOCO_GL is {os.environ['MUJOCO_GL']!r}; unset it, or install that backend"
    sudo = "" if os.geteuid() == 0 else "sudo "
    if shutil.which("apt-get"):
        return f"{sudo}apt-get update && {sudo}apt-get install -y {GL_PACKAGES}"
    if shutil.which("dnf"):
        return f"{sudo}dnf install -y mesa-libEGL mesa-dri-drivers"
    if shutil.which("pacman"):
        return f"{sudo}pacman -S --needed mesa libglvnd"
    return "install Mesa's EGL library (libEGL.so.1) or OSMesa (libOSMesa.so)"


def check_torch() -> Finding:
    """PyTorch and its devices."""
    code = (
        "import torch; c = torch.cuda.is_available(); "
        "print(torch.__version__, 'on', torch.cuda.get_device_name(0) if c else "
        "f'CPU with {torch.get_num_threads()} threads')"
    )
    done = _probe(code)
    if done.returncode == 0:
        return Finding("ok", done.stdout.strip())
    return Finding("missing", _last_line(done), f"{sys.executable} -m pip install torch")


def check_clip() -> Finding:
    """Whether the embedded CLIP loads and encodes an image and a text."""
    done = _probe(_CLIP_PROBE)
    if done.returncode == 0:
        return Finding("ok", done.stdout.strip())
    remedy = "reinstall vla_gym, or train the weights from scratch with `vla-gym pretrain-clip`"
    return Finding("missing", _last_line(done), remedy)


def check_video() -> Finding:
    """Whether mp4 videos can be written."""
    try:
        import imageio_ffmpeg

        return Finding("ok", f"mp4 by ffmpeg {imageio_ffmpeg.get_ffmpeg_version()}")
    except Exception as exc:  # a missing binary raises almost any type
        return Finding("note", f"gif only ({exc})", f"{sys.executable} -m pip install "
                       "imageio-ffmpeg")  # fmt: skip


def check_wandb() -> Finding:
    """Whether runs are logged to Weights & Biases online or offline."""
    from vla_gym.tracking.wandb_sink import has_api_key, reachable, server

    if importlib.util.find_spec("wandb") is None:
        return Finding("note", "not installed; runs are logged to their folders only")
    if not has_api_key():
        return Finding("note", "offline: not logged in", "`wandb login` to log runs online")
    if not reachable():
        return Finding("note", f"offline: {server()} does not answer")
    return Finding("ok", f"online at {server()}")


CHECKS: dict[str, Callable[[], Finding]] = {
    "python": check_python,
    "packages": check_packages,
    "renderer": check_renderer,
    "opengl": check_opengl,
    "torch": check_torch,
    "clip": check_clip,
    "video": check_video,
    "wandb": check_wandb,
}
"""Name -> check; later checks depend on earlier ones."""


def _probe(code: str) -> subprocess.CompletedProcess[str]:
    """Run code that may crash or hang in a separate process."""
    command = [sys.executable, "-c", code]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        message = f"no answer within {_PROBE_TIMEOUT_S} s"
        return subprocess.CompletedProcess(command, 1, "", message)


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"
