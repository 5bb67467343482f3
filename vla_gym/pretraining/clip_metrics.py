"""Metrics of a CLIP: localisation, absent-object rejection, role disambiguation, retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.tasks import TASKS
from vla_gym.evaluation.statistics import wilson
from vla_gym.pretraining.evaluation_set import (
    EvaluationSet,
    absent_phrases,
    collect,
    is_right,
    present_phrases,
)
from vla_gym.pretraining.scene_sampler import POINT_HEIGHT
from vla_gym.pretraining.table_objects import HELD_OUT_COLOURS
from vla_gym.vlm import PRESENCE_THRESHOLD
from vla_gym.vlm.encoder import ClipEncoder, ImageFeatures
from vla_gym.vlm.grounding import Grounder

_ENV = "VLAPickPlace-v0"
_APART = 0.1
"""Pairs nearer to each other than this are left out: a cube in its bowl [half widths of the
image]."""
_GALLERY = 100
_TRAINING = "training words"


@dataclass(frozen=True)
class Metric:
    """One figure and its target."""

    name: str
    value: float
    n: int
    """Number of answers."""
    target: str = ""
    """Bound that was set beforehand, such as ">= 0.98" or "<= 8"; empty if there is none."""
    is_rate: bool = True
    """Whether it is a share of `n`, which has an interval, or a length in millimetres."""

    @property
    def reached(self) -> bool | None:
        """Whether the target was reached; None without one."""
        if not self.target:
            return None
        sign, bound = self.target.split()
        return self.value >= float(bound) if sign == ">=" else self.value <= float(bound)

    def __str__(self) -> str:
        """A line for people."""
        if self.is_rate:
            low, high = wilson(round(self.value * self.n), self.n)
            text = f"{self.value:.3f} [{low:.3f}, {high:.3f}]"
        else:
            text = f"{self.value:.1f} mm"
        verdict = {None: "", True: f"  (target {self.target})",
                   False: f"  (target {self.target}: MISSED)"}[self.reached]  # fmt: skip
        return f"{self.name:<62} {text:<24} n={self.n}{verdict}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, by the keys of ``docs/results/clip-exam.json``."""
        return {
            "what": self.name, "value": self.value, "n": self.n, "aim": self.target,
            "share": self.is_rate, "reached": self.reached,
        }  # fmt: skip


def evaluate_clip(encoder: ClipEncoder, images: int = 400, split: str = "test") -> list[Metric]:
    """Compute every metric.

    Args:
        encoder: Any CLIP.
        images: Images per set, from episodes of the split, on which nothing is trained.
        split: Split of the episodes.
    """
    rng = np.random.default_rng(0)
    metrics: list[Metric] = []
    held_out = _with_colours(tuple(HELD_OUT_COLOURS))
    sets: dict[str, tuple[str, dict[str, Any], str]] = {
        _TRAINING: (_ENV, {}, ">= 0.98"),
        "unseen colours": (_ENV, {"novelty": ("colours",)}, ">= 0.95"),
        "unseen kinds": (_ENV, {"novelty": ("kinds",)}, ">= 0.95"),
        "unseen backgrounds": (_ENV, {"novelty": ("backgrounds",)}, ""),
        "unseen lights": (_ENV, {"novelty": ("lights",)}, ""),
        "reasoning": (_ENV, {"novelty": ("reasoning",)}, ""),
        "all tasks": ("VLATabletop-v0", {}, ""),
        "colours held out of pretraining": (_ENV, {"task": held_out}, ""),
    }
    for name, (env_id, kwargs, target) in sets.items():
        data = collect(env_id, images, split, **kwargs)
        grounder = Grounder(encoder, data.camera)
        features = encoder.encode_image(data.images)
        metrics += localisation(grounder, features, data, rng, name, target)
        if name == _TRAINING:
            metrics.append(absent_object_rejection(grounder, features, data, rng))
            metrics.append(role_disambiguation(grounder, features, data))
            metrics.append(caption_retrieval(encoder, features, data, rng))
    return metrics


def localisation(
    grounder: Grounder, features: ImageFeatures, data: EvaluationSet, rng: Generator, name: str,
    target: str = "",
) -> list[Metric]:  # fmt: skip
    """Right objects and position errors, over a phrase for every visible object.

    Args:
        grounder: Of the CLIP.
        features: Of the images.
        data: The images.
        rng: Chooses the words.
        name: Name of the set; "reasoning" asks with comparisons, and the training words have
            targets of precision.
        target: Target of the share of right objects.
    """
    asked = list(present_phrases(data, rng, reasoning=name == "reasoning"))
    rows, slots = np.array([(i, s) for i, s, _ in asked]).T
    uv, confidence = ask(grounder, features, rows, [text for *_, text in asked])
    xy = data.camera.deproject(uv, POINT_HEIGHT)[..., :2]
    error = 1e3 * np.linalg.norm(xy - data.xy[rows, slots], axis=1)[data.low[rows, slots]]
    right = is_right(uv, data, rows, slots)
    precise = name == _TRAINING
    metrics = [
        Metric(f"{name}: right object", float(right.mean()), len(right), target),
        Metric(f"{name}: median error", float(np.median(error)), len(error),
               "<= 8" if precise else "", False),
        Metric(f"{name}: 95th percentile of the error", float(np.percentile(error, 95)), len(error),
               "<= 25" if precise else "", False),
    ]  # fmt: skip
    if precise:
        lost = float((confidence < PRESENCE_THRESHOLD).mean())
        metrics.append(Metric("visible objects rejected", lost, len(confidence), "<= 0.05"))
    return metrics


def absent_object_rejection(
    grounder: Grounder, features: ImageFeatures, data: EvaluationSet, rng: Generator
) -> Metric:
    """Share of absent objects, alike in kind or colour to present ones, that are rejected."""
    asked = list(absent_phrases(data, rng))
    rows = np.array([i for i, _ in asked])
    _, confidence = ask(grounder, features, rows, [text for _, text in asked])
    share = float((confidence < PRESENCE_THRESHOLD).mean())
    return Metric("absent-object rejection", share, len(confidence), ">= 0.95")


def role_disambiguation(grounder: Grounder, features: ImageFeatures, data: EvaluationSet) -> Metric:
    """Share of instructions whose object and target are not confused.

    Pairs that all but coincide in the image are left out.
    """
    first, last = data.named.T
    rows = np.arange(len(first))
    both = (first != last) & data.visible[rows, first] & data.visible[rows, last]
    both &= np.linalg.norm(data.uv[rows, first] - data.uv[rows, last], axis=1) > _APART
    uv = grounder.ground_features(features, data.instructions).point.cpu().numpy()

    def gap(role: int, slot: NDArray) -> NDArray:
        return np.linalg.norm(uv[:, role] - data.uv[rows, slot], axis=1)

    apart = (gap(0, first) < gap(0, last)) & (gap(1, last) < gap(1, first))
    share = float(apart[both].mean())
    return Metric("role disambiguation", share, int(both.sum()), ">= 0.97")


def caption_retrieval(
    encoder: ClipEncoder, features: ImageFeatures, data: EvaluationSet, rng: Generator
) -> Metric:
    """Share of images whose caption is found among a hundred, by the pooled features alone."""
    texts = [caption(data, i, rng) for i in range(len(data.scenes))]
    size = min(_GALLERY, len(texts))
    words, hits = encoder.encode_text(texts), []
    for start in range(0, len(texts) - size + 1, size):
        part = slice(start, start + size)
        best = (features.pooled[part] @ words[part].T).argmax(dim=1).cpu().numpy()
        hits.append(best == np.arange(size))
    found = np.concatenate(hits)
    return Metric(f"caption retrieval among {size}", float(found.mean()), len(found), ">= 0.9")


def caption(data: EvaluationSet, i: int, rng: Generator) -> str:
    """The visible objects of image i, in random order."""
    scene = data.scenes[i]
    order = [int(j) for j in rng.permutation(len(scene.kinds)) if data.visible[i, j]]
    return " and ".join(f"a {scene.colours[j]} {scene.kinds[j]}" for j in order) or "a table"


def ask(
    grounder: Grounder, features: ImageFeatures, rows: NDArray, texts: Sequence[str]
) -> tuple[NDArray, NDArray]:
    """Ground phrases in some of the images.

    Args:
        grounder: Of the CLIP.
        features: Of the images.
        rows: Image of each phrase. Shape (m,).
        texts: The phrases.

    Returns:
        Image coordinates (m, 2) and confidences (m,).
    """
    pick = torch.as_tensor(rows, device=features.tokens.device)
    chosen = ImageFeatures(features.pooled[pick], features.tokens[pick])
    found = grounder.ground_features(chosen, texts)
    return found.point[:, 0].cpu().numpy(), found.confidence[:, 0].cpu().numpy()


def _with_colours(words: tuple[str, ...]) -> Any:
    """Pick and place with objects of these colours."""
    task = TASKS["PickPlace"]
    return replace(task, roles={k: replace(r, colours=words) for k, r in task.roles.items()})
