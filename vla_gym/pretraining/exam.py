"""Marks of an examination: what was asked, how well it was answered, what was aimed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from vla_gym.envs.tasks import TASKS
from vla_gym.evaluation.statistics import wilson
from vla_gym.pretraining.exam_shots import Shots, denials, points_right, questions, shoot
from vla_gym.pretraining.phrases import UNHEARD
from vla_gym.pretraining.scene_sampler import POINT_HEIGHT
from vla_gym.vlm.encoder import ClipEncoder, ImageFeatures
from vla_gym.vlm.grounding import THERE, Grounder

_ENV = "VLAPickPlace-v0"
_APART = 0.1
"""Pairs that are seen nearer to each other than this are one place: a cube in its bowl
[half widths of the picture]."""
_GALLERY = 100


@dataclass(frozen=True)
class Mark:
    """One figure."""

    what: str
    value: float
    n: int
    """Answers that it sums up."""
    aim: str = ""
    """Bound that was set beforehand, such as ">= 0.98" or "<= 8"; empty if there is none."""
    share: bool = True
    """Whether it is a share of `n`, which has an interval, or millimetres."""

    @property
    def reached(self) -> bool | None:
        """Whether the aim was reached; None without one."""
        if not self.aim:
            return None
        sign, bound = self.aim.split()
        return self.value >= float(bound) if sign == ">=" else self.value <= float(bound)

    def __str__(self) -> str:
        """A line for people."""
        if self.share:
            low, high = wilson(round(self.value * self.n), self.n)
            text = f"{self.value:.3f} [{low:.3f}, {high:.3f}]"
        else:
            text = f"{self.value:.1f} mm"
        verdict = {None: "", True: f"  (aim {self.aim})", False: f"  (aim {self.aim}: MISSED)"}
        return f"{self.what:<58} {text:<24} n={self.n}{verdict[self.reached]}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self) | {"reached": self.reached}


def examine(encoder: ClipEncoder, pictures: int = 400, split: str = "test") -> list[Mark]:
    """Ask everything.

    Args:
        encoder: Any CLIP.
        pictures: Of each set; they come from episodes of the split, which nothing is learnt from.
        split: Of the episodes.
    """
    rng = np.random.default_rng(0)
    marks: list[Mark] = []
    unheard = _with_colours(tuple(UNHEARD))
    sets: dict[str, tuple[str, dict[str, Any]]] = {
        "seen words": (_ENV, {}),
        "colour words new to robots": (_ENV, {"novelty": ("colours",)}),
        "kinds new to robots": (_ENV, {"novelty": ("kinds",)}),
        "new backgrounds": (_ENV, {"novelty": ("backgrounds",)}),
        "new lights": (_ENV, {"novelty": ("lights",)}),
        "reasoning": (_ENV, {"novelty": ("reasoning",)}),
        "all tasks": ("VLATabletop-v0", {}),
        "colour names kept out of pretraining": (_ENV, {"task": unheard}),
    }
    for name, (env_id, kwargs) in sets.items():
        shots = shoot(env_id, pictures, split, **kwargs)
        grounder = Grounder(encoder, shots.camera)
        seen = encoder.encode_image(shots.images)
        known = name == "seen words"
        right_aim = {"seen words": ">= 0.98", "colour words new to robots": ">= 0.95",
                     "kinds new to robots": ">= 0.95"}.get(name, "")  # fmt: skip
        marks += locating(grounder, seen, shots, rng, name, right_aim, known)
        if known:
            marks += denying(grounder, seen, shots, rng)
            marks.append(telling_roles(grounder, seen, shots))
            marks.append(retrieving(encoder, seen, shots, rng))
    return marks


def locating(
    grounder: Grounder, seen: ImageFeatures, shots: Shots, rng: Generator, name: str,
    right_aim: str, precise: bool,
) -> list[Mark]:  # fmt: skip
    """Ask where each visible thing is."""
    asked = list(questions(shots, rng, reasoning=name == "reasoning"))
    rows, slots = np.array([(i, s) for i, s, _ in asked]).T
    uv, sure = ask(grounder, seen, rows, [text for *_, text in asked])
    xy = shots.camera.deproject(uv, POINT_HEIGHT)[..., :2]
    error = 1e3 * np.linalg.norm(xy - shots.xy[rows, slots], axis=1)[shots.low[rows, slots]]
    right = points_right(uv, shots, rows, slots)
    marks = [
        Mark(f"{name}: right thing", float(right.mean()), len(right), right_aim),
        Mark(f"{name}: median error", float(np.median(error)), len(error),
             "<= 8" if precise else "", False),
        Mark(f"{name}: 95th percentile of the error", float(np.percentile(error, 95)), len(error),
             "<= 25" if precise else "", False),
    ]  # fmt: skip
    if precise:
        lost = float((sure < THERE).mean())
        marks.append(Mark("there, but said not to be", lost, len(sure), "<= 0.05"))
    return marks


def denying(grounder: Grounder, seen: ImageFeatures, shots: Shots, rng: Generator) -> list[Mark]:
    """Ask for things that are not there, alike in kind or colour to what is."""
    asked = list(denials(shots, rng))
    _, sure = ask(grounder, seen, np.array([i for i, _ in asked]), [text for _, text in asked])
    return [Mark("not there, and said so", float((sure < THERE).mean()), len(sure), ">= 0.95")]


def telling_roles(grounder: Grounder, seen: ImageFeatures, shots: Shots) -> Mark:
    """Ask which of the two things of a sentence is which, unless one is all but at the other."""
    first, last = shots.named.T
    rows = np.arange(len(first))
    both = (first != last) & shots.visible[rows, first] & shots.visible[rows, last]
    both &= np.linalg.norm(shots.uv[rows, first] - shots.uv[rows, last], axis=1) > _APART
    uv = grounder.ground_features(seen, shots.instructions).point.cpu().numpy()

    def gap(role: int, slot: NDArray) -> NDArray:
        return np.linalg.norm(uv[:, role] - shots.uv[rows, slot], axis=1)

    apart = (gap(0, first) < gap(0, last)) & (gap(1, last) < gap(1, first))
    share = float(apart[both].mean())
    return Mark("source and target told apart", share, int(both.sum()), ">= 0.97")


def retrieving(encoder: ClipEncoder, seen: ImageFeatures, shots: Shots, rng: Generator) -> Mark:
    """Ask which of a hundred captions belongs to each picture, by the pooled features alone."""
    texts = [caption(shots, i, rng) for i in range(len(shots.seen))]
    words, hits = encoder.encode_text(texts), []
    for start in range(0, len(texts) - _GALLERY + 1, _GALLERY):
        part = slice(start, start + _GALLERY)
        best = (seen.pooled[part] @ words[part].T).argmax(dim=1).cpu().numpy()
        hits.append(best == np.arange(_GALLERY))
    found = np.concatenate(hits)
    return Mark("right caption among 100", float(found.mean()), len(found), ">= 0.9")


def caption(shots: Shots, i: int, rng: Generator) -> str:
    """What picture i shows, thing by thing, in some order."""
    seen = shots.seen[i]
    order = [int(j) for j in rng.permutation(len(seen.kinds)) if shots.visible[i, j]]
    return " and ".join(f"a {seen.colours[j]} {seen.kinds[j]}" for j in order) or "a table"


def ask(
    grounder: Grounder, seen: ImageFeatures, rows: NDArray, texts: Sequence[str]
) -> tuple[NDArray, NDArray]:
    """Ground texts in some of the pictures; returns places (m, 2) and confidences (m,)."""
    pick = torch.as_tensor(rows, device=seen.tokens.device)
    found = grounder.ground_features(ImageFeatures(seen.pooled[pick], seen.tokens[pick]), texts)
    return found.point[:, 0].cpu().numpy(), found.confidence[:, 0].cpu().numpy()


def _with_colours(words: tuple[str, ...]) -> Any:
    """Pick and place among things of these colours."""
    task = TASKS["PickPlace"]
    return replace(task, roles={k: replace(r, colours=words) for k, r in task.roles.items()})
