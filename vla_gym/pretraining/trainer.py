"""`Trainer`: pretrains the embedded CLIP on images of random scenes, rendered as it trains."""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.random import SeedSequence
from torch import nn

from vla_gym.errors import CheckpointError
from vla_gym.io import replace_file, write_json
from vla_gym.pretraining import losses, model_files
from vla_gym.pretraining.instruction_templates import vocabulary
from vla_gym.pretraining.localisation import LocateScores, locate
from vla_gym.pretraining.pretrain_config import PretrainConfig
from vla_gym.pretraining.queries import Queries, make_queries
from vla_gym.pretraining.scene_sampler import SceneSampler, Views
from vla_gym.pretraining.thread_tuner import ThreadTuner
from vla_gym.pretraining.verb_training import fit_verb_head
from vla_gym.vlm.dense import to_input
from vla_gym.vlm.inference import dtype_of
from vla_gym.vlm.model_folder import EMBEDDED_DIR

_STATE = "state.pt"
_TRAIN, _VALID = 1, 2


class Trainer:
    """One run: model, optimiser, scenes, log.

    Args:
        config: Settings.
    """

    def __init__(self, config: PretrainConfig) -> None:
        self.config, self.out = config, Path(config.out)
        self._threads = ThreadTuner(config.threads)
        torch.manual_seed(config.seed)
        self.clip, self.roles, self.tokenizer = model_files.build(self.out, vocabulary())
        if config.init:
            model_files.warm_start(self.clip, self.roles, self.tokenizer, Path(config.init))
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.half = dtype_of("auto", device) is torch.bfloat16
        self.mean = torch.tensor(model_files.MEAN, device=device)
        self.std = torch.tensor(model_files.STD, device=device)
        self.attributes = losses.make_attribute_head(model_files.EMBED_DIM)
        self.queue = losses.FeatureQueue()
        self.parts = nn.ModuleDict(
            {"clip": self.clip, "roles": self.roles, "facts": self.attributes}
        )
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
        self._renderer = ThreadPoolExecutor(1, thread_name_prefix="scenes")
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
        self._next = self._renderer.submit(self._batch, self.step)
        while self.progress < 1.0:
            start = time.monotonic()
            self._threads.choose(self.step)
            terms.append(self._train_step())
            seconds = time.monotonic() - start
            self.spent_s += seconds
            self._threads.note(seconds)
            if self.step % 50 == 0:
                self._print(terms[-50:])
            if time.monotonic() - last_save > self.config.save_every_s:
                self.save(terms)
                last_save, terms = time.monotonic(), []
        self._fit_verb_head()
        self.save(terms)
        return self.log[-1]

    def _fit_verb_head(self) -> None:
        """Train the verb head on the finished text tower."""
        self.parts.eval()
        c = self.config
        head, accuracy = fit_verb_head(
            self.clip, self.tokenizer, model_files.TEXT_WIDTH, c.skill_steps, c.seed
        )
        model_files.save_verbs(head, self.out)
        print(f"accuracy of the verb head: {accuracy:.4f}", flush=True)

    def _train_step(self) -> dict[str, float]:
        self.parts.train()
        lr = self.config.lr * _lr_factor(self.progress, self.config.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        views, queries = self._next.result()
        self._next = self._renderer.submit(self._batch, self.step + 1)
        size = views.images.shape[1:3]
        images = to_input(views.images, size, self.mean, self.std)
        parts = losses.compute(
            self.clip, self.roles, self.attributes, self.tokenizer, images, views, queries,
            self.queue, self.half,
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
        """Locate objects in scenes that training never shows."""
        self.parts.eval()
        parts = []
        for views, queries in self._valid:
            images = to_input(views.images, views.images.shape[1:3], self.mean, self.std)
            parts.append(locate(self.clip, self.roles, self.tokenizer, images, views, queries))
        return LocateScores.join(parts)

    def save(self, terms: list[dict[str, float]]) -> None:
        """Validate, then write model, log and state, each file atomically."""
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
        model_files.save_weights(self.clip, self.roles, self.out)
        settings = asdict(self.config) | {"out": self.out.name}  # the folder may be private
        record = {"config": settings, "log": self.log}
        write_json(self.out / "log.json", record)
        state = {
            "parts": self.parts.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "memory": {"pictures": self.queue.images, "captions": self.queue.captions},
            "step": self.step,
            "spent_s": self.spent_s,
            "log": self.log,
        }
        replace_file(self.out / _STATE, lambda file: torch.save(state, file))
        if self.config.export:
            model_files.export(self.out, EMBEDDED_DIR)

    def restore(self) -> None:
        """Continue from the last checkpoint.

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
            memory = state["memory"]
            self.queue = losses.FeatureQueue(images=memory["pictures"], captions=memory["captions"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise CheckpointError(f"{path} belongs to another model: {error}") from error
        self.step, self.spent_s, self.log = state["step"], state["spent_s"], state["log"]

    def _print(self, terms: list[dict[str, float]]) -> None:
        rate = self.step * self.config.batch / self.spent_s
        text = " ".join(f"{k} {v:.3f}" for k, v in _mean(terms).items())
        print(
            f"step {self.step} {100 * self.progress:.1f}% {rate:.1f} samples/s "
            f"threads {self._threads.now} {text}",
            flush=True,
        )


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


def _lr_factor(progress: float, warmup: float) -> float:
    """Factor on the learning rate: a linear rise, then half a cosine."""
    if progress < warmup:
        return max(progress / warmup, 0.01)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))


def _mean(terms: list[dict[str, float]]) -> dict[str, float]:
    return {k: float(np.mean([t[k] for t in terms])) for k in terms[0]} if terms else {}
