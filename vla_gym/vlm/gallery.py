"""Contact sheets of pictures with the heat of each role laid over them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.random import SeedSequence
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.grounding import Grounder, Grounding
from vla_gym.vlm.pretrain_data import make_queries
from vla_gym.vlm.roles import ROLES
from vla_gym.vlm.scenes import SceneSampler

_COLOURS = {"object": (255, 60, 60), "target": (60, 130, 255)}
_TILE, _CAPTION = 256, 30


def contact_sheet(
    images: NDArray[np.uint8],
    instructions: Sequence[str],
    found: Grounding,
    columns: int = 4,
) -> Image.Image:
    """Draw pictures, heat and points.

    Args:
        images: Shape (n, H, W, 3).
        instructions: One per picture, written below it.
        found: Of these pictures.
        columns: Tiles per row.
    """
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * _TILE, rows * (_TILE + _CAPTION)), "white")
    draw = ImageDraw.Draw(sheet)
    heat = torch.nn.functional.interpolate(
        found.heat.float().cpu().sigmoid(), size=(_TILE, _TILE), mode="bilinear"
    ).numpy()
    for i, (image, text) in enumerate(zip(images, instructions, strict=True)):
        x, y = (i % columns) * _TILE, (i // columns) * (_TILE + _CAPTION)
        tile = np.asarray(Image.fromarray(image).resize((_TILE, _TILE)), float)
        for r, role in enumerate(ROLES):
            alpha = 0.55 * heat[i, r][..., None]
            tile = tile * (1 - alpha) + np.array(_COLOURS[role]) * alpha
        sheet.paste(Image.fromarray(tile.astype(np.uint8)), (x, y))
        for r, role in enumerate(ROLES):
            u, v = ((found.point[i, r].cpu().numpy() + 1) / 2 * _TILE).tolist()
            sure = float(found.confidence[i, r])
            if sure > 0.3:
                box = (x + u - 4, y + v - 4, x + u + 4, y + v + 4)
                draw.ellipse(box, outline="white", fill=_COLOURS[role])
            label = f"{role} {sure:.2f}"
            draw.text((x + 2 + 90 * r, y + _TILE + 15), label, fill=_COLOURS[role])
        draw.text((x + 2, y + _TILE + 2), text[:44], fill="black")
    return sheet


def write_gallery(encoder: ClipEncoder, path: Path, n: int = 16, seed: int = 0) -> Path:
    """Ground instructions on fresh tables and write the sheet.

    Args:
        encoder: Any CLIP.
        path: PNG file.
        n: Pictures.
        seed: Of the tables.
    """
    scenes = SceneSampler(n, size=max(128, encoder.image_size[0]), wrist_share=0.2)
    rng = np.random.default_rng(SeedSequence([seed, 4]))
    views = scenes.sample(rng)
    texts = [row[-1] for row in make_queries(rng, views).texts]
    found = Grounder(encoder).ground(views.images, texts)
    path.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(views.images, texts, found).save(path, optimize=True)
    scenes.pool.close()
    return path
