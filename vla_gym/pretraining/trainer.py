"""Pretrains the embedded CLIP on pictures of the real scenes, rendered as it goes."""

from __future__ import annotations

import json
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import SeedSequence
from torch import nn

from vla_gym.errors import CheckpointError
from vla_gym.io import replace_file, write_json
from vla_gym.pretraining import losses
from vla_gym.pretraining import model_files as embedded
from vla_gym.pretraining.localisation import LocateScores, locate
from vla_gym.pretraining.queries import Queries, make_queries, vocabulary
from vla_gym.pretraining.scene_sampler import SceneSampler, Views
from vla_gym.vlm.dense import to_input
from vla_gym.vlm.encoder import EMBEDDED_DIR
from vla_gym.vlm.inference import dtype_of
from vla_gym.vlm.verb_reader import learn_skills

_STATE = "state.pt"
_TRAIN, _VALID = 1, 2


@dataclass(frozen=True)
class PretrainConfig:
    """Settings of one pretraining run."""

    out: str = "runs/clip"
    """Folder of checkpoints, log and model."""
    minutes: float = 50.0
    """Time that the learning rate is planned over; ignored if `steps` is set."""
    steps: int = 0
    """Batches to train on; 0 goes by `minutes`. With it, a run repeats bit by bit."""
    batch: int = 16
    """Pictures per batch."""
    lr: float = 1.5e-3
    """Highest learning rate."""
    weight_decay: float = 0.02
    """AdamW's, on matrices alone."""
    warmup: float = 0.04
    """Share of the run in which the learning rate rises."""
    seed: int = 0
    """Of weights, scenes and sentences."""
    threads: int = 0
    """Of torch; 0 tries one and all cores now and then and keeps the faster, for machines that are
    shared. The next batch is rendered meanwhile on one more."""
    save_every_s: float = 120.0
    """Seconds between checkpoints, each of which is validated."""
    skill_steps: int = 2_000
    """Batches of sentences from which to learn what is asked to be done, at the end."""
    valid_batches: int = 6
    """Batches of held-out pictures."""
    wide_share: float = 0.5
    """Share of pictures with tables, lamps and cameras far from the default ones."""
    init: str = ""
    """Folder of an earlier model of this shape, to begin from its weights."""
    resume: bool = False
    """Go on from the last checkpoint in `out`."""
    export: bool = False
    """Also copy the model into the package at each checkpoint."""


class Trainer:
    """One run: model, optimiser, scenes, log.

    Args:
        config: Settings.
    """

    def __init__(self, config: PretrainConfig) -> None:
        self.config, self.out = config, Path(config.out)
        self._pace = _Pace(config.threads)
        torch.manual_seed(config.seed)
        self.clip, self.roles, self.tokenizer = embedded.build(self.out, vocabulary())
        if config.init:
            embedded.warm_start(self.clip, self.roles, self.tokenizer, Path(config.init))
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.half = dtype_of("auto", device) is torch.bfloat16
        self.mean = torch.tensor(embedded.MEAN, device=device)
        self.std = torch.tensor(embedded.STD, device=device)
        self.facts, self.memory = losses.make_facts(embedded.EMBED_DIM), losses.Memory()
        self.parts = nn.ModuleDict({"clip": self.clip, "roles": self.roles, "facts": self.facts})
        self.parts.to(device).to(memory_format=torch.channels_last)
        self.parameters = list(self.parts.parameters())
        decay = [p for p in self.parameters if p.ndim >= 2]
        plain = [p for p in self.parameters if p.ndim < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": decay, "weight_decay": config.weight_decay},
             {"params": plain, "weight_decay": 0.0}],
            lr=config.lr, betas=(0.9, 0.98), fused=True,
        )  # fmt: skip
        self.scenes = SceneSampler(config.batch, wide_share=config.wide_share, n_threads=1)
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="scenes")
        self._valid = self._valid_batches()
        self.step, self.spent_s = 0, 0.0
        self.log: list[dict[str, Any]] = []

    @property
    def progress(self) -> float:
        """Share of the run that is done, 0 to 1."""
        c = self.config
        done = self.step / c.steps if c.steps else self.spent_s / (60 * c.minutes)
        return min(done, 1.0)

    def run(self) -> dict[str, Any]:
        """Train to the end.

        Returns:
            The last log entry, also in ``log.json``.
        """
        last_save = time.monotonic()
        terms: list[dict[str, float]] = []
        self._next = self._ahead.submit(self._batch, self.step)
        while self.progress < 1.0:
            start = time.monotonic()
            self._pace.choose(self.step)
            terms.append(self._train_step())
            took = time.monotonic() - start
            self.spent_s += took
            self._pace.note(took)
            if self.step % 50 == 0:
                self._print(terms[-50:])
            if time.monotonic() - last_save > self.config.save_every_s:
                self.save(terms)
                last_save, terms = time.monotonic(), []
        self._learn_skills()
        self.save(terms)
        return self.log[-1]

    def _learn_skills(self) -> None:
        """Once the text tower is done, learn to read what it is asked to do."""
        self.parts.eval()
        c = self.config
        reader, right = learn_skills(
            self.clip, self.tokenizer, embedded.TEXT_WIDTH, c.skill_steps, c.seed
        )
        reader.save(self.out)
        print(f"skills of sentences read right: {right:.4f}", flush=True)

    def _train_step(self) -> dict[str, float]:
        self.parts.train()
        lr = self.config.lr * _shape(self.progress, self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        views, queries = self._next.result()
        self._next = self._ahead.submit(self._batch, self.step + 1)
        size = views.images.shape[1:3]
        images = to_input(views.images, size, self.mean, self.std)
        parts = losses.compute(
            self.clip, self.roles, self.facts, self.tokenizer, images, views, queries,
            self.memory, self.half,
        )  # fmt: skip
        self.optimizer.zero_grad(set_to_none=True)
        parts.total().backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1
        return parts.numbers() | {"total": float(parts.total().detach())}

    def _batch(self, step: int) -> tuple[Views, Queries]:
        rng = np.random.default_rng(SeedSequence([self.config.seed, _TRAIN, step]))
        views = self.scenes.sample(rng)
        return views, make_queries(rng, views, n_phrases=2, n_instructions=1, n_hand=1)

    def _valid_batches(self) -> list[tuple[Views, Queries]]:
        rng = np.random.default_rng(SeedSequence([self.config.seed, _VALID]))
        share, self.scenes.wrist_share = self.scenes.wrist_share, 0.0
        batches = []
        for _ in range(self.config.valid_batches):
            views = self.scenes.sample(rng)
            batches.append((views, make_queries(rng, views)))
        self.scenes.wrist_share = share
        return batches

    def validate(self) -> LocateScores:
        """Locate things on tables that training never shows."""
        self.parts.eval()
        parts = []
        for views, queries in self._valid:
            images = to_input(views.images, views.images.shape[1:3], self.mean, self.std)
            parts.append(locate(self.clip, self.roles, self.tokenizer, images, views, queries))
        return LocateScores.join(parts)

    def save(self, terms: list[dict[str, float]]) -> None:
        """Validate, then write model, log and state, each in one move."""
        entry: dict[str, Any] = {
            "step": self.step,
            "samples": self.step * self.config.batch,
            "minutes": self.spent_s / 60,
            "samples_per_s": self.step * self.config.batch / max(self.spent_s, 1e-9),
            "lr": self.optimizer.param_groups[0]["lr"],
            "loss": _mean(terms),
            "valid": self.validate().summary(),
        }
        self.log.append(entry)
        print(json.dumps(entry), flush=True)
        embedded.save_weights(self.clip, self.roles, self.out)
        settings = asdict(self.config) | {"out": self.out.name}  # the folder may be private
        record = {"config": settings, "log": self.log}
        write_json(self.out / "log.json", record)
        state = {
            "parts": self.parts.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "memory": {"pictures": self.memory.pictures, "captions": self.memory.captions},
            "step": self.step,
            "spent_s": self.spent_s,
            "log": self.log,
        }
        replace_file(self.out / _STATE, lambda file: torch.save(state, file))
        if self.config.export:
            embedded.export(self.out, EMBEDDED_DIR)

    def restore(self) -> None:
        """Go on from the last checkpoint.

        Raises:
            CheckpointError: If there is none, or it does not fit.
        """
        path = self.out / _STATE
        if not path.is_file():
            raise CheckpointError(f"No checkpoint to resume: {path} is missing. Drop resume.")
        state = torch.load(path, weights_only=True, map_location=self.mean.device)
        try:
            self.parts.load_state_dict(state["parts"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.memory = losses.Memory(**state["memory"])
        except (RuntimeError, KeyError, ValueError) as fault:
            raise CheckpointError(f"{path} belongs to another model: {fault}") from fault
        self.step, self.spent_s, self.log = state["step"], state["spent_s"], state["log"]

    def _print(self, terms: list[dict[str, float]]) -> None:
        rate = self.step * self.config.batch / self.spent_s
        text = " ".join(f"{k} {v:.3f}" for k, v in _mean(terms).items())
        print(
            f"step {self.step} {100 * self.progress:.1f}% {rate:.1f} samples/s "
            f"threads {self._pace.now} {text}",
            flush=True,
        )


class _Pace:
    """Chooses torch's threads by what was fast lately.

    On cores that others use too, threads that wait for each other can be many times slower than
    one, so both are tried again and again.
    """

    period, trial = 60, 4

    def __init__(self, threads: int) -> None:
        self.choices = [threads] if threads else sorted({1, os.cpu_count() or 1})
        self.took: dict[int, float] = {}
        self.now = self.choices[0]
        torch.set_num_threads(self.now)

    def choose(self, step: int) -> None:
        """Set the threads for a step."""
        place = step % self.period
        if place < self.trial * len(self.choices):
            self.now = self.choices[place // self.trial]
        else:
            self.now = min(self.choices, key=lambda c: self.took.get(c, 0.0))
        torch.set_num_threads(self.now)

    def note(self, took: float) -> None:
        """Remember how long a step took [s]."""
        self.took[self.now] = 0.5 * self.took.get(self.now, took) + 0.5 * took


def pretrain(config: PretrainConfig) -> dict[str, Any]:
    """Pretrain the embedded CLIP.

    Args:
        config: Settings.

    Returns:
        The last log entry: losses, speed and validation figures.
    """
    trainer = Trainer(config)
    if config.resume:
        trainer.restore()
    return trainer.run()


def _shape(progress: float, warmup: float) -> float:
    """Learning rate over its highest: a linear rise, then half a cosine."""
    if progress < warmup:
        return max(progress / warmup, 0.01)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def _mean(terms: list[dict[str, float]]) -> dict[str, float]:
    return {k: float(np.mean([t[k] for t in terms])) for k in terms[0]} if terms else {}
