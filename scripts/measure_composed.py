"""Measures how well people's requests are carried out, in scenes drawn for them.

    python scripts/measure_composed.py                          # the expert on shipped sentences
    python scripts/measure_composed.py --sentences people.json --policy tabletop-ppo --seeds 2
    python scripts/measure_composed.py --read                   # from the words, not the labels

Sentences come from a folder of tab-separated files as `vla_gym/assets/sentences` has them, or from
a JSON list of objects with text, answer, steps, avoid and lang; those with the answer "act" are
taken. Requests that cannot be done, such as a plate that the gripper cannot grasp, are counted
apart, by reason.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from vla_gym.agents.policies.registry import policy_factory
from vla_gym.envs.asking import Spoken
from vla_gym.envs.composing import composition
from vla_gym.envs.episode import Episode
from vla_gym.envs.registration import make_vec
from vla_gym.errors import InstructionError
from vla_gym.evaluation.statistics import wilson
from vla_gym.io import write_json
from vla_gym.language.reading import understand
from vla_gym.language.understanding import Understanding
from vla_gym.pretraining.labelled_sentences import SENTENCES, load


@dataclass
class ComposedMeasurement:
    """Measure how well requests are carried out."""

    sentences: Path = SENTENCES
    """Folder of .tsv files, or a JSON file."""
    policy: str = "expert"
    """Name or folder of a policy."""
    sample: int = 300
    """Sentences drawn at random; 0 takes all."""
    seeds: int = 1
    """Scenes for each sentence."""
    seed: int = 0
    """Of the sample and the scenes."""
    language: str = ""
    """Only sentences of this language (ISO 639-1); all by default."""
    read: bool = False
    """Take the meanings that are read from the words, not the labels."""
    num_envs: int = 20
    """Episodes that run side by side."""
    failures: int = 20
    """Failures to list."""
    out: Path | None = None
    """Write the figures here, too."""


def main(config: ComposedMeasurement) -> None:
    """Draw scenes, let the policy act, print success by skill."""
    asked, refused = _scenes(config)
    won: dict[str, list[bool]] = defaultdict(list)
    lost: list[str] = []
    for (spoken, _), success in zip(asked, _run(config, asked), strict=True):
        meaning = spoken.meaning
        won["all"].append(success)
        won[_sort_of(meaning)].append(success)
        if not success:
            lost.append(f"{_sort_of(meaning)}: {spoken.text}")
    rates = {name: [sum(row), len(row)] for name, row in sorted(won.items())}
    for name, (n, of) in rates.items():
        low, high = wilson(n, of)
        print(f"{name:16} {n / of:.3f} [{low:.3f}, {high:.3f}]  {n}/{of}")
    print(f"not attempted: {sum(refused.values())}")
    for reason, n in refused.most_common():
        print(f"  {n:4} {reason}")
    for line in lost[: config.failures]:
        print(f"failed: {line}")
    if config.out is not None:
        result = {"policy": config.policy, "rates": rates, "refused": dict(refused), "lost": lost}
        write_json(config.out, {"evaluation": "composed", **result})


def _scenes(config: ComposedMeasurement) -> tuple[list[tuple[Spoken, int]], Counter[str]]:
    """Requests that scenes can be drawn for, with their seeds; and why others cannot be done."""
    requests = [
        s for s in load_requests(config.sentences) if config.language in ("", s.meaning.lang)
    ]
    rng = np.random.default_rng(config.seed)
    if config.sample:
        order = rng.permutation(len(requests))[: config.sample]
        requests = [requests[i] for i in order]
    asked: list[tuple[Spoken, int]] = []
    refused: Counter[str] = Counter()
    for i, spoken in enumerate(requests):
        meaning = understand(spoken.text) if config.read else spoken.meaning
        for k in range(config.seeds):
            seed = config.seed + i * config.seeds + k
            try:
                Episode.composed(meaning, spoken.text, np.random.default_rng(seed), 6)
            except InstructionError as error:
                refused[str(error)] += 1
            else:
                asked.append((Spoken(spoken.text, meaning), seed))
    return asked, refused


def _run(config: ComposedMeasurement, asked: list[tuple[Spoken, int]]) -> Iterator[bool]:
    """Whether each request was carried out."""
    n = config.num_envs
    cameras = () if config.policy == "expert" else ("image", "wrist_image")
    venv = make_vec("Tabletop", n, cameras=cameras, split="test")
    core, policy = venv.unwrapped, policy_factory(config.policy)(venv)
    for start in range(0, len(asked), n):
        batch = asked[start : start + n]
        full = [*batch, *[batch[0]] * (n - len(batch))]
        options = {"instruction": [spoken for spoken, _ in full]}
        obs, _ = venv.reset(seed=[seed for _, seed in full], options=options)
        policy.reset(np.ones(n, bool), obs)
        won, over = np.zeros(n, bool), np.zeros(n, bool)
        while not over.all():
            _, terminated, truncated, info = core.advance(policy.act(obs))
            won |= info["is_success"] & ~over
            over |= terminated | truncated
            obs = core.observe()
        yield from won[: len(batch)].tolist()
    venv.close()


def _sort_of(meaning: Understanding) -> str:
    """Skill of a request, and whether it is about a group or spares something."""
    if composition(meaning).absent:
        return "absent"
    first, *more = meaning.steps
    if more:
        return f"{len(meaning.steps)} steps"
    group = "" if first.object.count == 1 else " group"
    return first.skill + group + (" avoiding" if meaning.avoid else "")


def load_requests(path: Path) -> list[Spoken]:
    """The labelled sentences of a folder or a file that ask for something to be done."""
    if path.is_dir():
        rows = [Spoken(s.text, s.meaning) for s in load(path)]
    else:
        data: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        rows = [
            Spoken(row["text"], Understanding.from_json(row))
            for row in data
            if row["answer"] == "act"
        ]
    return [s for s in rows if s.meaning.answer == "act"]


if __name__ == "__main__":
    main(tyro.cli(ComposedMeasurement))
