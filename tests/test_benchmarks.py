"""The benchmarks run, and their page comes from what they have measured."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "scripts")]
import common  # noqa: E402
from pages import benchmarks as docs  # noqa: E402


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(common, "RESULTS", tmp_path / "docs" / "results")
    monkeypatch.setattr(docs, "RESULTS", tmp_path / "docs" / "results")
    monkeypatch.setattr(docs, "PLOT", tmp_path / "docs" / "images" / "benchmarks.png")
    return tmp_path / "docs" / "results"


def test_a_clock_counts_the_time_inside_calls():
    class Thing:
        def work(self, n):
            return sum(range(n))

    thing, clock = Thing(), common.Clock()
    clock.watch(thing, "work", "sums")
    assert thing.work(1000) == 499500 and clock.spent["sums"] > 0
    calls, took = common.run_for(0.0, lambda: thing.work(10), least=3)
    assert calls == 3 and took > 0


@pytest.mark.slow
def test_the_page_is_made_from_measured_figures(results):
    import encoder
    import memory
    import rendering
    import throughput

    throughput.main(
        throughput.ThroughputConfig(worlds=(1, 2), threads=(1,), seconds=0.1, repeats=1)
    )
    encoder.main(encoder.EncoderConfig(batch=4, threads=(1,), repeats=1, scenes=4))
    rendering.main(rendering.RenderingConfig(worlds=(2,), sizes=(16,), rounds=2, seconds=0.05))
    memory.main(memory.MemoryConfig(worlds=(1,), long_worlds=2, long_steps=40))
    page = docs.pages()[docs.PAGE]
    assert "one camera | 2 | 1" in page and "KiB per sub-env" in page and "bfloat16" in page
    assert "native / OpenGL" in page and "| 2 | 16 | 2 | wrist |" in page
    assert "## peers\n\nNot measured yet." in page and docs.draw() == [docs.PLOT]
    assert docs.PLOT.is_file()
    rows = json.loads((results / "throughput.json").read_text())["rows"]
    assert all(0 < row["share_of_limit"] <= 1 for row in rows)


def test_a_peer_that_is_not_installed_is_reported():
    command = [sys.executable, "benchmarks/peer_worker.py", "robosuite", "state", "1", "64", "1"]
    run = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "MUJOCO_GL": "egl"}
    )
    assert "ModuleNotFoundError" in json.loads(run.stdout)["error"]


def test_two_checkouts_take_turns():
    command = [sys.executable, "benchmarks/compare.py", ".", ".", "--cells", "2", "--slices", "3",
               "--seconds", "0.1"]  # fmt: skip
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) == 2 and all("steps/s, ratio" in line for line in lines)


def test_a_checkout_without_the_package_is_an_error(tmp_path):
    command = [sys.executable, "benchmarks/compare.py", ".", str(tmp_path), "--cells", "1"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1 and f"is not in {tmp_path}" in run.stderr
