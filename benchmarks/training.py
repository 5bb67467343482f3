"""Shares of time in train.py.

python benchmarks/training.py            # about three minutes; writes docs/results
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import common
import tyro
from stable_baselines3.common.logger import Logger

from vla_gym.agents.learning.config import preset
from vla_gym.agents.learning.feature_vec_env import make_feature_env
from vla_gym.agents.learning.learners import make_learner
from vla_gym.agents.learning.parts import make_env, make_policy
from vla_gym.agents.learning.resolution import head_of, resolve_config
from vla_gym.agents.policies.blueprint import make_encoder

PARTS = ("encoding", "physics", "rendering", "learning")
"""Parts that the limit counts; none of the others should take more than a tenth."""


@dataclass
class TrainingConfig:
    """Split the time of a training run."""

    agents: tuple[str, ...] = ("ppo", "sac")
    """Learners."""
    iterations: int = 4
    """PPO iterations of 4,096 steps."""
    sac_steps: int = 6_000
    """SAC steps."""


def measure(agent: str, config: TrainingConfig) -> dict[str, Any]:
    """Rate and shares of time of one learner with the settings of train.py, no demonstrations."""
    settings = preset("default", agent)
    raw = make_env(settings)
    settings = resolve_config(settings, raw)
    encoder = make_encoder(head_of(settings))
    policy = make_policy(settings, encoder)
    env = make_feature_env(policy, raw)
    model = make_learner(settings, policy, env)
    model.set_logger(Logger(None, []))
    if agent == "ppo":
        warm, steps = 4_096, 4_096 * config.iterations
        model.critic_warmup = 0  # type: ignore[union-attr]
    else:
        warm, steps = 1_000, config.sac_steps
        model.learning_starts = 500  # type: ignore[union-attr]
        model.critic_warmup = 0  # type: ignore[union-attr]
    model.learn(warm)
    clock, core = common.Clock(), raw.unwrapped
    for owner, name, label in (
        (core.world.backend, "step", "physics"), (core.renderer, "render", "rendering"),
        (encoder, "encode_image", "encoding"), (model, "train", "learning"),
        (core._controller, "apply", "controller"), (core.judge, "step", "predicates"),
        (core, "step", "all of env.step"), (env.features, "advance", "all of features"),
        (model.policy, "forward", "policy"), (core, "start", "resets"),
    ):  # fmt: skip
        clock.watch(owner, name, label)
    start, done = time.perf_counter(), model.num_timesteps
    model.learn(steps, reset_num_timesteps=False)
    took = time.perf_counter() - start
    done = model.num_timesteps - done
    env.close()
    shares = {name: round(s / took, 4) for name, s in sorted(clock.spent.items())}
    bare = sum(clock.spent[p] for p in PARTS)
    return {
        "agent": agent, "worlds": settings.num_envs, "steps": done,
        "steps_per_s": round(done / took, 1), "limit_per_s": round(done / bare, 1),
        "shares": shares, "rest": round(1 - bare / took, 4),
    }  # fmt: skip


def main(config: TrainingConfig) -> None:
    """Measure, print and write."""
    result: dict[str, Any] = {"machine": common.machine(), "rows": []}
    for agent in config.agents:
        row = measure(agent, config)
        result["rows"].append(row)
        print(f"{agent}: {row['steps_per_s']:.0f} steps/s; {row['shares']}", flush=True)
    common.save("training", result)


if __name__ == "__main__":
    main(tyro.cli(TrainingConfig))
