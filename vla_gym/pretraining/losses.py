"""Training loss of the embedded CLIP: captions of images, and positions of named objects."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from vla_gym.pretraining.queries import NO_OBJECT, Queries
from vla_gym.pretraining.scene_sampler import Views
from vla_gym.pretraining.targets import cell_aims, cell_labels, phrase_targets, role_targets
from vla_gym.vlm.dense import cell_grid, encode_dense
from vla_gym.vlm.roles import RoleReader, text_hidden, text_pooled

_POSITIVE_WEIGHT = 2.0
_WINDOW = 2.5


@dataclass
class FeatureQueue:
    """Features of the latest images and captions, as further negatives of the contrast loss."""

    size: int = 512
    """How many are kept."""
    images: Tensor = field(default_factory=lambda: torch.zeros(0))
    captions: Tensor = field(default_factory=lambda: torch.zeros(0))

    def add(self, images: Tensor, captions: Tensor) -> None:
        """Add a batch, each L2-normalised, shape (n, d); the oldest are dropped."""
        for name, new in (("images", images), ("captions", captions)):
            old = getattr(self, name).to(new).view(-1, new.shape[1])
            setattr(self, name, torch.cat([new.detach(), old])[: self.size])


@dataclass
class Losses:
    """Terms of the training loss; ``log.json`` has them by these names."""

    contrast: Tensor
    """Cross-entropy between images and captions, in both directions."""
    presence: Tensor
    """Binary cross-entropy of each cell of each role's map."""
    place: Tensor
    """Cross-entropy of the map over cells, for visible objects."""
    point: Tensor
    """Distance of the soft-argmax from the aim point, for visible objects [cells]."""
    shape: Tensor
    """Distance of the predicted grasp shape (`vla_gym.world.grasping.shape_of`) from the truth."""
    sure: Tensor
    """Binary cross-entropy of each map's highest cell: is the object there at all?"""
    others: Tensor
    """Presence of every bare phrase in every image of the batch."""
    others_place: Tensor
    """Place of every bare phrase in every image where it names one object."""
    facts: Tensor
    """Kind and colour, predicted from cells and from queries by the same linear map."""
    votes: Tensor
    """Distance of each cell's predicted centre of its object from the truth [cells]."""

    def total(self) -> Tensor:
        """Weighted sum."""
        presence = 0.2 * self.presence + 0.3 * self.others
        place = 0.5 * self.place + 0.3 * self.others_place
        geometry = 0.7 * self.point + self.shape + 0.5 * self.votes
        return presence + place + geometry + 0.2 * self.contrast + 0.5 * self.sure + self.facts

    def numbers(self) -> dict[str, float]:
        """Plain values by name."""
        return {name: float(getattr(self, name).detach()) for name in self.__dataclass_fields__}


def make_attribute_head(dim: int) -> nn.Module:
    """The map from the joint space to kind and Lab; used in training only."""
    head = nn.Linear(dim, NO_OBJECT + 4)
    with torch.no_grad():
        head.weight.mul_(6.0)  # its inputs have length 1
    return head


def read_texts(clip: nn.Module, roles: RoleReader, tokenizer: object, texts: list[str]) -> Tensor:
    """Role queries of texts, in three batches by length to save padding.

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
    attributes: nn.Module,
    tokenizer: object,
    images: Tensor,
    views: Views,
    queries: Queries,
    queue: FeatureQueue,
    half: bool = False,
) -> Losses:
    """All loss terms of one batch.

    Args:
        clip: The model.
        roles: The role reader.
        attributes: From `make_attribute_head`.
        tokenizer: open_clip's tokenizer.
        images: Tower input. Shape (n, 3, h, w).
        views: The images' truth.
        queries: Texts about them.
        queue: Features of earlier batches; this batch is added.
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
    contrast = _contrast(pooled, caption, queue, clip.logit_scale.exp())  # type: ignore
    geometry = torch.cat([roles.shifts(tokens), roles.shapes(tokens)], dim=-1)
    truth = torch.cat([point, shape], dim=-1)[seen]
    terms = (
        contrast, _presence(heat[counts], goal[counts]), _place(heat[seen], goal[seen]),
        *_geometry(heat[seen], geometry[torch.nonzero(seen)[:, 0]], truth, gh, gw),
    )  # fmt: skip
    sure = _sure(heat[counts], seen[counts])
    goal, counts, seen = _tensors(phrase_targets(views, queries.fit), device)
    sure = sure + _sure(others[counts], seen[counts])
    more = sure, _presence(others[counts], goal[counts]), _place(others[seen], goal[seen])
    of_cells = _attributes(attributes(tokens).flatten(0, 1), cell_labels(views).reshape(-1, 4))
    words = torch.cat([read[: n * k].flatten(0, 1), read[n * k :, 0]])
    claims = np.concatenate([queries.claims.reshape(-1, 4), queries.phrase_claims])
    of_words = _attributes(attributes(words), claims)
    votes = _votes(geometry[..., :2], torch.from_numpy(cell_aims(views)).to(device), gh, gw)
    return Losses(*terms, *more, of_cells + of_words, votes)


def _in_cells(point: Tensor, gh: int, gw: int) -> Tensor:
    """Image coordinates (..., 2) as column and row."""
    return (point + 1) / 2 * torch.tensor([gw, gh]).to(point) - 0.5


def _votes(shift: Tensor, aims: Tensor, gh: int, gw: int) -> Tensor:
    goal = _in_cells(aims, gh, gw) - cell_grid(gh, gw, aims.device)
    known = ~goal.isnan().any(-1)
    return functional.smooth_l1_loss(shift[known], goal[known], beta=0.1)


def _tensors(arrays: tuple[NDArray, ...], device: torch.device) -> tuple[Tensor, ...]:
    return tuple(torch.from_numpy(a).to(device) for a in arrays)


def _contrast(pooled: Tensor, caption: Tensor, queue: FeatureQueue, scale: Tensor) -> Tensor:
    right = torch.arange(len(pooled), device=pooled.device)
    old = (m.to(pooled).view(-1, pooled.shape[1]) for m in (queue.captions, queue.images))
    captions, images = (torch.cat(pair) for pair in zip((caption, pooled), old, strict=True))
    to_words, to_images = scale * pooled @ captions.T, scale * caption @ images.T
    queue.add(pooled, caption)
    return 0.5 * (
        functional.cross_entropy(to_words, right) + functional.cross_entropy(to_images, right)
    )


def _sure(heat: Tensor, seen: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(heat.amax(-1), seen.float())


def _attributes(found: Tensor, truth: NDArray) -> Tensor:
    goal = torch.from_numpy(truth).to(found.device)
    kind, colour = ~goal[:, 0].isnan(), ~goal[:, 1].isnan()
    weight = torch.ones(NO_OBJECT + 1, device=found.device)
    weight[NO_OBJECT] = 0.1
    scores = functional.cross_entropy(found[kind, :-3], goal[kind, 0].long(), weight=weight)
    return scores + 4.0 * functional.smooth_l1_loss(found[colour, -3:], goal[colour, 1:], beta=0.1)


def _presence(heat: Tensor, goal: Tensor) -> Tensor:
    weight = torch.tensor(_POSITIVE_WEIGHT, device=heat.device)
    cells = functional.binary_cross_entropy_with_logits(
        heat, goal, reduction="none", pos_weight=weight
    )
    return cells.sum(-1).mean()


def _place(heat: Tensor, goal: Tensor) -> Tensor:
    share = goal / goal.sum(-1, keepdim=True)
    return -(share * heat.log_softmax(-1)).sum(-1).mean()


def _geometry(
    heat: Tensor, cells: Tensor, truth: Tensor, gh: int, gw: int
) -> tuple[Tensor, Tensor]:
    """Losses of point and shape, from the cells around the aim point.

    Args:
        heat: Shape (m, gh * gw).
        cells: Shift and shape of each cell. Shape (m, gh * gw, 2 + N_SHAPE).
        truth: Point and shape. Shape (m, 2 + N_SHAPE).
        gh: Rows of cells.
        gw: Columns of cells.
    """
    cell, aim = cell_grid(gh, gw, heat.device), _in_cells(truth[:, :2], gh, gw)
    away = (cell[None] - aim[:, None]).abs().amax(-1)
    inside = (away <= _WINDOW).any(-1)
    heat, cells, aim, away = heat[inside], cells[inside], aim[inside], away[inside]
    weight = heat.masked_fill(away > _WINDOW, float("-inf")).softmax(-1)
    read = torch.einsum("mk,mkc->mc", weight, cells)
    found, shape = weight @ cell + read[:, :2], truth[inside, 2:]
    known = ~shape.isnan()
    return (
        functional.smooth_l1_loss(found, aim, beta=0.1),
        functional.smooth_l1_loss(read[:, 2:][known], shape[known], beta=0.1),
    )
