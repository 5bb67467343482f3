"""Names of policies, those of other packages included."""

import sys
from textwrap import dedent

import pytest

from tests.evaluation.double import register
from vla_gym.agents.policies.registry import home_of, policy_factory, policy_names
from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.evaluation import evaluate


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    """An installed distribution with two policies, one of them broken."""
    (tmp_path / "other_policies.py").write_text(
        dedent(
            """
            import numpy as np
            from vla_gym.agents.policies.policy import PolicySpec

            class Forward:
                spec = PolicySpec(("proprio",), env_id="VLAPush-v0")
                def __init__(self, venv):
                    self.n = venv.num_envs
                def reset(self, mask, observation): ...
                def act(self, observation):
                    return np.ones((self.n, 7), np.float32)

            def blind_to_everything(venv):
                return object()
            """
        )
    )
    info = tmp_path / "other_policies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other-policies\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[vla_gym.policies]\nforward = other_policies:Forward\nmissing = other_policies:Missing\n"
        "unspecified = other_policies:blind_to_everything\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    sys.modules.pop("other_policies", None)


def test_a_policy_of_another_package_is_found_and_evaluated(other_package):
    assert "forward" in policy_names() and home_of("forward") == "VLAPush-v0"
    result = evaluate(register(), "forward", episodes=4)
    assert result.success_rate == 1.0 and result.policy == "forward"


def test_what_is_wrong_with_a_policy_of_another_package(other_package):
    with pytest.raises(UnknownNameError, match="Did you mean 'forward'"):
        policy_factory("forwards")
    with pytest.raises(InvalidConfigError, match="missing.* of other-policies"):
        evaluate(register(), "missing", episodes=1)
    with pytest.raises(InvalidConfigError, match="attribute `spec`"):
        evaluate(register(), "unspecified", episodes=1)
    with pytest.raises(InvalidConfigError, match="only checkpoints take blind"):
        policy_factory("forward", blind="image")


def test_baselines_have_a_home():
    assert home_of("expert") == home_of("random") == "VLAPickPlace-v0"
    assert home_of("push-ppo") == "VLAPush-v0"
