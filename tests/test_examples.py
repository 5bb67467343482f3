"""The examples run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_stop_and_approve():
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(
        [sys.executable, "examples/stop_and_approve.py"],
        cwd=ROOT, env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "-> yes" in run.stdout and "-> no" in run.stdout
    assert "refused, touched False" in run.stdout
    speeds = [float(line.split()[4]) for line in run.stdout.splitlines() if "m/s" in line]
    assert max(speeds[3:6]) < 0.02 < min(speeds[2], speeds[8])
