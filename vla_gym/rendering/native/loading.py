"""Loads the compiled kernels when the first image is drawn, and says so where that takes long."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from vla_gym.rendering.native.compiling import cache_folder, is_compiled

_loading = threading.Lock()


def load_kernels() -> Any:
    """The module with the compiled entry point; says so on stderr if it has to compile.

    Returns:
        `vla_gym.rendering.native.frame`.
    """
    with _loading:
        known = is_compiled()
        if not known:
            _tell("compiling the native renderer, once for this machine: about half a minute ...")
        start = time.perf_counter()
        from vla_gym.rendering.native import frame

        if not known:
            took = time.perf_counter() - start
            _tell(f"... compiled in {took:.0f} s. The machine code is kept in {cache_folder()}")
    return frame


def _tell(text: str) -> None:
    print(f"vla_gym: {text}", file=sys.stderr, flush=True)
