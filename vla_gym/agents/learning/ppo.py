"""PPO for a cloned head and a reward that is 1 on success and 0 otherwise."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.utils import explained_variance
from torch import Tensor, nn

from vla_gym.agents.policies.actor_critics import PPOActorCritic


class SparsePPO(PPO):
    """Stable-Baselines3's PPO, adapted to sparse success.

    The critic has a learning rate of its own, and is updated alone in the first iterations, so that
    an untrained critic does not undo the cloning. The clip range is asymmetric, with more room for
    actions that turned out well (Yu et al. 2025, "DAPO"). Advantages are normalised over the whole
    batch. The limit on the KL divergence stops the head but not the critic. Optionally, a loss that
    decays with time imitates the demonstrations.

    Args:
        args: As for `stable_baselines3.PPO`.
        final_lr: Share of both learning rates that is left at the end.
        critic_warmup: First iterations in which only the critic learns.
        clip: Clip range of the probability ratio: how far below and above 1.
        imitation: Initial weight of the demonstrations' log likelihood.
        imitation_half_life: Iterations in which that weight halves.
        demo_features: Features of demonstrated steps. Shape (N, f).
        demo_actions: Their actions, or tokens. Shape (N, 7) or (N, 8).
        kwargs: As for `stable_baselines3.PPO`.
    """

    policy: PPOActorCritic

    def __init__(
        self,
        *args: Any,
        final_lr: float = 0.1,
        critic_warmup: int = 3,
        clip: tuple[float, float] = (0.2, 0.25),
        imitation: float = 0.0,
        imitation_half_life: float = 20.0,
        demo_features: np.ndarray | None = None,
        demo_actions: np.ndarray | None = None,
        **kwargs: Any,
    ) -> None:
        self.final_lr, self.critic_warmup, self.clip = final_lr, critic_warmup, clip
        self.imitation, self.imitation_half_life = imitation, imitation_half_life
        self.iteration = 0
        super().__init__(*args, clip_range=clip[0], **kwargs)
        self._demos: tuple[Tensor, Tensor] | None = None
        if demo_features is not None and demo_actions is not None:
            self._demos = (
                torch.as_tensor(demo_features, dtype=torch.float32, device=self.device),
                torch.as_tensor(demo_actions, dtype=torch.float32, device=self.device),
            )

    def anneal(self, progress: float) -> None:
        """Lower the learning rates.

        Args:
            progress: Share of learning that is done, in [0, 1].
        """
        lower_rates((self.policy.optimizer, self.policy.critic_optimizer), self.final_lr, progress)

    def train(self) -> None:
        """Learn from the rollout buffer; called once per iteration."""
        self.policy.set_training_mode(True)
        batch = self._flat_batch()
        warm = self.iteration < self.critic_warmup
        weight = self.imitation * 0.5 ** (self.iteration / self.imitation_half_life)
        log: dict[str, list[float]] = defaultdict(list)
        open_ = not warm
        for _ in range(self.n_epochs):
            for rows in torch.randperm(len(batch["obs"])).split(self.batch_size):
                part = {name: value[rows] for name, value in batch.items()}
                self._critic_step(part, log)
                if open_:
                    open_ = self._head_step(part, weight, log)
        self.iteration += 1
        self._n_updates += self.n_epochs
        self._record(log, warm)

    def _flat_batch(self) -> dict[str, Tensor]:
        buffer = self.rollout_buffer
        flat = {
            "obs": buffer.observations, "actions": buffer.actions, "returns": buffer.returns,
            "old_log_prob": buffer.log_probs, "advantages": buffer.advantages,
        }  # fmt: skip
        batch = {
            name: torch.as_tensor(
                array.reshape(-1, *array.shape[2:]).astype(np.float32), device=self.device
            )
            for name, array in flat.items()
        }
        if self.normalize_advantage:
            adv = batch["advantages"]
            batch["advantages"] = (adv - adv.mean()) / (adv.std() + 1e-6)
        return batch

    def _critic_step(self, part: dict[str, Tensor], log: dict[str, list[float]]) -> None:
        values = self.policy.predict_values(part["obs"]).squeeze(-1)
        loss = nn.functional.mse_loss(values, part["returns"])
        _step(self.policy.critic_optimizer, self.policy.critic, loss, self.max_grad_norm)
        log["value_loss"].append(loss.item())

    def _head_step(
        self, part: dict[str, Tensor], weight: float, log: dict[str, list[float]]
    ) -> bool:
        """One step of the head.

        Returns:
            Whether to continue; False once the policy has moved too far from the one that acted.
        """
        dist = self.policy.get_distribution(part["obs"])
        log_ratio = dist.log_prob(part["actions"]) - part["old_log_prob"]
        ratio = log_ratio.exp()
        with torch.no_grad():
            kl = float((ratio - 1 - log_ratio).mean())  # http://joschu.net/blog/kl-approx.html
            outside = (ratio < 1 - self.clip[0]) | (ratio > 1 + self.clip[1])
        log["approx_kl"].append(kl)
        log["clip_fraction"].append(float(outside.float().mean()))
        if self.target_kl is not None and kl > 1.5 * self.target_kl:
            return False
        clipped = ratio.clamp(1 - self.clip[0], 1 + self.clip[1])
        gain = torch.min(part["advantages"] * ratio, part["advantages"] * clipped).mean()
        loss = -gain
        log["policy_gradient_loss"].append(-gain.item())
        if self.ent_coef:
            entropy = dist.entropy().mean()
            loss = loss - self.ent_coef * entropy
            log["entropy_loss"].append(-entropy.item())
        if weight > 1e-4 and self._demos is not None:
            rows = torch.randint(len(self._demos[0]), (len(part["obs"]) // 2,))
            likelihood = self.policy.get_distribution(self._demos[0][rows])
            pull = -likelihood.log_prob(self._demos[1][rows]).mean()
            loss = loss + weight * pull
            log["imitation_loss"].append(pull.item())
        _step(self.policy.optimizer, self.policy.head, loss, self.max_grad_norm)
        return True

    def _record(self, log: dict[str, list[float]], warm: bool) -> None:
        for name, values in log.items():
            self.logger.record(f"train/{name}", float(np.mean(values)))
        buffer = self.rollout_buffer
        explained = explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        self.logger.record("train/explained_variance", float(explained))
        self.logger.record("train/entropy_estimate", float(-buffer.log_probs.mean()))
        self.logger.record("train/critic_only", float(warm))
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")


def lower_rates(optimizers: Iterable[Any], final: float, progress: float) -> None:
    """Set learning rates on a line from their first value to a share of it.

    Args:
        optimizers: Of torch.
        final: Share that is left at the end.
        progress: Share of learning that is done, in [0, 1].
    """
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
            group["lr"] = (1.0 - (1.0 - final) * progress) * group["initial_lr"]


def _step(optimizer: Any, module: nn.Module, loss: Tensor, max_norm: float) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(module.parameters(), max_norm)
    optimizer.step()
