"""Which skill a sentence asks for, read off the text tower."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor, nn

from vla_gym.envs.tasks import MIXTURES
from vla_gym.io import replace_file
from vla_gym.language.noun_phrases import SUPERLATIVES, NounPhrase
from vla_gym.language.templates import render
from vla_gym.language.vocabulary import COLOUR_SYNONYMS, COLOURS, KIND_NOUNS
from vla_gym.skills import VERBS, verb_of
from vla_gym.vlm.cache import TextCache
from vla_gym.vlm.roles import padding, text_hidden

SKILLS_FILE = "skills.safetensors"
_SHARPNESS = 40.0
"""Of the comparison with `VERBS`' plain sentences, for models without a reader."""


class SkillReader(nn.Module):
    """One learnt question, attending over the instruction's tokens.

    Args:
        width: Width of the text tower.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 4)
        self.out = nn.Sequential(nn.Linear(4 * width, 64), nn.GELU(), nn.Linear(64, len(VERBS)))

    def forward(self, hidden: Tensor, ids: Tensor) -> Tensor:
        """Logits of `VERBS`.

        Args:
            hidden: From `vla_gym.vlm.roles.text_hidden`. Shape (n, longest, width).
            ids: Token ids. Shape (n, context).

        Returns:
            Shape (n, len(VERBS)).
        """
        unused = padding(hidden, ids)[..., None]
        weight = self.score(hidden).masked_fill(unused, float("-inf")).softmax(dim=1)
        return self.out(torch.einsum("nlh,nlc->nhc", weight, hidden).flatten(1))

    def save(self, folder: Path) -> None:
        """Write the weights beside the CLIP model's, in one move."""
        replace_file(folder / SKILLS_FILE, lambda file: file.write(save(self.state_dict())))

    @classmethod
    def load(cls, folder: Path) -> SkillReader:
        """Read the weights from a model folder."""
        state = load_file(folder / SKILLS_FILE)
        reader = cls(state["score.weight"].shape[1])
        reader.load_state_dict(state)
        return reader.eval()


class Skills:
    """Reads the skills of sentences, each distinct one once.

    Models that come with a `SkillReader` use it; for others a sentence is compared with the plain
    ones of `VERBS`.

    Args:
        encoder: `vla_gym.vlm.ClipEncoder`.
    """

    def __init__(self, encoder: Any) -> None:
        self.encoder = encoder
        folder: Path | None = getattr(encoder, "folder", None)
        self.reader: SkillReader | None = None
        if folder is not None and (folder / SKILLS_FILE).is_file():
            self.reader = SkillReader.load(folder).to(encoder.device)
        self._texts: TextCache[NDArray[np.float32]] = TextCache(self._probabilities)

    @torch.inference_mode()
    def read(self, instructions: Sequence[str]) -> NDArray[np.float32]:
        """How likely each skill is meant.

        Args:
            instructions: Sentences.

        Returns:
            Rows sum to 1, in the order of `VERBS`. Shape (n, len(VERBS)).
        """
        if not instructions:
            return np.zeros((0, len(VERBS)), np.float32)
        return np.stack(self._texts(instructions))

    def _probabilities(self, texts: list[str]) -> NDArray[np.float32]:
        if self.reader is not None:
            ids = self.encoder.tokenize(texts)
            logits = self.reader(text_hidden(self.encoder.clip, ids), ids)
        else:
            plain = self.encoder.encode_text(list(VERBS.values()))
            logits = _SHARPNESS * self.encoder.encode_text(texts) @ plain.T
        return logits.softmax(dim=-1).float().cpu().numpy()


def say_anything(rng: Generator, n: int) -> tuple[list[str], NDArray[np.int64]]:
    """Sentences of all tasks about things of any name, and the skill that each asks for.

    Args:
        rng: Source of randomness.
        n: How many.
    """
    tasks = [t for t in MIXTURES["Tabletop"] if verb_of(t.goal) is not None]
    names, texts, truth = list(VERBS), [], []
    for _ in range(n):
        task = tasks[int(rng.integers(len(tasks)))]
        template = str(rng.choice(task.all_phrases))
        phrases = {
            role: _phrase(rng, kind.kinds + kind.novel_kinds, kind.many)
            for role, kind in task.roles.items()
        }
        texts.append(render(template, phrases))
        truth.append(names.index(verb_of(task.goal)))  # type: ignore[arg-type]
    return texts, np.array(truth)


def _phrase(rng: Generator, kinds: tuple[str, ...], many: bool) -> NounPhrase:
    nouns = KIND_NOUNS[str(rng.choice(kinds))]
    noun = nouns[0] if rng.random() < 0.6 else str(rng.choice(nouns))
    colour = str(rng.choice([*COLOURS, *COLOUR_SYNONYMS]))
    if many:
        everything = NounPhrase(colour=colour, every=True)
        return everything if rng.random() < 0.5 else NounPhrase(noun=noun, every=True)
    style = rng.random()
    if style < 0.1:
        return NounPhrase(noun, superlative=str(rng.choice(list(SUPERLATIVES))))
    if style < 0.15:
        return NounPhrase(noun, other_than=colour)
    return NounPhrase(noun, colour)


def learn_skills(
    clip: nn.Module, tokenizer: Any, width: int, steps: int = 1_000, seed: int = 0
) -> tuple[SkillReader, float]:
    """Fit a reader to the frozen text tower, from sentences alone.

    Args:
        clip: The model.
        tokenizer: Its tokenizer.
        width: Width of its text tower.
        steps: Gradient steps.
        seed: Of the sentences.

    Returns:
        The reader, and the share of 2,000 fresh sentences that it reads right.
    """
    device = next(clip.parameters()).device
    torch.manual_seed(seed)
    reader = SkillReader(width).to(device)
    optimizer = torch.optim.AdamW(reader.parameters(), 2e-3, weight_decay=0.01)
    shape = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    rng = np.random.default_rng(seed)

    def read(n: int) -> tuple[Tensor, Tensor]:
        texts, truth = say_anything(rng, n)
        ids = tokenizer(texts).to(device)
        with torch.no_grad():
            hidden = text_hidden(clip, ids)
        return reader(hidden, ids), torch.from_numpy(truth).to(device)

    for _ in range(steps):
        loss = nn.functional.cross_entropy(*read(128))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        shape.step()
    reader.eval()
    with torch.no_grad():
        logits, truth = read(2_000)
    return reader, float((logits.argmax(-1) == truth).float().mean())
