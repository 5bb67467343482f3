"""Localisation scores on random scenes: errors on the table, right objects, swapped roles."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.random import SeedSequence
from numpy.typing import NDArray
from torch import Tensor, nn

from vla_gym.pretraining.losses import read_texts
from vla_gym.pretraining.queries import Queries, make_queries
from vla_gym.pretraining.scene_sampler import MIN_PIXELS, POINT_HEIGHT, SceneSampler, Views
from vla_gym.vlm.dense import encode_dense
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.grounding import Grounder
from vla_gym.vlm.peaks import soft_argmax
from vla_gym.vlm.roles import ROLES, RoleReader

RIGHT_WITHIN_MM = 40.0
_HELD_OUT = 3


@dataclass
class LocateScores:
    """Raw results, one row per (image, text, role); nan where a figure does not apply."""

    error_mm: NDArray
    """Distance on the table from the named object, if it is visible."""
    own_camera_mm: NDArray
    """The same with the image's true camera pose instead of the nominal one."""
    right_object: NDArray
    """1 if the nearest object is the named one."""
    confidence: NDArray
    """Confidence that the object is there."""
    present: NDArray
    """1 if the named object is visible, 0 if none is named or it is absent."""
    swapped: NDArray
    """1 if a role's point is nearer to the other role's object."""

    @classmethod
    def join(cls, parts: list[LocateScores]) -> LocateScores:
        """Results of several batches as one."""
        return cls(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)))

    def summary(self) -> dict[str, float]:
        """Means and percentiles; the keys are those of ``log.json``."""
        seen, absent = self.present == 1, self.present == 0
        error = self.error_mm[seen]
        sure = self.confidence > 0.5
        return {
            "n": float(seen.sum()),
            "median_mm": float(np.median(error)),
            "p95_mm": float(np.percentile(error, 95)),
            "own_camera_median_mm": float(np.median(self.own_camera_mm[seen])),
            "within_40mm": float(np.mean(error < RIGHT_WITHIN_MM)),
            "right_object": _mean(self.right_object),
            "role_swap": _mean(self.swapped),
            "confident_if_seen": float(sure[seen].mean()),
            "confident_if_absent": float(sure[absent].mean()),
        }


def _mean(values: NDArray) -> float:
    """Mean of the values that apply; nan if none does (bare phrases have no roles to swap)."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def score(point: Tensor, confidence: Tensor, views: Views, slots: NDArray) -> LocateScores:
    """Compare points with the truth.

    Args:
        point: u right, v down, [-1, 1]. Shape (n, k, len(ROLES), 2).
        confidence: Shape (n, k, len(ROLES)).
        views: Images of the fixed camera.
        slots: Truth. Shape (n, k, len(ROLES)).
    """
    uv = point.cpu().numpy()
    nominal = views.nominal.deproject(uv, POINT_HEIGHT)[..., :2]
    own = np.stack(
        [c.deproject(p, POINT_HEIGHT)[..., :2] for c, p in zip(views.cameras, uv, strict=True)]
    )
    rows = np.arange(len(slots))[:, None, None]
    there = slots >= 0
    pixels = np.where(there, views.pixels[rows, slots], 0)
    seen = there & (pixels >= MIN_PIXELS)
    present = np.where(seen, 1.0, np.where(pixels == 0, 0.0, np.nan))
    truth = views.ground[rows, slots]
    error = 1e3 * np.linalg.norm(nominal - truth, axis=-1)
    own_error = 1e3 * np.linalg.norm(own - truth, axis=-1)
    # every visible object could have been meant
    aims = views.point[:, None, None]
    away = np.linalg.norm(uv[..., None, :] - aims, axis=-1)
    shown = views.pixels >= MIN_PIXELS
    shown[:, -1] = False  # but not the hand
    away = np.where(shown[:, None, None], away, np.inf)
    right = np.where(seen, away.argmin(-1) == slots, np.nan)
    own_away = np.linalg.norm(uv - views.point[rows, slots], axis=-1)
    other_away = np.linalg.norm(uv - views.point[rows, slots[..., ::-1]], axis=-1)
    both = seen & seen[..., ::-1]
    swapped = np.where(both, other_away < own_away, np.nan)
    flat = (error, own_error, right, confidence.cpu().numpy(), present, swapped)
    return LocateScores(*(np.asarray(x, float).ravel() for x in flat))


@torch.inference_mode()
def locate(
    clip: nn.Module,
    roles: RoleReader,
    tokenizer: object,
    images: Tensor,
    views: Views,
    queries: Queries,
) -> LocateScores:
    """Score a model in training. Arguments as in `losses.compute`."""
    _, tokens, (gh, gw) = encode_dense(clip.visual, images)
    n, k, r = queries.slots.shape
    read = read_texts(clip, roles, tokenizer, [t for row in queries.texts for t in row])
    heat = roles.heat(tokens, read.view(n, k * r, -1)).view(n, k, r, gh, gw)
    point = soft_argmax(heat, roles.shifts(tokens))
    return score(point, heat.flatten(-2).amax(-1).sigmoid(), views, queries.slots)


def evaluate_grounding(
    encoder: ClipEncoder, n_scenes: int = 256, seed: int = 0, strength: float = 1.0
) -> dict[str, Any]:
    """Score an encoder on scenes that pretraining never shows.

    Args:
        encoder: Any CLIP.
        n_scenes: Images, with four bare phrases and two instructions each.
        seed: Seed of the scenes.
        strength: Of the random visuals; 0 gives every image the nominal camera.

    Returns:
        Figures for bare phrases, for instructions, and for the two role by role.
    """
    grounder = Grounder(encoder)
    batch = min(n_scenes, 32)
    scenes = SceneSampler(batch, size=max(encoder.image_size[0], 128), wrist_share=0.0)
    rng = np.random.default_rng(SeedSequence([seed, _HELD_OUT]))
    parts: dict[str, list[LocateScores]] = {name: [] for name in ("phrases", "instructions")}
    for _ in range(max(1, n_scenes // batch)):
        views = scenes.sample(rng, strength)
        queries = make_queries(rng, views, n_phrases=3, n_absent=1, n_instructions=2)
        features = encoder.encode_image(views.images)
        points, sure = [], []
        for k in range(queries.slots.shape[1]):
            found = grounder.ground_features(features, [row[k] for row in queries.texts])
            points.append(found.point.cpu())
            sure.append(found.confidence.cpu())
        point, confidence = torch.stack(points, 1), torch.stack(sure, 1)
        for name, pick in (("phrases", slice(0, 4)), ("instructions", slice(4, None))):
            parts[name].append(
                score(point[:, pick], confidence[:, pick], views, queries.slots[:, pick])
            )
    scenes.renderer.close()
    result: dict[str, Any] = {n: LocateScores.join(p).summary() for n, p in parts.items()}
    joined = LocateScores.join(parts["instructions"])
    for i, role in enumerate(ROLES):
        rows = {f.name: getattr(joined, f.name)[i :: len(ROLES)] for f in fields(LocateScores)}
        result[f"instructions/{role}"] = LocateScores(**rows).summary()
    return result
