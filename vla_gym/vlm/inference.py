"""Number format and threads of an image tower."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import torch

from vla_gym.errors import UnknownNameError

Precision = Literal["auto", "float32", "bfloat16"]
PRECISIONS: tuple[str, ...] = ("auto", "float32", "bfloat16")
_LEAST_SHARE = 4
"""Images below which a further thread does not pay."""


def dtype_of(precision: str, device: torch.device) -> torch.dtype:
    """The data type of a precision.

    Args:
        precision: "auto" takes bfloat16 where the device supports it natively, else float32.
        device: Device of the tower.

    Raises:
        UnknownNameError: If there is no such precision.
    """
    if precision not in PRECISIONS:
        raise UnknownNameError("precision", precision, PRECISIONS)
    if precision == "auto":
        precision = "bfloat16" if _has_bfloat16(device) else "float32"
    return getattr(torch, precision)


def _has_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # where it is emulated (no AVX512-BF16), bfloat16 is slower than float32
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return device.type == "cpu" and native()


class BatchThreadPool:
    """Runs a function on equal shares of a batch, one thread per share.

    torch's own threads synchronise after every layer by spinning, which is several times slower
    as soon as other processes use the cores. Shares are not synchronised.

    Args:
        size: Threads; 1 runs everything in the calling thread.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pool: ThreadPoolExecutor | None = None

    def map(self, run: Callable[[Any], Any], batch: Any) -> list[Any]:
        """Results of the shares, in order; one share if the batch is small."""
        shares = min(self.size, len(batch) // _LEAST_SHARE)
        if shares < 2:
            return [run(batch)]
        if self._pool is None:
            # torch keeps this setting per thread
            self._pool = ThreadPoolExecutor(
                self.size, "batch", initializer=torch.set_num_threads, initargs=(1,)
            )
        step = -(-len(batch) // shares)
        return list(self._pool.map(run, [batch[i : i + step] for i in range(0, len(batch), step)]))
