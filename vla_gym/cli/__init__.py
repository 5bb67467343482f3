"""The ``vla-gym`` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from vla_gym.errors import UnknownNameError, VlaGymError

COMMANDS: dict[str, tuple[str, str]] = {
    "train": ("vla_gym.cli.train", "learn a policy from sparse success"),
    "tasks": ("vla_gym.cli.tasks", "list the environments and what they can be told"),
    "evaluate": ("vla_gym.cli.evaluate", "measure a policy: success with its interval"),
    "plan": ("vla_gym.cli.plan", "let a planner steer a policy, checked and safe; measure it"),
    "demo": ("vla_gym.cli.demo", "film or watch a policy at work"),
    "doctor": ("vla_gym.cli.doctor", "check this machine and say what is missing"),
    "examine-clip": ("vla_gym.cli.examine_clip", "measure how well a CLIP finds what words name"),
    "pretrain-clip": ("vla_gym.cli.pretrain_clip", "train the embedded CLIP afresh"),
}
"""Command -> module, what it does. A module is imported only when its command is asked for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        argv: Arguments after the program's name; None takes them from the process.

    Returns:
        Exit code: 0 for success, 1 if the command says so, 2 for input that cannot be used.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help"):
        print(usage())
        return 0
    if args[0] == "--version":
        from vla_gym import __version__

        print(f"vla_gym {__version__}")
        return 0
    try:
        if args[0] not in COMMANDS:
            raise UnknownNameError("command", args[0], COMMANDS, "See `vla-gym --help`.")
        return int(import_module(COMMANDS[args[0]][0]).main(args[1:]) or 0)
    except VlaGymError as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def usage() -> str:
    """The overview of all commands."""
    width = max(map(len, COMMANDS))
    rows = (f"  {name:<{width}}  {text}" for name, (_, text) in COMMANDS.items())
    return (
        "usage: vla-gym COMMAND [options]\n\n"
        "A robot arm on a table, told in plain words what to do.\n\n"
        + "\n".join(rows)
        + "\n\n`vla-gym COMMAND --help` lists a command's options."
    )
