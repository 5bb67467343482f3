"""What the embedded CLIP is trained on: captions of pictures, and places of named things."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vla_gym.pretraining.queries import (
    NOTHING,
    Queries,
    cell_aims,
    cell_truth,
    phrase_targets,
    role_targets,
)
from vla_gym.pretraining.scene_sampler import Views
from vla_gym.vlm.dense import cell_grid, encode_dense
from vla_gym.vlm.roles import RoleReader, text_hidden, text_pooled

_POSITIVE_WEIGHT = 2.0
_WINDOW = 2.5


@dataclass
class Memory:
    """Pictures and captions of the last batches, as more of what does not belong together."""

    size: int = 512
    """How many are kept."""
    pictures: Tensor = field(default_factory=lambda: torch.zeros(0))
    captions: Tensor = field(default_factory=lambda: torch.zeros(0))

    def add(self, pictures: Tensor, captions: Tensor) -> None:
        """Remember a batch, each L2-normalised, shape (n, d); the oldest is forgotten."""
        for name, new in (("pictures", pictures), ("captions", captions)):
            old = getattr(self, name).to(new).view(-1, new.shape[1])
            setattr(self, name, torch.cat([new.detach(), old])[: self.size])


@dataclass
class Losses:
    """Terms of the training loss."""

    contrast: Tensor
    """Cross-entropy between pictures and captions, both ways."""
    presence: Tensor
    """Binary cross-entropy of each cell of each role's map."""
    place: Tensor
    """Cross-entropy of the map over cells, for things that are seen."""
    point: Tensor
    """Distance of the soft-argmax from the aim, for things that are seen [cells]."""
    shape: Tensor
    """Distance of what the cells say about its height and how to take it from the truth."""
    sure: Tensor
    """Binary cross-entropy of each map's highest cell: is it there at all?"""
    others: Tensor
    """Presence of every bare phrase in every picture of the batch."""
    others_place: Tensor
    """Place of every bare phrase in every picture where one thing bears it."""
    facts: Tensor
    """Kind and colour read off cells and off queries by one and the same linear map."""
    votes: Tensor
    """Distance of where each cell says its thing's middle is from there [cells]."""

    def total(self) -> Tensor:
        """Weighted sum."""
        presence = 0.2 * self.presence + 0.3 * self.others
        place = 0.5 * self.place + 0.3 * self.others_place
        geometry = 0.7 * self.point + self.shape + 0.5 * self.votes
        return presence + place + geometry + 0.2 * self.contrast + 0.5 * self.sure + self.facts

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
    device = roles.question.device
    ids = tokenizer(unique).to(device)  # type: ignore[operator]
    order = ids.argmax(dim=-1).argsort(stable=True)
    parts = [p for p in order.tensor_split(3) if len(p)]
    read = torch.cat([roles(text_hidden(clip, ids[p]), ids[p]) for p in parts])
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order), device=device)
    index = {text: int(back[i]) for i, text in enumerate(unique)}
    return read[torch.tensor([index[t] for t in texts], device=device)]


def compute(
    clip: nn.Module,
    roles: RoleReader,
    facts: nn.Module,
    tokenizer: object,
    images: Tensor,
    views: Views,
    queries: Queries,
    memory: Memory,
    half: bool = False,
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
        memory: Earlier pictures and captions; this batch is added.
        half: Whether the image tower computes in bfloat16.
    """
    device = images.device
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        pooled, tokens, (gh, gw) = encode_dense(clip.visual, images)
    pooled, tokens = pooled.float(), tokens.float()
    n, k, r = queries.slots.shape
    texts = [t for row in queries.texts for t in row]
    read = read_texts(clip, roles, tokenizer, texts + [p.text for p in queries.phrases])
    heat = roles.heat(tokens, read[: n * k].view(n, k * r, -1)).view(n, k, r, -1)
    others = roles.heat(tokens, read[n * k :, 0].expand(n, -1, -1))
    goal, counts, point, shape, seen = _tensors(role_targets(views, queries.slots), device)
    ids = tokenizer(queries.captions).to(device)  # type: ignore[operator]
    caption = text_pooled(clip, text_hidden(clip, ids), ids)
    contrast = _contrast(pooled, caption, memory, clip.logit_scale.exp())  # type: ignore
    told = torch.cat([roles.shifts(tokens), roles.shapes(tokens)], dim=-1)
    truth = torch.cat([point, shape], dim=-1)[seen]
    terms = (
        contrast, _presence(heat[counts], goal[counts]), _place(heat[seen], goal[seen]),
        *_geometry(heat[seen], told[torch.nonzero(seen)[:, 0]], truth, gh, gw),
    )  # fmt: skip
    sure = _sure(heat[counts], seen[counts])
    goal, counts, seen = _tensors(phrase_targets(views, queries.fit), device)
    sure = sure + _sure(others[counts], seen[counts])
    more = sure, _presence(others[counts], goal[counts]), _place(others[seen], goal[seen])
    about_cells = _facts(facts(tokens).flatten(0, 1), cell_truth(views).reshape(-1, 4))
    words = torch.cat([read[: n * k].flatten(0, 1), read[n * k :, 0]])
    about_words = _facts(facts(words), np.concatenate([queries.meant.reshape(-1, 4), queries.told]))
    votes = _votes(told[..., :2], torch.from_numpy(cell_aims(views)).to(device), gh, gw)
    return Losses(*terms, *more, about_cells + about_words, votes)


def _in_cells(point: Tensor, gh: int, gw: int) -> Tensor:
    """Picture coordinates (..., 2) as column and row."""
    return (point + 1) / 2 * torch.tensor([gw, gh]).to(point) - 0.5


def _votes(shift: Tensor, aims: Tensor, gh: int, gw: int) -> Tensor:
    goal = _in_cells(aims, gh, gw) - cell_grid(gh, gw, aims.device)
    known = ~goal.isnan().any(-1)
    return functional.smooth_l1_loss(shift[known], goal[known], beta=0.1)


def _tensors(arrays: tuple[NDArray, ...], device: torch.device) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(a).to(device) for a in arrays)


def _contrast(pooled: Tensor, caption: Tensor, memory: Memory, scale: Tensor) -> Tensor:
    right = torch.arange(len(pooled), device=pooled.device)
    old = (m.to(pooled).view(-1, pooled.shape[1]) for m in (memory.captions, memory.pictures))
    captions, pictures = (torch.cat(pair) for pair in zip((caption, pooled), old, strict=True))
    to_words, to_pictures = scale * pooled @ captions.T, scale * caption @ pictures.T
    memory.add(pooled, caption)
    return 0.5 * (
        functional.cross_entropy(to_words, right) + functional.cross_entropy(to_pictures, right)
    )


def _sure(heat: Tensor, seen: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(heat.amax(-1), seen.float())


def _facts(told: Tensor, truth: NDArray) -> Tensor:
    goal = torch.from_numpy(truth).to(told.device)
    kind, colour = ~goal[:, 0].isnan(), ~goal[:, 1].isnan()
    rare = torch.ones(NOTHING + 1, device=told.device)
    rare[NOTHING] = 0.1
    scores = functional.cross_entropy(told[kind, :-3], goal[kind, 0].long(), weight=rare)
    return scores + 4.0 * functional.smooth_l1_loss(told[colour, -3:], goal[colour, 1:], beta=0.1)


def _presence(heat: Tensor, goal: Tensor) -> Tensor:
    weight = torch.tensor(_POSITIVE_WEIGHT, device=heat.device)
    cells = functional.binary_cross_entropy_with_logits(
        heat, goal, reduction="none", pos_weight=weight
    )
    return cells.sum(-1).mean()


def _place(heat: Tensor, goal: Tensor) -> Tensor:
    share = goal / goal.sum(-1, keepdim=True)
    return -(share * heat.log_softmax(-1)).sum(-1).mean()


def _geometry(heat: Tensor, told: Tensor, truth: Tensor, gh: int, gw: int) -> tuple[Tensor, Tensor]:
    """Losses of point and shape, read off the cells around the aim.

    Args:
        heat: Shape (m, gh * gw).
        told: Shifts and shapes of the cells. Shape (m, gh * gw, 2 + N_SHAPE).
        truth: Point and shape. Shape (m, 2 + N_SHAPE).
        gh: Rows of cells.
        gw: Columns of cells.
    """
    cell, aim = cell_grid(gh, gw, heat.device), _in_cells(truth[:, :2], gh, gw)
    away = (cell[None] - aim[:, None]).abs().amax(-1)
    inside = (away <= _WINDOW).any(-1)
    heat, told, aim, away = heat[inside], told[inside], aim[inside], away[inside]
    weight = heat.masked_fill(away > _WINDOW, float("-inf")).softmax(-1)
    read = torch.einsum("mk,mkc->mc", weight, told)
    found, shape = weight @ cell + read[:, :2], truth[inside, 2:]
    known = ~shape.isnan()
    return (
        functional.smooth_l1_loss(found, aim, beta=0.1),
        functional.smooth_l1_loss(read[:, 2:][known], shape[known], beta=0.1),
    )
