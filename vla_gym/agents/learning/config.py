"""The options of a training run, their presets, and the command line."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vla_gym.agents.learning.algorithm_config import (
    CloneConfig,
    HeadConfig,
    PPOConfig,
    SACConfig,
)
from vla_gym.agents.policies.checkpoint_folder import read_meta, resolve, resumable
from vla_gym.agents.policies.head_spec import Blind
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.io import to_plain

PRESETS = ("quick", "default", "full")
AGENTS = ("ppo", "sac")


@dataclass(frozen=True)
class TrainConfig:
    """Train a policy: demonstrations, behaviour cloning, reinforcement learning, test."""

    preset: Literal["quick", "default", "full"] = "default"
    """Defaults of the other options: quick (minutes), default (half an hour), full (as measured in
    docs/results.md, most of an hour)."""
    env: str = "VLAPickPlace-v0"
    """Id of the environment."""
    agent: Literal["ppo", "sac"] = "ppo"
    """Learning algorithm."""
    action: Literal["tokens", "continuous"] | None = None
    """RT-2 action tokens, or numbers. None: tokens for PPO, continuous for SAC."""
    demos: int = 100
    """Expert episodes to start from. 0 learns from success alone, which works best with SAC."""
    curriculum: bool | None = None
    """Reverse curriculum: training episodes start close to success, then ever earlier in the task.
    None: if there are neither demonstrations nor --init. Evaluations are not affected."""
    failure_replay: float = 0.0
    """Share of training episodes that repeat a scene in which an earlier one failed."""
    demo_noise: float = 0.15
    """Standard deviation of the noise on the expert's executed motion."""
    init: str | None = None
    """Policy to start from, instead of random weights: a checkpoint, a run folder, or the name of a
    shipped one."""
    self_imitation: int | None = None
    """Successful episodes of --init's policy in this environment that are cloned together with the
    demonstrations, so that it does not forget. None: 100 with --init and demonstrations, else 0."""
    encoder: str = "embedded"
    """CLIP model: "embedded", an open_clip "name:tag", "hf-hub:OWNER/NAME", or "local-dir:PATH"."""
    features: Literal["clip", "privileged", "pooled"] = "clip"
    """Where object positions come from: CLIP, or the simulator (for debugging and comparison).
    pooled: no positions; the head observes CLIP's image and text vectors, as a control."""
    skills: bool | None = None
    """Whether the verb that CLIP reads from the instruction is a feature. None: if the environment
    has instructions with more than one verb; with --init, as its policy."""
    terminate: bool | None = None
    """Whether the policy may end an episode; the time elapsed is then a feature. None: if the
    environment asks for it and actions are tokens; with --init, as its policy."""
    blind: Blind = "none"
    """What to hide from the policy, as a control."""
    seed: int = 0
    """Random seed."""
    num_envs: int = 32
    """Sub-environments."""
    threads: int = 1
    """Threads of learning. Its networks are so small that 1 is fastest; CLIP, physics and rendering
    use every core regardless. 0 leaves torch's choice."""
    minutes: float = 20.0
    """Learning time including evaluations [min]. Learning ends here or at --steps."""
    steps: int = 2_000_000
    """Environment steps. Learning ends here or at --minutes."""
    eval_every: int = 32_768
    """Environment steps between evaluations on validation seeds."""
    eval_episodes: int = 128
    """Episodes of each evaluation on validation seeds."""
    test_episodes: int = 200
    """Episodes of each row of the final table, on test seeds. 0 skips it."""
    checkpoint_minutes: float = 1.5
    """Time between checkpoints [min]."""
    keep: int = 2
    """Number of latest checkpoints to keep."""
    run_dir: Path | None = None
    """Folder of the run. None: a new one under runs/."""
    resume: Path | None = None
    """Checkpoint or run folder to resume; its options are then the defaults of the others."""
    wandb: Literal["auto", "online", "offline", "disabled"] = "auto"
    """Weights & Biases. auto: online if logged in, else offline."""
    head: HeadConfig = field(default_factory=HeadConfig)
    """Action head."""
    clone: CloneConfig = field(default_factory=CloneConfig)
    """Behaviour cloning."""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    """PPO."""
    sac: SACConfig = field(default_factory=SACConfig)
    """SAC."""

    @property
    def action_kind(self) -> Literal["tokens", "continuous"]:
        """`action`, with its default: "tokens" or "continuous"."""
        return self.action or ("tokens" if self.agent == "ppo" else "continuous")

    def check(self) -> TrainConfig:
        """Return itself if its options can be combined.

        Raises:
            InvalidConfigError: If a combination cannot work; says what to change.
        """
        if self.agent == "sac" and self.action_kind == "tokens":
            raise InvalidConfigError(
                "SAC needs gradients through actions and so cannot use tokens. "
                "Use --agent ppo for tokens, or --action continuous with --agent sac."
            )
        if self.terminate and self.action_kind != "tokens":
            raise InvalidConfigError(
                "Only tokens can end an episode. Use --agent ppo with --action tokens, or "
                "--terminate False."
            )
        for name in ("demos", "self_imitation"):
            if (getattr(self, name) or 0) < 0:
                raise InvalidConfigError(f"{name} must not be negative, got {getattr(self, name)}.")
        if self.self_imitation and self.init is None:
            raise InvalidConfigError(
                "self_imitation needs a policy whose successes are cloned. Name one with --init."
            )
        positive = ("num_envs", "minutes", "steps", "eval_every", "eval_episodes", "keep")
        for name in positive:
            if getattr(self, name) <= 0:
                raise InvalidConfigError(f"{name} must be positive, got {getattr(self, name)}.")
        if self.num_envs * self.ppo.n_steps < self.ppo.batch_size and self.agent == "ppo":
            raise InvalidConfigError(
                f"num_envs x ppo.n_steps = {self.num_envs * self.ppo.n_steps} is less than "
                f"ppo.batch_size = {self.ppo.batch_size}. Lower the batch size or raise --num-envs."
            )
        return self


def preset(name: str, agent: str = "ppo") -> TrainConfig:
    """The values that a preset starts from.

    Args:
        name: "quick", "default" or "full".
        agent: "ppo" or "sac".

    Raises:
        UnknownNameError: If there is no such preset or agent.
    """
    if name not in PRESETS:
        raise UnknownNameError("preset", name, PRESETS)
    if agent not in AGENTS:
        raise UnknownNameError("agent", agent, AGENTS)
    every, episodes, test = {
        "quick": (16_384, 48, 100), "default": (32_768, 128, 200), "full": (65_536, 200, 500)
    }[name]  # fmt: skip
    if agent == "sac" and name != "full":
        every //= 2  # SAC takes more time for a step, and fewer steps
    values: dict[str, Any] = {
        "quick": {"minutes": 9.0, "demos": 50},
        "default": {},
        "full": {"minutes": 30.0, "failure_replay": 0.3},
    }[name]
    if agent == "sac":
        values["num_envs"] = 16
    return TrainConfig(
        preset=name, agent=agent, eval_every=every, eval_episodes=episodes,
        test_episodes=test, **values,
    )  # type: ignore[arg-type]  # fmt: skip


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """The configuration as plain JSON values."""
    return to_plain(config)


def from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """A configuration from `to_dict`'s values; missing ones take their default.

    Raises:
        UnknownNameError: If a key is unknown.
    """
    return _build(TrainConfig, values)


def read_config(path_or_name: str | Path) -> TrainConfig:
    """The configuration that a checkpoint was trained with.

    Args:
        path_or_name: A checkpoint, a run folder (its latest), or the name of a shipped policy.
    """
    return from_dict(read_meta(resolve(path_or_name, "latest"))["training"])


def parse(argv: Sequence[str] | None = None) -> TrainConfig:
    """Read the command line, starting from --preset, or from the options of --resume's run.

    Args:
        argv: Arguments; None takes the program's.

    Raises:
        UnknownNameError: If there is no such preset or agent.
        InvalidConfigError: If the options cannot be combined.
        CheckpointError: If there is nothing to resume.
    """
    import tyro

    argv = list(sys.argv[1:] if argv is None else argv)
    resume = _value_of(argv, "resume", "")
    if resume:
        default = dataclasses.replace(read_config(resumable(resume)), resume=Path(resume))
    else:
        default = preset(_value_of(argv, "preset", "default"), _value_of(argv, "agent", "ppo"))
    return tyro.cli(TrainConfig, args=argv, default=default).check()


def _value_of(argv: list[str], name: str, default: str) -> str:
    """The last value of an option, written as `--name value` or `--name=value`."""
    found = default
    for i, arg in enumerate(argv):
        if arg == f"--{name}" and i + 1 < len(argv):
            found = argv[i + 1]
        elif arg.startswith(f"--{name}="):
            found = arg.split("=", 1)[1]
    return found


def _build(cls: type, values: Mapping[str, Any]) -> Any:
    fields = {f.name: f for f in dataclasses.fields(cls)}
    made = {}
    for name, value in values.items():
        if name not in fields:
            remedy = "Was it written by another version of vla_gym?"
            raise UnknownNameError("key of a stored configuration", name, fields, remedy)
        factory, default = fields[name].default_factory, fields[name].default
        if factory is not dataclasses.MISSING:  # a group of options
            value = _build(type(factory()), value)
        elif isinstance(default, tuple):
            value = tuple(value)
        elif name in ("run_dir", "resume") and value is not None:
            value = Path(value)
        made[name] = value
    return cls(**made)
