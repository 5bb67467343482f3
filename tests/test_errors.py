"""Messages of errors name valid names, guess what was meant, and stay short."""

import pytest

from vla_gym.errors import MAX_MESSAGE, InvalidConfigError, UnknownNameError, VlaGymError


def test_an_unknown_name_comes_with_a_guess_and_the_valid_names():
    error = UnknownNameError("task", "PickPlce", ["PickPlace", "Reach"], "See docs/tasks.md.")
    assert str(error) == (
        "Unknown task 'PickPlce'. Did you mean 'PickPlace'? Valid: 'PickPlace', 'Reach'."
        " See docs/tasks.md."
    )
    assert isinstance(error, (VlaGymError, InvalidConfigError, ValueError))


@pytest.mark.parametrize("n", [0, 1, 30, 1000])
def test_long_lists_are_cut(n):
    message = str(UnknownNameError("policy", "x", [f"policy-{k}" for k in range(n)], "Or a path."))
    assert len(message) <= MAX_MESSAGE
    assert message.endswith("Or a path.")
    assert (" more." in message) == (n >= 30)
