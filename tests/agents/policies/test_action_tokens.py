"""Action tokens and their distribution."""

import numpy as np
import pytest
import torch

from vla_gym.agents.policies.action_tokens import TERMINATE, ActionTokens, fit_width
from vla_gym.agents.policies.actor_critics import PPOActorCritic
from vla_gym.agents.policies.heads import (
    Gaussian,
    GaussianHead,
    TokenHead,
    choose,
    count_parameters,
)
from vla_gym.agents.policies.token_mixture import TokenMixture
from vla_gym.errors import InvalidActionError


def test_round_trip_is_off_by_at_most_half_a_bin():
    tokens, rng = ActionTokens(), np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (500, 7)).astype(np.float32)
    back = tokens.decode(tokens.encode(actions))
    assert back.shape == (500, 7) and np.abs(back - actions).max() <= tokens.max_error + 1e-6


def test_every_token_survives_a_round_trip():
    tokens = ActionTokens()
    ids = np.tile(np.arange(256)[:, None], (1, 8))
    ids[:, 0] = 0
    assert np.array_equal(tokens.encode(tokens.decode(ids)), ids)


def test_the_first_token_ends_the_episode_only_where_it_may():
    free, masked = ActionTokens(terminate=True), ActionTokens()
    ids = free.encode(np.zeros((2, 7)), np.array([True, False]))
    assert ids[:, 0].tolist() == [TERMINATE, 0]
    assert free.decode(ids)[:, 7].tolist() == [1.0, -1.0]
    with pytest.raises(InvalidActionError, match="terminate_action=True"):
        masked.encode(np.zeros((2, 7)), np.array([True, False]))
    with pytest.raises(InvalidActionError, match="0..0"):
        masked.decode(ids)


@pytest.mark.parametrize(
    ("action", "message"),
    [(np.zeros((2, 6)), "7 numbers"), (np.full((1, 7), np.nan), "not finite")],
)
def test_invalid_actions(action, message):
    with pytest.raises(InvalidActionError, match=message):
        ActionTokens().encode(action)


def test_invalid_tokens():
    with pytest.raises(InvalidActionError, match="8 tokens"):
        ActionTokens().decode(np.zeros((1, 7), int))
    with pytest.raises(InvalidActionError, match="0..255"):
        ActionTokens().decode(np.full((1, 8), 256))


def mixture(n=3, seed=0, terminate=False):
    gen = torch.Generator().manual_seed(seed)
    shape = (n, 7, 3)
    end = torch.randn(n, generator=gen) if terminate else None
    return TokenMixture(
        torch.randn(shape, generator=gen),
        0.7 * torch.randn(shape, generator=gen),
        torch.randn(shape, generator=gen) - 2,
        256,
        end,
    )


@pytest.mark.parametrize("terminate", [False, True])
def test_probabilities_sum_to_one(terminate):
    dist = mixture(terminate=terminate)
    log_p = dist._log_prob_bins(torch.arange(256.0).expand(3, 7, -1))
    torch.testing.assert_close(log_p.exp().sum(-1), torch.ones(3, 7))


def test_log_prob_and_entropy_are_what_samples_say():
    dist = mixture(1)
    dist_many = mixture(1)
    for name in ("log_weight", "mean", "log_scale"):
        setattr(dist_many, name, getattr(dist, name).expand(20_000, -1, -1))
    torch.manual_seed(0)
    surprise = -dist_many.log_prob(dist_many.sample().float())
    assert surprise.mean().item() == pytest.approx(dist.entropy().item(), rel=0.01)


def test_samples_are_tokens_of_the_vocabulary():
    torch.manual_seed(0)
    ids = mixture(200, terminate=True).sample()
    assert ids.shape == (200, 8) and ids.min() >= 0 and ids[:, 1:].max() <= 255
    assert set(ids[:, 0].tolist()) == {0, 1}
    assert torch.isfinite(mixture(200, terminate=True).log_prob(ids.float())).all()


def test_extreme_parameters_give_finite_gradients():
    mean = torch.full((1, 7, 3), 5.0, requires_grad=True)
    dist = TokenMixture(torch.zeros(1, 7, 3), mean, torch.full((1, 7, 3), -6.0))
    dist.log_prob(torch.zeros(1, 8)).sum().backward()
    assert torch.isfinite(mean.grad).all()


def test_steady_moves_by_the_mean_and_draws_the_gripper():
    mean = torch.zeros(400, 7)
    dist = Gaussian(mean, torch.zeros(7))
    torch.manual_seed(0)
    actions = choose(dist, "steady")
    assert (actions[:, :6] == 0).all()
    assert 0.4 < (actions[:, 6] > 0).float().mean() < 0.6
    assert (choose(dist, "mean") == 0).all()
    ids = choose(mixture(50), "steady")
    assert (ids[:, :7] == mixture(50).greedy("mean")[:, :7]).all()


@pytest.mark.parametrize("head", [TokenHead(19 + 1), GaussianHead(19 + 1)])
def test_heads_are_as_small_as_promised(head):
    assert 5_000 <= count_parameters(head) <= 10_000


def test_an_untrained_head_does_not_end_its_episodes():
    torch.manual_seed(0)
    head = TokenHead(20, terminate=True)
    ids = head(torch.randn(500, 20)).sample()
    assert ids[:, 0].float().mean() < 0.05


def test_the_policy_for_an_action_space():
    from gymnasium import spaces

    obs = spaces.Box(-np.inf, np.inf, (20,), np.float32)
    tokens = PPOActorCritic(obs, spaces.MultiDiscrete([256] * 8), lambda _: 1e-3)
    numbers = PPOActorCritic(obs, spaces.Box(-1, 1, (7,), np.float32), lambda _: 1e-3)
    assert isinstance(tokens.head, TokenHead) and isinstance(numbers.head, GaussianHead)
    actions, _ = numbers.predict(np.zeros((4, 20), np.float32), deterministic=True)
    assert actions.shape == (4, 7) and np.abs(actions).max() <= 1


def test_actions_fit_environments_that_can_be_ended_and_others():
    seven, eight = np.full((2, 7), 0.5), np.full((2, 8), 0.5)
    assert (fit_width(seven, 8)[:, 7] == -1.0).all() and fit_width(seven, 8).shape == (2, 8)
    assert np.array_equal(fit_width(eight, 7), seven)
    assert np.array_equal(fit_width(eight, 8), eight)
