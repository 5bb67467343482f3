"""The commands: help, clear errors, results."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.evaluation.double import register
from vla_gym.cli import COMMANDS, doctor, main

ROOT = Path(__file__).parents[2]


def test_help_lists_every_command(capsys):
    assert main([]) == 0
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


@pytest.mark.parametrize("command", ["evaluate", "demo", "doctor"])
def test_each_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"vla-gym {command}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["evalute"], ["'evalute'", "Did you mean 'evaluate'", "'demo'"]),
        (["evaluate", "--policy", "exprt"], ["'exprt'", "Did you mean 'expert'"]),
        (["evaluate", "--env", "VLAPickPlce-v0"], ["'VLAPickPlce-v0'", "'VLAPickPlace-v0'"]),
        (["evaluate", "--split", "tset", "--episodes", "1"], ["'tset'", "'test'"]),
        (["evaluate", "--episodes", "0"], ["at least 1"]),
        (["demo", "--instruction", "wave"], ["does not read", "--policy"]),
        (["demo", "wave", "--policy", "x", "--instruction", "y"], ["not both"]),
        (["doctor", "--only", "opengle"], ["'opengle'", "'opengl'"]),
    ],
)
def test_invalid_arguments_are_reported_without_a_traceback(argv, words, capsys):
    assert main(argv) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert "Traceback" not in err
    for word in words:
        assert word in err


def test_evaluate_prints_and_writes(tmp_path, capsys):
    out = tmp_path / "result.json"
    argv = ["--env", register(), "--policy", "random", "--episodes", "5", "--seed", "7"]
    assert main(["evaluate", *argv, "--num-envs", "2", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "seeds 7 to 11" in printed
    assert "n=5" in printed
    data = json.loads(out.read_text())
    assert data["n"] == 5
    assert len(data["episodes"]) == 5
    assert data["success"]["low"] <= data["success"]["rate"] <= data["success"]["high"]


def test_the_installed_script_is_this_command():
    command = [sys.executable, "-m", "vla_gym.cli", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("vla_gym ")


def test_doctor_fails_only_if_something_required_is_missing(monkeypatch, capsys):
    bad = doctor.Finding("missing", "no libEGL", "apt-get install libegl1")
    note = doctor.Finding("note", "offline")
    monkeypatch.setattr(doctor, "CHECKS", {"opengl": lambda: bad, "wandb": lambda: note})
    assert main(["doctor", "--only", "wandb"]) == 0
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "-> apt-get install libegl1" in out
    assert "Something required is missing." in out


def test_doctor_passes_on_this_machine(capsys):
    assert main(["doctor"]) == 0, capsys.readouterr().out
    out = capsys.readouterr().out
    assert "mp4" in out and "tokens of" in out and "Everything required is installed." in out


def test_doctor_mentions_a_backend_set_by_mujoco_gl(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "glfw")
    assert "MUJOCO_GL" in doctor.gl_remedy()
    monkeypatch.delenv("MUJOCO_GL")
    assert "install" in doctor.gl_remedy()


def test_a_probe_that_hangs_is_reported(monkeypatch):
    monkeypatch.setattr(doctor, "_PROBE_TIMEOUT_S", 0.2)
    monkeypatch.setattr(doctor, "_GL_PROBE", "import time; time.sleep(60)")
    finding = doctor.check_opengl()
    assert finding.status == "note"  # the native renderer needs no OpenGL
    assert "no answer" in finding.text


def test_tasks_lists_every_environment(capsys):
    from vla_gym import ENV_IDS

    assert main(["tasks"]) == 0
    out = capsys.readouterr().out
    assert all(env_id in out for env_id in ENV_IDS)


def test_evaluate_measures_each_generalisation_axis(tmp_path, capsys):
    argv = ["--env", "VLAReach-v0", "--policy", "random", "--episodes", "1", "--novelty", "each"]
    assert main(["evaluate", *argv, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "reasoning" in out and len(list(tmp_path.glob("*.json"))) == len(out.splitlines())
    assert main(["evaluate", *argv, "--out", str(tmp_path / "x.json")]) == 2
    assert "folder" in capsys.readouterr().err
