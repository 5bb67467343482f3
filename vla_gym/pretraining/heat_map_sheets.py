"""Sheets of images with the heat map of a phrase, right and wrong answers apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vla_gym.io import replacing
from vla_gym.pretraining.evaluation_set import collect, is_right, present_phrases
from vla_gym.vlm.encoder import ClipEncoder, ImageFeatures
from vla_gym.vlm.grounding import Grounder, Grounding

_HEAT, _POINT, _TRUTH = (255, 60, 60), (255, 60, 60), (60, 255, 90)
_TILE, _CAPTION = 256, 18


def sheet(
    images: NDArray[np.uint8], texts: Sequence[str], found: Grounding, truth: NDArray,
    columns: int = 4,
) -> Image.Image:  # fmt: skip
    """Draw images, heat, the point that was found (red) and the object's centre (green).

    Args:
        images: Shape (n, H, W, 3).
        texts: One per image, written below it.
        found: Of these images; the first role is drawn.
        truth: Image coordinates in [-1, 1]. Shape (n, 2).
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
    """Draw right and wrong answers about images from the middle of episodes.

    Args:
        encoder: Any CLIP.
        folder: Where ``right.png`` and, if there are any, ``wrong.png`` go; made if need be.
        split: Split of the episodes.
        tiles: Most images per sheet.
    """
    data, rng = collect("VLATabletop-v0", 300, split, seed=1_000), np.random.default_rng(1)
    asked = list(present_phrases(data, rng))
    rows, slots = np.array([(i, s) for i, s, _ in asked]).T
    seen, pick = encoder.encode_image(data.images), torch.as_tensor(rows)
    features = ImageFeatures(seen.pooled[pick], seen.tokens[pick])
    found = Grounder(encoder, data.camera).ground_features(features, [text for *_, text in asked])
    right = is_right(found.point[:, 0].cpu().numpy(), data, rows, slots)
    written = []
    for name, mask in (("right", right), ("wrong", ~right)):
        chosen = rng.permutation(np.flatnonzero(mask))[:tiles]
        if len(chosen):
            part = Grounding(found.heat[chosen], found.point[chosen], found.confidence[chosen])
            page = sheet(data.images[rows[chosen]], [asked[k][2] for k in chosen], part,
                         data.uv[rows[chosen], slots[chosen]])  # fmt: skip
            with replacing(folder / f"{name}.png") as temp:
                page.save(temp, "PNG", optimize=True)
            written.append(folder / f"{name}.png")
    return written
