"""Training of the verb head: instructions of all tasks, and the fit to the frozen text tower."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from vla_gym.envs.tasks import MIXTURES
from vla_gym.language.noun_phrases import SUPERLATIVES, NounPhrase
from vla_gym.language.templates import render
from vla_gym.language.vocabulary import COLOUR_SYNONYMS, COLOURS, KIND_NOUNS
from vla_gym.skills import VERBS, verb_of
from vla_gym.vlm.roles import text_hidden
from vla_gym.vlm.verb_reader import VerbHead


def sample_instructions(rng: Generator, n: int) -> tuple[list[str], NDArray[np.int64]]:
    """Draw instructions of all tasks, about objects of any name.

    Args:
        rng: Source of randomness.
        n: How many.

    Returns:
        The instructions, and the index of each one's verb in `VERBS`. Shape (n,).
    """
    verbs, texts, labels = list(VERBS), [], []
    tasks = [(t, verb) for t in MIXTURES["Tabletop"] if (verb := verb_of(t.goal)) is not None]
    for _ in range(n):
        task, verb = tasks[int(rng.integers(len(tasks)))]
        template = str(rng.choice(task.all_phrases))
        phrases = {
            name: _draw_phrase(rng, role.kinds + role.novel_kinds, role.many)
            for name, role in task.roles.items()
        }
        texts.append(render(template, phrases))
        labels.append(verbs.index(verb))
    return texts, np.array(labels)


def _draw_phrase(rng: Generator, kinds: tuple[str, ...], many: bool) -> NounPhrase:
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


def fit_verb_head(
    clip: nn.Module, tokenizer: Any, width: int, steps: int = 1_000, seed: int = 0
) -> tuple[VerbHead, float]:
    """Fit a verb head to the frozen text tower.

    Args:
        clip: The model.
        tokenizer: Its tokenizer.
        width: Width of its text tower.
        steps: Gradient steps.
        seed: Seed of weights and instructions.

    Returns:
        The head, and its accuracy on 2,000 new instructions.
    """
    device = next(clip.parameters()).device
    torch.manual_seed(seed)
    head = VerbHead(width).to(device)
    optimizer = torch.optim.AdamW(head.parameters(), 2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    rng = np.random.default_rng(seed)

    def predict(n: int) -> tuple[Tensor, Tensor]:
        texts, labels = sample_instructions(rng, n)
        ids = tokenizer(texts).to(device)
        with torch.no_grad():
            hidden = text_hidden(clip, ids)
        return head(hidden, ids), torch.from_numpy(labels).to(device)

    for _ in range(steps):
        loss = nn.functional.cross_entropy(*predict(128))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    head.eval()
    with torch.no_grad():
        logits, labels = predict(2_000)
    return head, float((logits.argmax(-1) == labels).float().mean())
