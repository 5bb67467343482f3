"""SAC for sparse success: half of each batch from demonstrations, an ensemble of critics."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.utils import polyak_update
from torch import Tensor, nn

from vla_gym.agents.learning.demonstrations import Demos
from vla_gym.agents.learning.executed_actions import ExecutedActionsMixin
from vla_gym.agents.learning.ppo import lower_rates
from vla_gym.agents.policies.actor_critics import SACActorCritic

_SPELL, _GRIPPER = 5, 6
"""Steps of a gripper spell, and the gripper's index in an action."""


class SparseSAC(ExecutedActionsMixin, SAC):
    """Stable-Baselines3's SAC after RLPD (Ball et al. 2023), with a fading pull to demonstrations.

    Differences from the parent: half of each batch comes from demonstrations; critics have layer
    normalisation, targets take the minimum of a random two; the entropy bonus acts on the actor but
    is not backed up into values; n-step returns; the actor is updated once every few critic steps,
    and not during the critics' warm-up.

    Args:
        args: As for `stable_baselines3.SAC`.
        demos: Demonstrations; None for success alone.
        demo_share: Share of demonstrations in a batch.
        final_lr: Share of the learning rate that is left at the end.
        critic_warmup: First gradient steps in which only the critics learn.
        policy_delay: Critic steps per actor step.
        imitation: Initial weight of the squared distance to demonstrated actions.
        imitation_half_life: Gradient steps in which that weight halves.
        pretrained: Whether the head has been trained before; if not, the first actions are random.
        gripper_spells: Share of spells of `_SPELL` steps in which the arm stands still and the
            gripper opens or closes at random. A gripper that closes while the arm moves grasps
            nothing.
        kwargs: As for `stable_baselines3.SAC`.
    """

    policy: SACActorCritic
    replay_buffer: NStepReplayBuffer

    def __init__(
        self,
        *args: Any,
        demos: Demos | None = None,
        demo_share: float = 0.5,
        final_lr: float = 0.1,
        critic_warmup: int = 500,
        policy_delay: int = 2,
        imitation: float = 1.0,
        imitation_half_life: float = 10_000.0,
        pretrained: bool = False,
        gripper_spells: float = 0.0,
        **kwargs: Any,
    ) -> None:
        self.pretrained, self.gripper_spells = pretrained, gripper_spells
        self.demo_share, self.final_lr, self.critic_warmup = demo_share, final_lr, critic_warmup
        self.policy_delay, self.imitation = policy_delay, imitation
        self.imitation_half_life = imitation_half_life
        super().__init__(*args, **kwargs)
        self.demo_buffer = None if demos is None else self._fill_demo_buffer(demos)
        self._demo_labels: tuple[Tensor, Tensor] | None = None
        if demos is not None:
            self._demo_labels = (
                torch.as_tensor(demos.features, device=self.device),
                torch.as_tensor(demos.labels, device=self.device),
            )

    def _fill_demo_buffer(self, demos: Demos) -> NStepReplayBuffer:
        buffer = NStepReplayBuffer(
            len(demos.features) + 1, self.observation_space, self.action_space,
            device=self.device, n_steps=self.n_steps, gamma=self.gamma,
        )  # fmt: skip
        assert isinstance(self.action_space, spaces.Box)
        n = len(demos.features)
        rows = (demos.features, demos.next_features, demos.actions, demos.rewards, demos.dones)
        for name, array in zip(
            ("observations", "next_observations", "actions", "rewards", "dones"), rows, strict=True
        ):
            getattr(buffer, name)[:n, 0] = array
        buffer.pos = n
        return buffer

    def _sample_action(
        self, learning_starts: int, action_noise: Any = None, n_envs: int = 1
    ) -> tuple[np.ndarray, np.ndarray]:
        starts = 0 if self.pretrained else learning_starts
        actions, stored = super()._sample_action(starts, action_noise, n_envs)
        if self.gripper_spells:
            # seeded by the number of steps, so that a resumed run samples the same
            spell = self.num_timesteps // (n_envs * _SPELL)
            rng = np.random.default_rng([self.seed or 0, spell])
            chance = rng.random(n_envs) < self.gripper_spells
            grip = np.where(rng.random(n_envs) < 0.5, -1.0, 1.0)
            for rows in (actions, stored):
                rows[chance] = 0.0
                rows[chance, _GRIPPER] = grip[chance]
        return actions, stored

    def anneal(self, progress: float) -> None:
        """Lower the learning rates.

        Args:
            progress: Share of learning that is done, in [0, 1].
        """
        lower_rates((self.actor.optimizer, self.critic.optimizer), self.final_lr, progress)

    def train(self, gradient_steps: int, batch_size: int = 256) -> None:
        """Learn from the replay buffer.

        Args:
            gradient_steps: Critic steps.
            batch_size: Transitions in a batch, demonstrations included.
        """
        self.policy.set_training_mode(True)
        log: dict[str, list[float]] = defaultdict(list)
        for _ in range(gradient_steps):
            batch = self._batch(batch_size)
            self._critic_step(batch, log)
            turn = self._n_updates % self.policy_delay == 0
            if turn and self._n_updates >= self.critic_warmup:
                self._actor_step(batch["obs"], log)
            polyak_update(self.critic.parameters(), self.critic_target.parameters(), self.tau)
            self._n_updates += 1
        for name, values in log.items():
            self.logger.record_mean(f"train/{name}", float(np.mean(values)))
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _batch(self, size: int) -> dict[str, Tensor]:
        n_demo = 0 if self.demo_buffer is None else round(size * self.demo_share)
        parts = [self.replay_buffer.sample(size - n_demo)]
        if self.demo_buffer is not None:
            parts.append(self.demo_buffer.sample(n_demo))
        names = ("observations", "actions", "next_observations", "dones", "rewards", "discounts")
        obs, actions, next_obs, dones, rewards, discounts = (
            torch.cat([getattr(p, name) for p in parts]).float() for name in names
        )
        keep = ((1 - dones) * discounts).squeeze(-1)
        return {"obs": obs, "actions": actions, "next_obs": next_obs, "keep": keep,
                "rewards": rewards.squeeze(-1)}  # fmt: skip

    def _critic_step(self, batch: dict[str, Tensor], log: dict[str, list[float]]) -> None:
        with torch.no_grad():
            self.actor.set_training_mode(False)  # no dropout in targets
            next_actions, _ = self.actor.action_log_prob(batch["next_obs"])
            self.actor.set_training_mode(True)
            pick = torch.randperm(self.critic.n_critics)[:2]
            next_values = self.critic_target.values(batch["next_obs"], next_actions, pick)  # type: ignore
            # an episode's return is 0 or 1, so values are in [0, 1]
            target = batch["rewards"] + batch["keep"] * next_values.amin(0).clamp(0.0, 1.0)
        values = self.critic.values(batch["obs"], batch["actions"])  # type: ignore
        loss = ((values - target) ** 2).mean(1).sum()
        self.critic.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.critic.optimizer.step()
        log["critic_loss"].append(loss.item() / len(values))
        log["value"].append(values.detach().mean().item())

    def _actor_step(self, obs: Tensor, log: dict[str, list[float]]) -> None:
        actions, log_prob = self.actor.action_log_prob(obs)
        value = self.critic.values(obs, actions).mean()  # type: ignore
        ent_coef = self._entropy_weight(log_prob, log)
        loss = ent_coef * log_prob.mean() - value
        weight = self.imitation * 0.5 ** (self._n_updates / self.imitation_half_life)
        if weight > 1e-4 and self._demo_labels is not None:
            rows = torch.randint(len(self._demo_labels[0]), (len(obs) // 2,))
            mean, _, _ = self.actor.get_action_dist_params(self._demo_labels[0][rows])
            pull = nn.functional.mse_loss(torch.tanh(mean), self._demo_labels[1][rows])
            loss = loss + weight * pull
            log["imitation_loss"].append(pull.item())
        self.actor.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.actor.optimizer.step()
        log["actor_loss"].append(loss.item())

    def _entropy_weight(self, log_prob: Tensor, log: dict[str, list[float]]) -> Tensor:
        if self.ent_coef_optimizer is None or self.log_ent_coef is None:
            return self.ent_coef_tensor
        weight = self.log_ent_coef.detach().exp()
        gap = (log_prob + self.target_entropy).detach()  # type: ignore
        loss = -(self.log_ent_coef * gap).mean()
        self.ent_coef_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.ent_coef_optimizer.step()
        log["ent_coef"].append(weight.item())
        log["log_prob"].append(log_prob.detach().mean().item())
        return weight
