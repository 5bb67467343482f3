"""Writes frames as mp4, or as a smaller gif if mp4 cannot be encoded; adds captions."""

from __future__ import annotations

import logging
import textwrap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vla_gym.errors import InvalidConfigError
from vla_gym.io import replacing

_log = logging.getLogger(__name__)

_INK, _PAPER = (28, 32, 38), (248, 248, 246)
GIF_MAX_SIDE = 640
"""Maximum side of the frames of a gif; larger frames are scaled down [px]."""


def write_video(
    path: str | Path, frames: NDArray[np.uint8], fps: float = 10.0, min_side: int = 256
) -> Path:
    """Write a video; if no mp4 can be encoded, write a gif with the same stem instead.

    Args:
        path: Target; the suffix ``.gif`` selects a gif.
        frames: Shape (t, h, w, 3), 0 to 255.
        fps: Frames per second.
        min_side: Smaller frames are enlarged by an integer factor to at least this [px].

    Returns:
        The file that was written.

    Raises:
        InvalidConfigError: If the frames have another shape or type.
    """
    path = Path(path)
    frames = _checked(frames)
    big = enlarged(frames, min_side)
    if path.suffix != ".gif":
        try:
            with replacing(path.with_suffix(".mp4")) as temp:
                _write_mp4(temp, big, fps)
            return path.with_suffix(".mp4")
        except Exception as exc:  # a missing encoder raises almost any type
            _log.warning("no mp4 (%s: %s); writing a gif", type(exc).__name__, exc)
    with replacing(path.with_suffix(".gif")) as temp:
        _write_gif(temp, big, fps)
    return path.with_suffix(".gif")


def enlarged(frames: NDArray[np.uint8], min_side: int = 256) -> NDArray[np.uint8]:
    """Enlarge frames by an integer factor so that the shorter side has at least `min_side`.

    Args:
        frames: Shape (t, h, w, 3).
        min_side: Minimum of the shorter side [px].

    Returns:
        Shape (t, k h, k w, 3) with an integer k.
    """
    frames = _checked(frames)
    factor = max(1, -(-min_side // min(frames.shape[1:3])))
    return frames.repeat(factor, axis=1).repeat(factor, axis=2)


def captioned(frames: NDArray[np.uint8], caption: str, colour: tuple = _INK) -> NDArray[np.uint8]:
    """Put a caption below the frames.

    Args:
        frames: Shape (t, h, w, 3).
        caption: Text, wrapped to the width of the frames.
        colour: Colour of the text (RGB).

    Returns:
        Frames with a strip below. Shape (t, h + strip, w, 3).
    """
    frames = _checked(frames)
    width = frames.shape[2]
    size = max(11, width // 24)
    font = _font(size)
    per_line = max(8, int((width - size) / max(font.getlength("abcdefghij ") / 11, 1.0)))
    lines = [part for line in caption.split("\n") for part in textwrap.wrap(line, per_line) or [""]]
    pitch = int(size * 1.35)
    strip = Image.new("RGB", (width, pitch * len(lines) + size), _PAPER)
    draw = ImageDraw.Draw(strip)
    for i, line in enumerate(lines):
        draw.text((size // 2, size // 2 + i * pitch), line, font=font, fill=colour)
    block = np.broadcast_to(np.asarray(strip), (len(frames), *np.asarray(strip).shape))
    return np.concatenate([frames, block], axis=1)


def side_by_side(clips: list[NDArray[np.uint8]], gap: int = 8) -> NDArray[np.uint8]:
    """Put several videos next to each other; shorter ones hold their last frame.

    Args:
        clips: Each of shape (t_i, h_i, w_i, 3).
        gap: Space between two videos [px].

    Returns:
        Shape (max t, max h, sum w + gaps, 3).
    """
    t, h = max(len(c) for c in clips), max(c.shape[1] for c in clips)
    columns: list[NDArray] = []
    for clip in clips:
        held = np.concatenate([clip, clip[-1:].repeat(t - len(clip), axis=0)])
        padded = np.empty((t, h, clip.shape[2], 3), np.uint8)
        padded[:] = _PAPER
        padded[:, : clip.shape[1]] = held
        columns += [np.full((t, h, gap, 3), _PAPER, np.uint8), padded]
    return np.concatenate(columns[1:], axis=2)


def _write_mp4(path: Path, frames: NDArray[np.uint8], fps: float) -> None:
    import imageio_ffmpeg

    _, h, w, _ = frames.shape
    # yuv420p, which browsers can play, needs even sides
    even = np.ascontiguousarray(
        np.pad(frames, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    )
    writer = imageio_ffmpeg.write_frames(
        str(path),
        (even.shape[2], even.shape[1]),
        fps=fps,  # type: ignore
        codec="libx264",
        quality=8,
        macro_block_size=1,
        output_params=["-movflags", "+faststart", "-f", "mp4"],
    )
    writer.send(None)
    try:
        for frame in even:
            writer.send(frame)
    finally:
        writer.close()


def _write_gif(path: Path, frames: NDArray[np.uint8], fps: float) -> None:
    images = [Image.fromarray(f) for f in frames]
    for image in images:
        image.thumbnail((GIF_MAX_SIDE, GIF_MAX_SIDE))
    # one palette for all frames, or colours flicker
    some = [np.asarray(p) for p in images[:: max(1, len(images) // 4)]]
    sample = Image.fromarray(np.concatenate(some))
    palette = sample.quantize(128, Image.Quantize.FASTOCTREE)  # median cut loses rare colours
    small = [p.quantize(palette=palette, dither=Image.Dither.NONE) for p in images]
    small[0].save(
        path, "GIF", save_all=True, append_images=small[1:], duration=round(1000 / fps), loop=0
    )


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow built without FreeType
        return ImageFont.load_default()


def _checked(frames: NDArray) -> NDArray[np.uint8]:
    frames = np.asarray(frames)
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise InvalidConfigError(
            f"frames must be uint8 of shape (t, h, w, 3), got {frames.dtype} {frames.shape}."
        )
    return frames
