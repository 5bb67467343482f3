"""`vla-gym plan`: help, errors, plans, results."""

from __future__ import annotations

import json

import pytest

from vla_gym.cli import main


def test_help_lists_the_main_options(capsys):
    with pytest.raises(SystemExit) as end:
        main(["plan", "--help"])
    assert end.value.code == 0
    out = capsys.readouterr().out
    for word in ("--planner", "grammar", "--safety", "--model.base-url", "few-shot", "--approve"):
        assert word in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--drivers", "exprt"], ["'exprt'", "Did you mean 'expert'"]),
        (["--env", "VLASequnce-v0", "--drivers", "expert"], ["'VLASequence-v0'"]),
        (["--episodes", "0", "--drivers", "expert"], ["at least 1"]),
        (["--planner", "llm", "--drivers", "expert"], ["--model.name"]),
        (["--show", "-1"], ["show must be 0 or more"]),
    ],
)
def test_invalid_arguments_are_reported(argv, words, capsys):
    assert main(["plan", *argv]) == 2
    message = capsys.readouterr().err
    assert all(word in message for word in words), message


def test_plans_are_printed_and_measured(tmp_path, capsys):
    file = tmp_path / "plan.json"
    argv = ["--env", "VLAStack-v0", "--drivers", "expert", "--episodes", "3", "--see", "list",
            "--safety", "clip", "--out", str(file)]  # fmt: skip
    assert main(["plan", *argv]) == 0
    out = capsys.readouterr().out
    assert "1. approach the" in out and "done: release" not in out.split("\n")[0]
    assert "goal reached 1.00" in out and "safety: cost" in out
    (result,) = json.loads(file.read_text())["results"]
    assert result["n"] == 3 and result["success"]["count"] == 3
    assert [e["seed"] for e in result["episodes"]] == [0, 1, 2]
