"""How kernels are compiled, and where their machine code is kept between processes."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import platformdirs

_Function = TypeVar("_Function", bound=Callable[..., Any])

_NOT_COMPILED = ("__init__.py", "abilities.py", "loading.py", "native_renderer.py")
_ENTRY = "draw_worlds"
"""The function that calls all others; it is compiled last."""


def kernel(signature: Any) -> Callable[[_Function], _Function]:
    """Compile a function that runs once per pixel: reordered arithmetic, no check for NaN.

    Args:
        signature: Types of arguments and result, as numba writes them.
    """
    return _compiled(signature, fastmath=True, **_UNCOUNTED)


def part(signature: Any) -> Callable[[_Function], _Function]:
    """As `kernel`, for a part of the arithmetic of one pixel: becomes part of whatever calls it.

    A call that remained would end the vector instructions of the loop around it.

    Args:
        signature: Types of arguments and result, as numba writes them.
    """
    return _compiled(signature, fastmath=True, forceinline=True, **_UNCOUNTED)


def setup(signature: Any) -> Callable[[_Function], _Function]:
    """Compile a function that runs once per image, geom or face: arithmetic as it is written.

    Args:
        signature: Types of arguments and result, as numba writes them.
    """
    return _compiled(signature, forceinline=True, **_UNCOUNTED)


def entry(signature: Any) -> Callable[[_Function], _Function]:
    """Compile a function that Python calls, or that allocates arrays.

    Args:
        signature: Types of arguments and result, as numba writes them.
    """
    return _compiled(signature)


def _compiled(signature: Any, **options: bool) -> Callable[[_Function], _Function]:
    import numba

    njit: Any = numba.njit
    # without the GIL threads run side by side; NumPy's division needs no branch for zero
    settings: dict[str, Any] = {"nogil": True, "cache": True, "error_model": "numpy", **options}

    def decorate(function: _Function) -> _Function:
        with _kept_in(cache_folder()):
            return njit(signature, **settings)(function)

    return decorate


_UNCOUNTED: dict[str, bool] = {"_nrt": False}
"""Without counting of references to arrays, which took longer than the arithmetic; functions that
allocate nothing need none."""


@contextlib.contextmanager
def _kept_in(folder: Path) -> Iterator[None]:
    """Let numba keep what is compiled meanwhile in a folder."""
    from numba.core import config

    before = config.CACHE_DIR
    config.CACHE_DIR = str(folder)
    try:
        yield
    finally:
        config.CACHE_DIR = before


@functools.cache
def cache_folder() -> Path:
    """Folder of the machine code, in ``NUMBA_CACHE_DIR`` or the user's cache folder.

    Its name changes with the files of the kernels, numba and the processor: numba itself would
    not notice that a function in another file has changed. Where nothing can be written it is a
    temporary folder, and each process compiles anew.
    """
    name = f"vla_gym-{_fingerprint()}"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    root = Path(chosen) if chosen else platformdirs.user_cache_path("vla_gym")
    if _is_writable(root / name):
        return root / name
    warnings.warn(
        f"{root} is not writable: the native renderer is compiled by every process. Set"
        " NUMBA_CACHE_DIR to a folder that is.", RuntimeWarning, stacklevel=2,
    )  # fmt: skip
    return Path(tempfile.gettempdir()) / f"{name}-{os.getpid()}-{time.time_ns()}"


def is_compiled() -> bool:
    """Whether machine code for this processor and these sources is in the cache."""
    return any(cache_folder().rglob(f"*.{_ENTRY}-*.nbi"))


def _sources() -> list[Path]:
    """Files on which machine code depends."""
    folder = Path(__file__).parent
    return [path for path in sorted(folder.glob("*.py")) if path.name not in _NOT_COMPILED]


def _fingerprint() -> str:
    """Digest of all that the machine code depends on; of files as much as numba looks at."""
    from llvmlite import binding

    parts = [version("numba"), version("numpy"), binding.get_host_cpu_name()]
    parts += [binding.get_host_cpu_features().flatten(), str(sys.implementation.cache_tag)]
    for path in _sources():
        stat = path.stat()
        parts.append(f"{path} {stat.st_mtime_ns} {stat.st_size}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
