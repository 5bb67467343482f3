"""Sheets of pictures with the heat of a phrase laid over them, answers right and wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vla_gym.io import replacing
from vla_gym.pretraining.exam_shots import points_right, questions, shoot
from vla_gym.vlm.encoder import ClipEncoder, ImageFeatures
from vla_gym.vlm.grounding import Grounder, Grounding

_HEAT, _POINT, _TRUTH = (255, 60, 60), (255, 60, 60), (60, 255, 90)
_TILE, _CAPTION = 256, 18


def sheet(
    images: NDArray[np.uint8], texts: Sequence[str], found: Grounding, truth: NDArray,
    columns: int = 4,
) -> Image.Image:  # fmt: skip
    """Draw pictures, heat, the point that was found (red) and the thing's middle (green).

    Args:
        images: Shape (n, H, W, 3).
        texts: One per picture, written below it.
        found: Of these pictures; the first role is drawn.
        truth: Shape (n, 2), picture coordinates in [-1, 1].
        columns: Tiles per row.
    """
    rows = -(-len(images) // columns)
    page = Image.new("RGB", (columns * _TILE, rows * (_TILE + _CAPTION)), "white")
    draw = ImageDraw.Draw(page)
    heat = torch.nn.functional.interpolate(
        found.heat[:, :1].float().cpu().sigmoid(), size=(_TILE, _TILE), mode="bilinear"
    ).numpy()
    points = found.point[:, 0].cpu().numpy()
    for i, (image, text) in enumerate(zip(images, texts, strict=True)):
        x, y = (i % columns) * _TILE, (i // columns) * (_TILE + _CAPTION)
        tile = np.asarray(Image.fromarray(image).resize((_TILE, _TILE)), float)
        alpha = 0.5 * heat[i, 0][..., None]
        tile = tile * (1 - alpha) + np.array(_HEAT) * alpha
        page.paste(Image.fromarray(tile.astype(np.uint8)), (x, y))
        for point, colour in ((truth[i], _TRUTH), (points[i], _POINT)):
            u, v = ((point + 1) / 2 * _TILE).tolist()
            draw.ellipse((x + u - 4, y + v - 4, x + u + 4, y + v + 4), outline="white", fill=colour)
        label = f"{text} ({float(found.confidence[i, 0]):.2f})"
        draw.text((x + 2, y + _TILE + 3), label[:48], fill="black")
    return page


def write_sheets(
    encoder: ClipEncoder, folder: Path, split: str = "test", tiles: int = 16
) -> list[Path]:
    """Ask about things in the middle of episodes and draw answers that are right, and wrong ones.

    Args:
        encoder: Any CLIP.
        folder: Where ``right.png`` and, if there are any, ``wrong.png`` go; made if need be.
        split: Of the episodes.
        tiles: Most pictures of each sheet.
    """
    shots, rng = shoot("VLATabletop-v0", 300, split, seed=1_000), np.random.default_rng(1)
    asked = list(questions(shots, rng))
    rows, slots = np.array([(i, s) for i, s, _ in asked]).T
    seen, pick = encoder.encode_image(shots.images), torch.as_tensor(rows)
    features = ImageFeatures(seen.pooled[pick], seen.tokens[pick])
    found = Grounder(encoder, shots.camera).ground_features(features, [text for *_, text in asked])
    right = points_right(found.point[:, 0].cpu().numpy(), shots, rows, slots)
    written = []
    for name, mask in (("right", right), ("wrong", ~right)):
        chosen = rng.permutation(np.flatnonzero(mask))[:tiles]
        if len(chosen):
            part = Grounding(found.heat[chosen], found.point[chosen], found.confidence[chosen])
            page = sheet(shots.images[rows[chosen]], [asked[k][2] for k in chosen], part,
                         shots.uv[rows[chosen], slots[chosen]])  # fmt: skip
            with replacing(folder / f"{name}.png") as temp:
                page.save(temp, "PNG", optimize=True)
            written.append(folder / f"{name}.png")
    return written
