"""Options of the algorithms: PPO, SAC, behaviour cloning, and the action head."""

from __future__ import annotations

from dataclasses import dataclass

from vla_gym.agents.policies.head_spec import Decode


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
