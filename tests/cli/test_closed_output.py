"""Output that is closed early, as by `vla-gym tasks | head -1`, ends a command quietly."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vla_gym import cli

ROOT = Path(__file__).parents[2]
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def run_closed(*command: str, lines: int = 0) -> tuple[int, str]:
    """Exit code and standard error of a process whose output is closed after some lines."""
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=ENV, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout and process.stderr
    for _ in range(lines):
        assert process.stdout.readline()
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    return process.wait(), errors


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_help_of_every_command(command):
    assert run_closed("-m", "vla_gym.cli", command, "--help") == (cli.EXIT_CLOSED_OUTPUT, "")


def test_the_overview():
    assert run_closed("-m", "vla_gym.cli") == (cli.EXIT_CLOSED_OUTPUT, "")


def test_help_of_train_py():
    assert run_closed("train.py", "--help") == (cli.EXIT_CLOSED_OUTPUT, "")


def test_output_cut_in_the_middle():
    code, errors = run_closed("-m", "vla_gym.cli", "tasks", lines=1)
    assert not errors
    assert code in (0, cli.EXIT_CLOSED_OUTPUT)  # 0 if all of it was written before the cut


def test_output_closed_while_a_command_runs():
    command = [sys.executable, "-m", "vla_gym.cli", "tasks", "--leaks", "1"]
    with subprocess.Popen(command, cwd=ROOT, env=ENV, stdout=-1, stderr=-2, text=True) as process:
        assert process.stdout and process.stdout.readline()
        process.stdout.close()
        assert process.wait() == cli.EXIT_CLOSED_OUTPUT


def test_the_pipe_of_something_else_is_an_error():
    def command() -> int:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        cli.run_command(command)
