"""A training run from beginning to end: demonstrations, cloning, learning, test, report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch

from vla_gym.agents.learning import builders, run_folder, training_state
from vla_gym.agents.learning.cloning import clone
from vla_gym.agents.learning.config import TrainConfig, to_dict
from vla_gym.agents.learning.demonstrations import Demos, SelfImitation, collect_demos
from vla_gym.agents.learning.feature_vec_env import AgentVecEnv
from vla_gym.agents.learning.run_callback import Interrupted, RunCallback, StopLearning, log_to
from vla_gym.agents.policies import checkpoint
from vla_gym.agents.policies.action_tokens import N_MOTION
from vla_gym.agents.policies.head_agent import HeadAgent
from vla_gym.agents.policies.heads import count_parameters
from vla_gym.io import write_json

EVAL_ENVS = 16
"""Worlds side by side in evaluations."""
FILMED = 2
"""Episodes of a film."""


def train(config: TrainConfig) -> Path:
    """Run an experiment.

    Args:
        config: What to run; with `resume` it goes on where a checkpoint was written.

    Returns:
        The run folder: curves, films, tables, checkpoints, ``best/`` and ``report.html``.

    Raises:
        CheckpointError: If there is nothing to go on from, or it does not fit.
    """
    run = Run(config)
    try:
        run.warm_start()
        run.learn()
        run.test()
    finally:
        run.close()
    return run.folder


class Run:
    """The parts of a training run.

    Args:
        config: What to run.
    """

    def __init__(self, config: TrainConfig) -> None:
        from vla_gym.tracking.run_logger import RunLogger

        self.config = config.check()
        self.resumed = run_folder.find_resume(config)
        # before the folder is made: what cannot be built shall leave nothing behind
        self.encoder = builders.make_encoder(config)
        if config.threads:  # the encoder keeps the threads that it found
            torch.set_num_threads(config.threads)
        raw = builders.make_raw_env(config, config.num_envs)
        begun_from = None if config.init is None else checkpoint.read_config(config.init)
        builders.settle(config, raw, begun_from)
        if config.init is not None:
            checkpoint.check_fits(checkpoint.resolve(config.init), config, only=checkpoint.SHAPE)
        self.folder = run_folder.prepare(config, self.resumed)
        self.log = RunLogger(self.folder, to_dict(config), config.wandb)
        self.features = builders.make_features(raw, config, self.encoder)
        self.tokens = builders.make_tokens(config)
        self.demos = self._demos(raw)
        teachers = builders.make_teachers(config, raw)
        self.env = builders.wrap(raw, self.features, self.tokens, teachers)
        self.model = builders.make_model(config, self.env, self.demos)
        self.model.set_logger(log_to(self.log))
        self.best, self.elapsed_s = -1.0, 0.0
        self._eval_env: Any = None
        print(
            f"run {self.folder}\n"
            f"  {config.agent} on {config.env}, {config.action_kind} actions, "
            f"{count_parameters(builders.head_of(self.model)):,} parameters in the head, "
            f"{config.demos} demonstrations, "
            f"W&B {self.log.wandb.mode}",
            flush=True,
        )

    # ---- steps --------------------------------------------------------------------------------

    def warm_start(self) -> None:
        """Clone the demonstrations into the head, or put a checkpoint back in place."""
        if self.resumed is not None:
            self._restore(self.resumed)
            return
        if self.config.init is not None:
            checkpoint.put_weights(self.model.policy, self.config.init)
        if self.demos is not None:
            report = clone(
                builders.head_of(self.model), self.demos, self.config.clone, self.config.seed
            )
            self.log.log(
                {"clone/steps": report.steps, "clone/train_loss": report.train_loss,
                 "clone/held_out_loss": report.held_out_loss}, 0,
            )  # fmt: skip
            self._export(self.folder / "imitation")
        if self.demos is not None or self.config.init is not None:
            self.validate()
            self.film("imitation")

    def learn(self) -> None:
        """Learn from success until time or steps are up."""
        pulse = RunCallback(self)
        left = self.config.steps - self.model.num_timesteps
        try:
            self.model.learn(
                max(left, 0), callback=pulse, log_interval=pulse.log_interval,
                reset_num_timesteps=False,
            )  # fmt: skip
        except StopLearning:
            pass
        except Interrupted:
            print("\nstopped; go on with: python train.py --resume", self.folder, flush=True)
            raise
        finally:
            pulse.close()
            self.save()
        self.validate()
        self.save()
        self.film("trained")

    def test(self) -> None:
        """Measure the best policy once on test seeds, beside what it is to be compared with."""
        episodes = self.config.test_episodes
        if not episodes:
            return
        rows = []
        for name, policy, blind in self._contestants():
            result = self._evaluate(name, policy, "test", episodes, blind)
            self.log.evaluation(f"test/{name}", result, self.model.num_timesteps)
            low, high = result.interval
            rows.append(
                {"policy": name, "success": result.success_rate, "low": low, "high": high,
                 "episodes": result.n,
                 "wrong_object": sum(r.wrong_object for r in result.records) / result.n}
            )  # fmt: skip
            print(f"  {result}", flush=True)
        self.log.table("test", rows, self.model.num_timesteps)
        summary = {"config": to_dict(self.config), "steps": self.model.num_timesteps,
                   "minutes": round(self.elapsed_s / 60, 2), "rows": rows}  # fmt: skip
        write_json(self.folder / "results.json", summary)

    def close(self) -> None:
        """Write the report and let go of everything."""
        if (self.folder / "best").is_dir():
            self.log.artifact(self.folder / "best", f"{self.config.env}-{self.config.agent}")
        print(f"report: {self.log.finish()}", flush=True)
        if self._eval_env is not None:
            self._eval_env.close()
        self.env.close()

    # ---- what the steps are made of -----------------------------------------------------------

    def validate(self) -> float:
        """Success on validation seeds; keeps the best policy so far."""
        result = self._evaluate(
            "learner", None, "validation", self.config.eval_episodes, None, reuse=True
        )
        self.log.evaluation("validation", result, self.model.num_timesteps)
        if result.success_rate >= self.best:
            self.best = result.success_rate
            self._export(self.folder / "best")
        return result.success_rate

    def save(self) -> Path:
        """Write a checkpoint from which the run can go on exactly; old ones are cleared away."""
        tensors, meta = training_state.capture(self.model, self.env)
        meta |= self._identity() | {"elapsed_s": self.elapsed_s, "best": self.best}
        path = self.folder / "checkpoints" / f"step-{self.model.num_timesteps:09d}"
        checkpoint.write_checkpoint(path, tensors, meta)
        run_folder.prune(self.folder / "checkpoints", self.config.keep)
        return path

    def film(self, name: str) -> None:
        """Film the policy as it is now on the first validation seeds."""
        from vla_gym.evaluation.episode_video import record_videos
        from vla_gym.tracking.video import side_by_side

        venv = self._validation_env()
        videos = record_videos(venv, self._agent(venv), FILMED, size=256)
        caption = "   |   ".join(v.caption.replace("\n", ": ") for v in videos)
        frames = side_by_side([v.frames for v in videos])
        self.log.video(name, frames, 20.0, self.model.num_timesteps, caption)

    def _restore(self, path: Path) -> None:
        checkpoint.check_fits(path, self.config)
        meta = checkpoint.read_meta(path)
        stems = ("policy", "training", *(("replay",) if "replay" in meta else ()))
        tensors = {stem: checkpoint.read_tensors(path, stem) for stem in stems}
        training_state.restore(self.model, self.env, tensors, meta)
        self.elapsed_s, self.best = meta["elapsed_s"], meta["best"]
        print(f"  going on from {path}, {self.elapsed_s / 60:.1f} min in", flush=True)

    def _demos(self, raw: Any) -> Demos | None:
        config, file = self.config, self.folder / "demos.npz"
        if not (config.demos or config.rehearsed):
            return None
        if file.is_file():
            return Demos.load(file)
        from vla_gym.skills import Expert

        env = builders.wrap(raw, self.features, None)
        env.seed(config.seed)
        parts = []
        if config.demos:
            parts.append(self._recorded("demonstrations", env, Expert(raw), config.demos))
        if config.init is not None and config.rehearsed:
            policy = builders.bare_policy(config)
            checkpoint.put_weights(policy, config.init)
            own = SelfImitation(policy, env, self.tokens)
            parts.append(self._recorded("successes of its own", env, own, config.rehearsed))
        demos = Demos.join(parts)
        demos.save(file)
        return demos

    def _recorded(self, name: str, env: AgentVecEnv, who: Any, n: int) -> Demos:
        begun, config = time.monotonic(), self.config
        ends = bool(config.terminate) and env.raw.single_action_space.shape[0] > N_MOTION
        demos = collect_demos(env, who, n, config.demo_noise, config.seed, ends)
        print(f"  {demos.n_episodes} {name} in {time.monotonic() - begun:.0f} s", flush=True)
        return demos

    def _validation_env(self) -> Any:
        if self._eval_env is None:
            n = min(EVAL_ENVS, self.config.eval_episodes)
            self._eval_env = builders.make_raw_env(self.config, max(n, FILMED), "validation")
        return self._eval_env

    def _agent(self, venv: Any) -> HeadAgent:
        features = builders.make_features(venv, self.config, self.encoder)
        self.model.policy.set_training_mode(False)
        return HeadAgent(self.model.policy, features, self.tokens, venv=venv)

    def _contestants(self) -> list[tuple[str, Any, str | None]]:
        rows: list[tuple[str, Any, str | None]] = [("trained", self.folder / "best", None)]
        if self.config.blind == "none":
            rows.append(("blind to instruction", self.folder / "best", "instruction"))
        if (self.folder / "imitation").is_dir():
            rows.append(("imitation only", self.folder / "imitation", None))
        return [*rows, ("random", "random", None)]

    def _evaluate(
        self, name: str, policy: Any, split: str, episodes: int, blind: str | None,
        reuse: bool = False,
    ) -> Any:  # fmt: skip
        from vla_gym.evaluation.protocol import evaluate

        def load(venv: Any) -> Any:
            if policy is None:
                return self._agent(venv)
            return checkpoint.load_policy(policy, venv, blind=blind, encoder=self.encoder)

        kwargs = {} if policy == "random" else {"cameras": builders.cameras_of(self.config)}
        return evaluate(
            self.config.env, policy if policy == "random" else load, episodes, split,
            num_envs=EVAL_ENVS, env_kwargs=kwargs, name=name,
            venv=self._validation_env() if reuse else None,
        )  # fmt: skip

    def _export(self, path: Path) -> None:
        weights = {"policy": checkpoint.acting_weights(self.model.policy)}
        checkpoint.write_checkpoint(path, weights, self._identity())

    def _identity(self) -> dict[str, Any]:
        config = to_dict(self.config)
        for private in ("run_dir", "resume"):  # where this machine keeps things
            config.pop(private)
        return {
            "config": config,
            "fingerprint": checkpoint.fingerprint(self.config),
            "steps": self.model.num_timesteps,
        }
