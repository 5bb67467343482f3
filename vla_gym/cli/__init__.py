"""The ``vla-gym`` command."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TextIO

from vla_gym.errors import UnknownNameError, VlaGymError

COMMANDS: dict[str, tuple[str, str]] = {
    "train": ("vla_gym.cli.train", "train a policy on a sparse reward"),
    "tasks": ("vla_gym.cli.tasks", "list the environments and the size of their language"),
    "understand": ("vla_gym.cli.understand", "say what a sentence is taken to mean"),
    "evaluate": ("vla_gym.cli.evaluate", "measure a policy's success rate with its interval"),
    "plan": ("vla_gym.cli.plan", "run a planner on top of a policy, with checks, and measure it"),
    "demo": ("vla_gym.cli.demo", "record a video of a policy, or watch it in a window"),
    "doctor": ("vla_gym.cli.doctor", "check this machine and say what is missing"),
    "warm-up": ("vla_gym.cli.warm_up", "compile the renderer now rather than at the first image"),
    "examine-clip": ("vla_gym.cli.examine_clip", "measure how well a CLIP finds named objects"),
    "pretrain-clip": ("vla_gym.cli.pretrain_clip", "train the embedded CLIP from scratch"),
}
"""Command -> module, what it does. A module is imported only when its command is run."""
EXIT_CLOSED_OUTPUT = 141
"""Exit code if the reader of the output has closed it: 128 + SIGPIPE, as a shell reports it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments after the program's name; None takes them from the process.

    Returns:
        Exit code: 0 for success, 1 if the command says so, else as `run_command`.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    return run_command(lambda: _dispatch(args))


def run_command(command: Callable[[], int | None]) -> int:
    """Run a function as a command of the shell.

    Args:
        command: Returns its exit code, or None for success.

    Returns:
        Its exit code; 2 for invalid input, which is reported in one line; 130 after Ctrl-C;
        `EXIT_CLOSED_OUTPUT` if the output was closed early, as by ``| head``.

    Raises:
        SystemExit: As raised by the command, for example after ``--help``.
    """
    try:
        try:
            return int(command() or 0)
        except VlaGymError as exc:
            print(f"error: {exc}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130
        finally:  # a closed output must show here, not when the interpreter exits
            sys.stdout.flush()
            sys.stderr.flush()
    except BrokenPipeError:
        closed = [stream for stream in (sys.stdout, sys.stderr) if _is_closed(stream)]
        if not closed:  # the pipe of something else, say a subprocess
            raise
        for stream in closed:  # what is still buffered goes nowhere, without an exception at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return EXIT_CLOSED_OUTPUT


def _dispatch(args: list[str]) -> int:
    if not args or args[0] in ("-h", "--help"):
        print(usage())
        return 0
    if args[0] == "--version":
        from vla_gym import __version__

        print(f"vla_gym {__version__}")
        return 0
    if args[0] not in COMMANDS:
        raise UnknownNameError("command", args[0], COMMANDS, "See `vla-gym --help`.")
    return int(import_module(COMMANDS[args[0]][0]).main(args[1:]) or 0)


def _is_closed(stream: TextIO) -> bool:
    """Whether the other end of an output has been closed."""
    try:
        poll = select.poll()
        poll.register(stream.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError):  # replaced by something without a file, as in tests
        return False


def usage() -> str:
    """The overview of all commands."""
    width = max(map(len, COMMANDS))
    rows = (f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items())
    return (
        "usage: vla-gym COMMAND [options]\n\n"
        "A robot arm on a table that follows instructions in plain words.\n\n"
        + "\n".join(rows)
        + "\n\n`vla-gym COMMAND --help` lists a command's options."
    )
