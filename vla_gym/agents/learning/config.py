"""The options of a training run, their presets, and the command line."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vla_gym.agents.policies.checkpoint_folder import read_meta, resolve, resumable
from vla_gym.agents.policies.head_spec import Blind, Decode
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.io import to_plain

PRESETS = ("quick", "default", "full")
AGENTS = ("ppo", "sac")


@dataclass(frozen=True)
class PPOConfig:
    """Settings of PPO."""

    n_steps: int = 128
    """Steps of each sub-environment per iteration."""
    batch_size: int = 512
    """Steps per gradient step."""
    n_epochs: int = 4
    """Passes over an iteration's steps."""
    learning_rate: float = 3e-4
    """Learning rate of the head."""
    critic_lr: float = 1e-3
    """Learning rate of the critic."""
    final_lr: float = 0.1
    """Share of both learning rates that is left at the end; they decrease linearly."""
    critic_warmup: int = 3
    """First iterations in which only the critic learns."""
    critic_hidden: tuple[int, ...] = (128, 128)
    """Widths of the critic's layers."""
    gamma: float = 0.985
    """Discount per step."""
    gae_lambda: float = 0.95
    """Lambda of generalised advantage estimation."""
    clip: tuple[float, float] = (0.2, 0.25)
    """Clip range of the probability ratio: how far below and above 1."""
    target_kl: float = 0.03
    """KL divergence beyond which the head is not updated further in an iteration."""
    ent_coef: float = 0.0
    """Weight of the entropy bonus; with tokens, any but 0 makes updates several times slower."""
    max_grad_norm: float = 0.5
    """Largest norm of a gradient."""
    imitation: float = 0.0
    """Initial weight of the demonstrations' log likelihood."""
    imitation_half_life: float = 20.0
    """Iterations in which that weight halves."""


@dataclass(frozen=True)
class SACConfig:
    """Settings of SAC."""

    learning_rate: float = 5e-4
    """Learning rate of all networks."""
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
    """Steps of an n-step return."""
    final_lr: float = 0.1
    """Share of the learning rate that is left at the end; it decreases linearly."""
    tau: float = 0.01
    """Polyak coefficient of the target critics."""
    n_critics: int = 5
    """Critics; a target takes the minimum of a random two."""
    critic_hidden: tuple[int, ...] = (128, 128)
    """Widths of each critic's layers."""
    policy_delay: int = 2
    """Critic steps per actor step."""
    critic_warmup: int = 500
    """First gradient steps in which only the critics learn."""
    start_entropy: float = 0.01
    """Initial entropy coefficient; it is learnt."""
    target_entropy: float = -7.0
    """Target of the entropy coefficient."""
    demo_share: float = 0.5
    """Share of demonstrations in a batch."""
    dropout: float = 0.0
    """Dropout of the head during training."""
    imitation: float = 1.0
    """Initial weight of the squared distance to demonstrated actions."""
    imitation_half_life: float = 5_000.0
    """Gradient steps in which that weight halves."""
    gripper_spells: float = 0.15
    """Without demonstrations: share of five-step intervals in which the arm stands still and the
    gripper opens or closes at random. A gripper that closes while the arm moves grasps nothing."""


@dataclass(frozen=True)
class HeadConfig:
    """Shape of the action head."""

    hidden: tuple[int, ...] = (64, 60)
    """Widths of the hidden layers."""
    n_mixture: int = 3
    """Token head: logistics per dimension."""
    min_scale: float = 0.05
    """Token head: smallest logistic scale; neighbouring tokens keep being explored."""
    decode: Decode = "steady"
    """How a trained policy acts. steady: motion by its mean, the gripper sampled."""


@dataclass(frozen=True)
class CloneConfig:
    """Settings of behaviour cloning."""

    steps: int = 4_000
    """Largest number of gradient steps."""
    check_every: int = 50
    """Gradient steps between evaluations on the held-out episodes."""
    patience: int = 20
    """Evaluations without improvement before stopping."""
    batch_size: int = 256
    """Steps per gradient step."""
    learning_rate: float = 2e-3
    """Initial learning rate of Adam; decreases to a tenth along a cosine."""
    held_out: float = 0.1
    """Share of episodes that decide when to stop. With fewer than 5 episodes, none are held out."""
    few_steps: int = 500
    """Gradient steps on fewer than 5 episodes."""
    std: float = 0.2
    """Standard deviation of a Gaussian head after cloning: how widely it explores."""


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
