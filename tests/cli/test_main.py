"""The command line: overview, unknown names, exit codes."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from vla_gym.cli import COMMANDS, main


def test_without_arguments_the_overview_names_every_command(capsys):
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("module", [module for module, _ in COMMANDS.values()])
def test_every_command_has_its_module(module):
    assert find_spec(module) is not None


def test_an_unknown_command_is_an_error_with_a_guess(capsys):
    assert main(["evalute"]) == 2
    error = capsys.readouterr().err
    assert "evalute" in error and "evaluate" in error and "Traceback" not in error


def test_an_unknown_check_is_an_error_with_a_guess(capsys):
    assert main(["doctor", "--only", "opngl"]) == 2
    assert "opengl" in capsys.readouterr().err
