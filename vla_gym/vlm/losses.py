"""What the embedded CLIP is trained on: captions of pictures, and places of named things."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from numpy.typing import NDArray
from open_clip.loss import SigLipLoss
from torch import Tensor, nn
from torch.nn import functional

from vla_gym.vlm.dense import encode_dense
from vla_gym.vlm.pretrain_data import (
    NOTHING,
    Queries,
    cell_truth,
    phrase_targets,
    role_targets,
)
from vla_gym.vlm.roles import RoleReader, text_hidden, text_pooled
from vla_gym.vlm.scenes import Views

_POSITIVE_WEIGHT = 3.0
_WINDOW = 2.5


@dataclass
class Losses:
    """Terms of the training loss."""

    contrast: Tensor
    """SigLIP between pictures and captions."""
    presence: Tensor
    """Binary cross-entropy of each cell of each role's map."""
    place: Tensor
    """Cross-entropy of the map over cells, for things that are seen."""
    point: Tensor
    """Distance of the soft-argmax from the aim, for things that are seen [cells]."""

    others: Tensor
    """Presence of every bare phrase in every picture of the batch."""
    others_place: Tensor
    """Place of every bare phrase in every picture where one thing bears it."""
    facts: Tensor
    """Kind and colour read off cells and off queries by one and the same linear map."""

    def total(self) -> Tensor:
        """Weighted sum."""
        presence = 0.2 * self.presence + 0.3 * self.others
        place = 0.5 * self.place + 0.3 * self.others_place
        return 0.2 * self.contrast + presence + place + 0.7 * self.point + self.facts

    def numbers(self) -> dict[str, float]:
        """Plain values by name."""
        return {name: float(getattr(self, name).detach()) for name in self.__dataclass_fields__}


def make_facts(dim: int) -> nn.Module:
    """The map from the joint space to kinds and Lab; a scaffold of training, not of the model."""
    head = nn.Linear(dim, NOTHING + 4)
    with torch.no_grad():
        head.weight.mul_(6.0)  # its inputs have length 1
    return head


def read_texts(clip: nn.Module, roles: RoleReader, tokenizer: object, texts: list[str]) -> Tensor:
    """Role queries of sentences; short and long ones go through the tower apart.

    Args:
        clip: The model.
        roles: The role reader.
        tokenizer: open_clip's tokenizer.
        texts: Repeats are computed once.

    Returns:
        Shape (len(texts), len(ROLES), d).
    """
    unique = list(dict.fromkeys(texts))
    ids = tokenizer(unique)  # type: ignore[operator]
    length = ids.argmax(dim=-1)
    order = length.argsort(stable=True)
    parts = [p for p in order.tensor_split(3) if len(p)]
    read = torch.cat([roles(text_hidden(clip, ids[p]), ids[p]) for p in parts])
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order))
    index = {text: int(back[i]) for i, text in enumerate(unique)}
    return read[torch.tensor([index[t] for t in texts])]


def compute(
    clip: nn.Module,
    roles: RoleReader,
    facts: nn.Module,
    tokenizer: object,
    images: Tensor,
    views: Views,
    queries: Queries,
) -> Losses:
    """All loss terms of one batch.

    Args:
        clip: The model.
        roles: The role reader.
        facts: From `make_facts`.
        tokenizer: open_clip's tokenizer.
        images: Tower input. Shape (n, 3, h, w).
        views: The pictures' truth.
        queries: Sentences about them.
    """
    pooled, tokens, (gh, gw) = encode_dense(clip.visual, images)
    n, k, r = queries.slots.shape
    texts = [t for row in queries.texts for t in row]
    read = read_texts(clip, roles, tokenizer, texts + [p.text for p in queries.phrases])
    heat = roles.heat(tokens, read[: n * k].view(n, k * r, -1)).view(n, k, r, -1)
    others = roles.heat(tokens, read[n * k :, 0].expand(n, -1, -1))
    goal, counts, point, seen = (torch.from_numpy(x) for x in role_targets(views, queries.slots))
    ids = tokenizer(queries.captions)  # type: ignore[operator]
    caption = text_pooled(clip, text_hidden(clip, ids), ids)
    contrast = SigLipLoss()(pooled, caption, clip.logit_scale.exp(), clip.logit_bias)  # type: ignore
    shifts = roles.shifts(tokens)[torch.nonzero(seen)[:, 0]]
    terms = (
        contrast, _presence(heat[counts], goal[counts]), _place(heat[seen], goal[seen]),
        _point_loss(heat[seen], shifts, point[seen], gh, gw),
    )  # fmt: skip
    goal, counts, seen = (torch.from_numpy(x) for x in phrase_targets(views, queries.fit))
    more = _presence(others[counts], goal[counts]), _place(others[seen], goal[seen])
    about_cells = _facts(facts(tokens).flatten(0, 1), cell_truth(views).reshape(-1, 4))
    about_words = _facts(facts(read[: n * k]).flatten(0, 1), queries.meant.reshape(-1, 4))
    return Losses(*terms, *more, about_cells + about_words)


def _facts(told: Tensor, truth: NDArray) -> Tensor:
    goal = torch.from_numpy(truth)
    kind, colour = ~goal[:, 0].isnan(), ~goal[:, 1].isnan()
    rare = torch.ones(NOTHING + 1)
    rare[NOTHING] = 0.1
    scores = functional.cross_entropy(told[kind, :-3], goal[kind, 0].long(), weight=rare)
    return scores + 4.0 * functional.smooth_l1_loss(told[colour, -3:], goal[colour, 1:], beta=0.1)


def _presence(heat: Tensor, goal: Tensor) -> Tensor:
    weight = torch.tensor(_POSITIVE_WEIGHT)
    cells = functional.binary_cross_entropy_with_logits(
        heat, goal, reduction="none", pos_weight=weight
    )
    return cells.sum(-1).mean()


def _place(heat: Tensor, goal: Tensor) -> Tensor:
    share = goal / goal.sum(-1, keepdim=True)
    return -(share * heat.log_softmax(-1)).sum(-1).mean()


def _point_loss(heat: Tensor, shifts: Tensor, point: Tensor, gh: int, gw: int) -> Tensor:
    rows = torch.arange(gh).repeat_interleave(gw)
    cols = torch.arange(gw).repeat(gh)
    cell = torch.stack([cols, rows], -1).float()
    size = torch.tensor([gw, gh])
    aim = (point + 1) / 2 * size - 0.5
    away = (cell[None] - aim[:, None]).abs().amax(-1)
    inside = (away <= _WINDOW).any(-1)
    heat, shifts, aim, away = heat[inside], shifts[inside], aim[inside], away[inside]
    weight = heat.masked_fill(away > _WINDOW, float("-inf")).softmax(-1)
    found = weight @ cell + torch.einsum("mk,mkc->mc", weight, shifts)
    return functional.smooth_l1_loss(found, aim, beta=0.1)
