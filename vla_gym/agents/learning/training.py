"""The training loop: warm start, learning with evaluations and checkpoints, test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vla_gym.agents.learning import training_state
from vla_gym.agents.learning.cloning import clone
from vla_gym.agents.learning.config import TrainConfig, to_dict
from vla_gym.agents.learning.demo_collection import gather_demos
from vla_gym.agents.learning.demonstrations import Demos
from vla_gym.agents.learning.feature_vec_env import FeatureVecEnv, make_feature_env
from vla_gym.agents.learning.learners import Learner, make_learner
from vla_gym.agents.learning.parts import make_env, make_policy
from vla_gym.agents.learning.resolution import head_of, resolve_config
from vla_gym.agents.learning.run_callback import (
    Interrupted,
    RunCallback,
    RunClock,
    StopLearning,
    log_to,
)
from vla_gym.agents.learning.run_folder import TrainingRun, prune
from vla_gym.agents.policies.blueprint import PolicyBlueprint, load_policy, make_encoder
from vla_gym.agents.policies.checkpoint import (
    acting_weights,
    put_weights,
    read_tensors,
    write_checkpoint,
)
from vla_gym.agents.policies.checkpoint_folder import check_fits, read_meta
from vla_gym.agents.policies.heads import count_parameters
from vla_gym.agents.policies.policy import Policy
from vla_gym.evaluation import EvalResult
from vla_gym.evaluation.episode_video import record_videos
from vla_gym.evaluation.protocol import evaluate
from vla_gym.io import write_json
from vla_gym.tracking.video import side_by_side

EVAL_ENVS = 16
"""Sub-environments of evaluations."""
RECORDED = 2
"""Episodes of a video."""


def train(config: TrainConfig) -> Path:
    """Run an experiment; ``train.py`` shows the same steps with comments.

    Args:
        config: The options; with `resume` the run goes on from a checkpoint.

    Returns:
        The run folder: curves, videos, tables, checkpoints, ``best/`` and ``report.html``.

    Raises:
        InvalidConfigError: If options do not fit the environment.
        CheckpointError: If there is nothing to resume or to start from, or it does not fit.
    """
    venv = make_env(config)
    config = resolve_config(config, venv)
    encoder = make_encoder(head_of(config))
    policy = make_policy(config, encoder)
    with TrainingRun(config) as run:
        env = make_feature_env(policy, venv)
        demos = gather_demos(config, policy, env, run.folder)
        learner = make_learner(config, policy, env, demos)
        with TrainingLoop(run, policy, learner, env, demos) as loop:
            loop.warm_start()
            loop.learn()
            loop.test()
    return run.folder


class TrainingLoop:
    """Warm start, learning, test; a context manager that closes the environments.

    Args:
        run: Folder, log and configuration.
        policy: What learns.
        learner: How it learns.
        env: Where it learns.
        demos: Demonstrations, if any.
    """

    def __init__(
        self, run: TrainingRun, policy: PolicyBlueprint, learner: Learner, env: FeatureVecEnv,
        demos: Demos | None = None,
    ) -> None:  # fmt: skip
        self.run, self.config, self.log = run, run.config, run.log
        self.policy, self.learner, self.env, self.demos = policy, learner, env, demos
        self.learner.set_logger(log_to(self.log))
        self.best, self.clock = -1.0, RunClock()
        self._eval_env: Any = None
        config = self.config
        print(
            f"run {run.folder}\n"
            f"  {config.agent} on {config.env}, {config.action} actions, "
            f"{count_parameters(learner.policy.head):,} parameters in the head, "
            f"{config.demos} demonstrations, "
            f"W&B {self.log.wandb.mode}",
            flush=True,
        )

    def __enter__(self) -> TrainingLoop:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the environments."""
        if self._eval_env is not None:
            self._eval_env.close()
        self.env.close()

    # ---- steps --------------------------------------------------------------------------------

    def warm_start(self) -> None:
        """Clone the demonstrations into the head, or restore a checkpoint."""
        if self.run.resumed is not None:
            self._restore(self.run.resumed)
            return
        if self.config.init is not None:
            put_weights(self.learner.policy, self.config.init)
        if self.demos is not None:
            head = self.learner.policy.head
            report = clone(head, self.demos, self.config.clone, self.config.seed)
            self.log.log(
                {"clone/steps": report.steps, "clone/train_loss": report.train_loss,
                 "clone/held_out_loss": report.held_out_loss}, 0,
            )  # fmt: skip
            self._export(self.run.folder / "imitation")
        if self.demos is not None or self.config.init is not None:
            self.validate()
            self.record("imitation")

    def learn(self) -> None:
        """Learn from success until time or steps are up."""
        callback = RunCallback(
            self.config, self.learner, self.env, self.clock, self.validate, self.save
        )
        left = self.config.steps - self.learner.num_timesteps
        try:
            self.learner.learn(
                max(left, 0), callback=callback, log_interval=callback.log_interval,
                reset_num_timesteps=False,
            )  # fmt: skip
        except StopLearning:
            pass
        except Interrupted:
            print("\nstopped; resume with: python train.py --resume", self.run.folder, flush=True)
            raise
        finally:
            callback.close()
            self.save()
        self.validate()
        self.save()
        self.record("trained")

    def test(self) -> None:
        """Evaluate the best policy once on test seeds, beside controls."""
        episodes = self.config.test_episodes
        if not episodes:
            return
        rows = []
        for name, policy, blind in self._contestants():
            result = self._test_row(name, policy, episodes, blind)
            self.log.evaluation(f"test/{name}", result, self.learner.num_timesteps)
            low, high = result.interval
            rows.append(
                {"policy": name, "success": result.success_rate, "low": low, "high": high,
                 "episodes": result.n,
                 "wrong_object": sum(r.wrong_object for r in result.records) / result.n}
            )  # fmt: skip
            print(f"  {result}", flush=True)
        self.log.table("test", rows, self.learner.num_timesteps)
        summary = {"config": to_dict(self.config), "steps": self.learner.num_timesteps,
                   "minutes": round(self.clock.elapsed_s / 60, 2), "rows": rows}  # fmt: skip
        write_json(self.run.folder / "results.json", summary)

    # ---- their parts --------------------------------------------------------------------------

    def validate(self) -> float:
        """Success rate on validation seeds; exports the policy if it is the best so far."""
        venv = self._validation_env()
        result = evaluate(
            self.config.env, self._acting, self.config.eval_episodes, "validation",
            num_envs=EVAL_ENVS, name="learner", venv=venv,
            env_kwargs={"cameras": self.policy.head.images},
        )  # fmt: skip
        self.log.evaluation("validation", result, self.learner.num_timesteps)
        if result.success_rate >= self.best:
            self.best = result.success_rate
            self._export(self.run.folder / "best")
        return result.success_rate

    def save(self) -> Path:
        """Write a checkpoint from which the run can be resumed exactly, and delete old ones."""
        tensors, meta = training_state.capture(self.learner, self.env)
        meta |= self._identity() | {"elapsed_s": self.clock.elapsed_s, "best": self.best}
        path = self.run.folder / "checkpoints" / f"step-{self.learner.num_timesteps:09d}"
        write_checkpoint(path, tensors, meta)
        prune(self.run.folder / "checkpoints", self.config.keep)
        return path

    def record(self, name: str) -> None:
        """Log a video of the present policy on the first validation seeds."""
        venv = self._validation_env()
        videos = record_videos(venv, self._acting(venv), RECORDED, size=256)
        caption = "   |   ".join(v.caption.replace("\n", ": ") for v in videos)
        frames = side_by_side([v.frames for v in videos])
        self.log.video(name, frames, 20.0, self.learner.num_timesteps, caption)

    def _restore(self, path: Path) -> None:
        check_fits(path, self.policy.head, self.config.env)
        meta = read_meta(path)
        stems = ("policy", "training", *(("replay",) if "replay" in meta else ()))
        tensors = {stem: read_tensors(path, stem) for stem in stems}
        training_state.restore(self.learner, self.env, tensors, meta)
        self.clock.elapsed_s, self.best = meta["elapsed_s"], meta["best"]
        print(f"  resuming {path}, {self.clock.elapsed_s / 60:.1f} min in", flush=True)

    def _validation_env(self) -> Any:
        if self._eval_env is None:
            n = max(min(EVAL_ENVS, self.config.eval_episodes), RECORDED)
            self._eval_env = make_env(self.config, "validation", n)
        return self._eval_env

    def _acting(self, venv: Any) -> Policy:
        """The present policy, acting in an environment."""
        self.learner.policy.set_training_mode(False)
        return self.policy.policy(self.learner.policy, venv)

    def _contestants(self) -> list[tuple[str, Path | str, str | None]]:
        """Name, checkpoint or name, and what is hidden, of each row of the test."""
        best = self.run.folder / "best"
        rows: list[tuple[str, Path | str, str | None]] = [("trained", best, None)]
        if self.config.blind == "none":
            rows.append(("blind to instruction", best, "instruction"))
        if (self.run.folder / "imitation").is_dir():
            rows.append(("imitation only", self.run.folder / "imitation", None))
        return [*rows, ("random", "random", None)]

    def _test_row(
        self, name: str, policy: Path | str, episodes: int, blind: str | None
    ) -> EvalResult:
        def load(venv: Any) -> Policy:
            return load_policy(policy, venv, blind=blind, encoder=self.policy.encoder)

        kwargs = {} if policy == "random" else {"cameras": self.policy.head.images}
        return evaluate(
            self.config.env, "random" if policy == "random" else load, episodes, "test",
            num_envs=EVAL_ENVS, env_kwargs=kwargs, name=name,
        )  # fmt: skip

    def _export(self, path: Path) -> None:
        weights = {"policy": acting_weights(self.learner.policy)}
        write_checkpoint(path, weights, self._identity())

    def _identity(self) -> dict[str, Any]:
        config = to_dict(self.config)
        for private in ("run_dir", "resume"):  # paths of this machine
            config.pop(private)
        return {
            "spec": self.policy.spec.to_dict(),
            "head": self.policy.head.to_dict(),
            "training": config,
            "steps": self.learner.num_timesteps,
        }
