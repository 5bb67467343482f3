"""Everything that can be chosen about a training run, and the presets."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vla_gym.agents.learning.cloning import CloneConfig
from vla_gym.agents.policies.features import layout
from vla_gym.errors import InvalidConfigError, UnknownNameError

PRESETS = ("quick", "default", "full")
AGENTS = ("ppo", "sac")


@dataclass
class PPOConfig:
    """Settings of PPO."""

    n_steps: int = 128
    """Steps of each world per iteration."""
    batch_size: int = 512
    """Steps per gradient step."""
    n_epochs: int = 4
    """Passes over an iteration's steps."""
    learning_rate: float = 3e-4
    """Step size of the head."""
    critic_lr: float = 1e-3
    """Step size of the critic."""
    final_lr: float = 0.1
    """Share of both step sizes that is left at the end; they fall along a line."""
    critic_warmup: int = 3
    """First iterations in which only the critic learns."""
    critic_hidden: tuple[int, ...] = (128, 128)
    """Widths of the critic's layers."""
    gamma: float = 0.985
    """Discount per step."""
    gae_lambda: float = 0.95
    """Weight of long returns in advantages."""
    clip: tuple[float, float] = (0.2, 0.25)
    """How far probability ratios may fall and rise."""
    target_kl: float = 0.03
    """Divergence at which the head stops learning from an iteration."""
    ent_coef: float = 0.0
    """Weight of the entropy bonus; anything but 0 makes token updates several times slower."""
    max_grad_norm: float = 0.5
    """Gradients are scaled down to this length."""
    imitation: float = 0.0
    """Weight of the demonstrations' log likelihood at the start."""
    imitation_half_life: float = 20.0
    """Iterations in which that weight halves."""


@dataclass
class SACConfig:
    """Settings of SAC."""

    learning_rate: float = 5e-4
    """Step size of all networks."""
    batch_size: int = 256
    """Transitions per gradient step, demonstrations included."""
    updates_per_step: float = 0.25
    """Gradient steps per transition collected."""
    buffer_size: int = 400_000
    """Transitions kept."""
    learning_starts: int = 2_000
    """Transitions collected before learning."""
    gamma: float = 0.97
    """Discount per step."""
    n_step: int = 3
    """Steps of reward before a value is trusted."""
    final_lr: float = 0.1
    """Share of the step size that is left at the end; it falls along a line."""
    tau: float = 0.01
    """Pace of the target critics."""
    n_critics: int = 5
    """Critics; a target takes the smaller of a random two."""
    critic_hidden: tuple[int, ...] = (128, 128)
    """Widths of each critic's layers."""
    policy_delay: int = 2
    """Critic steps per actor step."""
    critic_warmup: int = 500
    """First gradient steps in which only the critics learn."""
    start_entropy: float = 0.01
    """Entropy weight at the start; it is learnt."""
    target_entropy: float = -7.0
    """Entropy that its weight steers to."""
    demo_share: float = 0.5
    """Share of demonstrations in a batch."""
    dropout: float = 0.0
    """Dropout of the head while learning."""
    imitation: float = 1.0
    """Weight of the squared distance to demonstrated actions at the start."""
    imitation_half_life: float = 5_000.0
    """Gradient steps in which that weight halves."""
    gripper_spells: float = 0.15
    """Without demonstrations: share of five-step spells in which the hand rests while the gripper
    opens or closes at random."""


@dataclass
class HeadConfig:
    """Shape of the action head."""

    hidden: tuple[int, ...] = (64, 60)
    """Widths of the hidden layers."""
    n_mixture: int = 3
    """Token head: logistics per dimension."""
    min_scale: float = 0.05
    """Token head: smallest logistic scale, so that neighbours keep being tried."""
    decode: Literal["steady", "mean", "mode", "sample"] = "steady"
    """How a trained policy acts. steady: motion by its mean, the gripper drawn by chance."""


@dataclass
class TrainConfig:
    """A training run."""

    preset: Literal["quick", "default", "full"] = "default"
    """Where the other values start from: quick (minutes), default (half an hour), full (as measured
    in docs/results.md, most of an hour)."""
    env: str = "VLAPickPlace-v0"
    """Id of the environment."""
    agent: Literal["ppo", "sac"] = "ppo"
    """Learning algorithm."""
    action: Literal["tokens", "continuous"] | None = None
    """RT-2 tokens or numbers. None: tokens for PPO, continuous for SAC."""
    demos: int = 100
    """Expert episodes to start from. 0 learns from success alone, which suits SAC best."""
    curriculum: bool | None = None
    """Whether episodes may begin nearer to success, from the end of the task backwards. None: where
    there are neither demonstrations nor --init. Evaluations always begin at home."""
    practice: float = 0.0
    """Share of training episodes whose scene is one that went wrong before."""
    demo_noise: float = 0.15
    """Spread of the noise on the expert's executed motion."""
    init: str | None = None
    """Policy to begin from, instead of random weights: a checkpoint, a run folder, or the name of a
    shipped one. What a few demonstrations of a new task then add to it."""
    rehearse: int | None = None
    """Successful episodes of --init's policy in this environment that are cloned beside the
    demonstrations, so that few of those do not make it forget. None: 100 with both, else 0."""
    encoder: str = "embedded"
    """CLIP model: "embedded", an open_clip "name:tag", "hf-hub:OWNER/NAME", or "local-dir:PATH"."""
    features: Literal["clip", "privileged", "pooled"] = "clip"
    """Who finds the named things: CLIP, or the simulator (for debugging, and to compare).
    pooled: nobody; the head sees CLIP's image and sentence vectors, as a control."""
    skills: bool | None = None
    """Whether the head is told the skill that CLIP reads off the sentence. None: where the
    environment asks for more than one, or as --init's policy is."""
    terminate: bool | None = None
    """Whether the head may end an episode, and sees the time elapsed. None: where
    the environment asks for it and actions are tokens, or as --init's policy."""
    blind: Literal["none", "instruction", "image"] = "none"
    """What to hide from the policy, as a control."""
    seed: int = 0
    """Seed of everything."""
    num_envs: int = 32
    """Worlds stepped together."""
    threads: int = 1
    """Threads that learning may use. Its networks are so small that one is fastest; CLIP, physics
    and rendering take every core by themselves. 0 leaves torch's choice."""
    minutes: float = 20.0
    """Learning time, evaluations on the way included; the end of learning if it comes first."""
    steps: int = 2_000_000
    """Environment steps; the end of learning if they come first."""
    eval_every: int = 32_768
    """Environment steps between evaluations on validation seeds."""
    eval_episodes: int = 128
    """Episodes of such an evaluation."""
    test_episodes: int = 200
    """Episodes of each row of the final table, on test seeds. 0 skips it."""
    checkpoint_minutes: float = 1.5
    """Time between checkpoints."""
    keep: int = 2
    """How many of the latest checkpoints to keep."""
    run_dir: Path | None = None
    """Folder of the run. None makes one under runs/."""
    resume: Path | None = None
    """Checkpoint or run folder to go on from; the other options then start from its own."""
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
    def action_kind(self) -> str:
        """Kind of actions: "tokens" or "continuous"."""
        return self.action or ("tokens" if self.agent == "ppo" else "continuous")

    @property
    def rehearsed(self) -> int:
        """How many episodes of its own the policy that learning begins from repeats."""
        if self.rehearse is None:
            return 100 if self.init is not None and self.demos else 0
        return self.rehearse

    def check(self) -> TrainConfig:
        """Return itself if it makes sense.

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
        for name in ("demos", "rehearse"):
            if (getattr(self, name) or 0) < 0:
                raise InvalidConfigError(f"{name} must not be negative, got {getattr(self, name)}.")
        if self.rehearse and self.init is None:
            raise InvalidConfigError(
                "rehearse needs a policy whose successes are repeated. Name one with --init."
            )
        positive = ("num_envs", "minutes", "steps", "eval_every", "eval_episodes", "keep")
        for name in positive:
            if getattr(self, name) <= 0:
                raise InvalidConfigError(f"{name} must be positive, got {getattr(self, name)}.")
        if self.num_envs * self.ppo.n_steps < self.ppo.batch_size and self.agent == "ppo":
            raise InvalidConfigError(
                f"num_envs x ppo.n_steps = {self.num_envs * self.ppo.n_steps} is less than "
                f"ppo.batch_size = {self.ppo.batch_size}. Lower the batch size or add worlds."
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
    config = TrainConfig(preset=name, agent=agent)  # type: ignore[arg-type]
    if name == "quick":
        config.minutes, config.demos = 9.0, 50
        config.eval_every, config.eval_episodes, config.test_episodes = 16_384, 48, 100
    elif name == "full":
        config.minutes, config.practice = 30.0, 0.3
        config.eval_every, config.eval_episodes, config.test_episodes = 65_536, 200, 500
    if agent == "sac":
        config.num_envs = 16
        if name != "full":
            config.eval_every //= 2  # it takes more time for a step, and fewer steps
    return config


def layout_of(config: TrainConfig) -> dict[str, int]:
    """Parts of the feature vector that a configuration wants, with their lengths."""
    return layout(bool(config.skills), config.features == "pooled", bool(config.terminate))


def to_dict(config: TrainConfig) -> dict[str, Any]:
    """The configuration as plain JSON values."""
    return _plain(dataclasses.asdict(config))


def from_dict(values: dict[str, Any]) -> TrainConfig:
    """A configuration from `to_dict`'s values; unknown names are ignored, missing ones default."""
    return _build(TrainConfig, values)


def parse(argv: Sequence[str] | None = None) -> TrainConfig:
    """Read the command line, starting from --preset, or from --resume's own configuration.

    Args:
        argv: Arguments; None takes the program's.
    """
    import tyro

    argv = list(sys.argv[1:] if argv is None else argv)
    resume = _value_of(argv, "resume", "")
    if resume:
        from vla_gym.agents.policies.checkpoint import read_config

        default = read_config(resume)
        default.resume = Path(resume)
    else:
        default = preset(_value_of(argv, "preset", "default"), _value_of(argv, "agent", "ppo"))
    return tyro.cli(TrainConfig, args=argv, default=default).check()


def _value_of(argv: list[str], name: str, default: str) -> str:
    """The last value of an option, written as `--name value` or `--name=value`."""
    found = default
    for i, word in enumerate(argv):
        if word == f"--{name}" and i + 1 < len(argv):
            found = argv[i + 1]
        elif word.startswith(f"--{name}="):
            found = word.split("=", 1)[1]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value


def _build(cls: type, values: dict[str, Any]) -> Any:
    config = cls()
    for f in dataclasses.fields(cls):
        if f.name not in values:
            continue
        value, current = values[f.name], getattr(config, f.name)
        if dataclasses.is_dataclass(current):
            value = _build(type(current), value)
        elif isinstance(current, tuple):
            value = tuple(value)
        elif f.name in ("run_dir", "resume") and value is not None:
            value = Path(value)
        setattr(config, f.name, value)
    return config
