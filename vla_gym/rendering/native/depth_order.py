"""Which of two surfaces shows in a pixel."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import float32, int32, uint64, void
from numba.extending import intrinsic

from vla_gym.rendering.native.compiling import part
from vla_gym.rendering.native.layouts import DEPTHS, I32, PIXELS


@intrinsic
def _larger(_context: Any, _a: Any, _b: Any) -> Any:
    """The larger of two float32, by the processor's own instruction."""

    def generate(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:
        kind = args[0].type
        both = ir.FunctionType(kind, [kind, kind])
        instruction = builder.module.declare_intrinsic("llvm.maxnum", [kind], both)
        return builder.call(instruction, args, fastmath=("fast",))

    return float32(float32, float32), generate


@part(void(DEPTHS, PIXELS, uint64, float32, int32))
def show(depths, pixels, k, w, colour):
    """Let a surface show in a pixel if nothing nearer does; of two as near, the later one.

    Both buffers are always written, with a maximum and with a choice of bits. A condition (or the
    `max` of Python, which is one) would become a masked write, which AMD's processors carry out
    many times slower than a plain one.

    Args:
        depths: Inverse depths.
        pixels: Colours and geoms.
        k: Which pixel.
        w: Inverse depth of the surface; 0 where it is not, which is behind everything.
        colour: Its colour and geom.
    """
    before, pixel = depths[k], pixels[k]
    all_bits_or_none = I32(0) - I32(w >= before)
    depths[k] = _larger(w, before)  # type: ignore[call-arg]
    pixels[k] = pixel ^ ((pixel ^ colour) & all_bits_or_none)
