"""The run folder has all data, and its report is self-contained."""

import dataclasses
import json
import re

import numpy as np
import pytest

from vla_gym.errors import InvalidConfigError, UnknownNameError
from vla_gym.evaluation.records import EpisodeRecord, EvalResult
from vla_gym.tracking import RunLogger, write_report


@dataclasses.dataclass
class Config:
    gamma: float = 0.985
    hidden: tuple[int, ...] = (64, 64)


def result(successes: int, n: int, policy: str = "agent") -> EvalResult:
    records = tuple(
        EpisodeRecord(
            i, f"put cube {i} into <the> bowl", i < successes, i < successes, 20, 2, False, 1.0
        )
        for i in range(n)
    )
    return EvalResult(policy, "VLAPickPlace-v0", "validation", 0, records, ("reach", "grasp"))


@pytest.fixture
def logger(tmp_path):
    return RunLogger(tmp_path / "run", {"ppo": Config(), "seed": 1}, wandb_mode="disabled")


def lines(logger) -> list[dict]:
    return [json.loads(t) for t in (logger.run_dir / "metrics.jsonl").read_text().splitlines()]


def test_metrics_and_config(logger):
    logger.log({"a": np.float32(0.5), "b": float("nan"), "c": np.int64(3), "d": True}, step=7)
    (row,) = lines(logger)
    assert {k: row[k] for k in ("step", "a", "b", "c", "d")} == {
        "step": 7, "a": 0.5, "b": None, "c": 3, "d": 1,
    }  # fmt: skip
    assert row["time_s"] >= 0
    config = json.loads((logger.run_dir / "config.json").read_text())
    assert config == {"ppo": {"gamma": 0.985, "hidden": [64, 64]}, "seed": 1}
    with pytest.raises(InvalidConfigError, match="'words'"):
        logger.log({"words": "many"}, step=8)


def test_evaluation_becomes_file_and_curve(logger):
    path = logger.evaluation("eval", result(9, 10), step=100)
    assert EvalResult.load(path).successes == 9
    (row,) = lines(logger)
    assert row["eval/success"] == 0.9
    assert row["eval/success_n"] == 10
    assert row["eval/success_low"] < 0.9 < row["eval/success_high"]
    assert row["eval/reached_grasp"] == 1.0
    other = logger.evaluation("eval", result(1, 10, "blind"), step=100)
    assert other != path


def test_artifacts_are_copied_once(logger, tmp_path):
    model = tmp_path / "model.bin"
    model.write_bytes(b"weights")
    kept = logger.artifact(model, "model")
    assert kept.read_bytes() == b"weights"
    assert kept.is_relative_to(logger.run_dir)
    assert logger.artifact(kept, "model") == kept
    with pytest.raises(InvalidConfigError, match="does not exist"):
        logger.artifact(tmp_path / "none", "model")


def test_unknown_mode(tmp_path):
    with pytest.raises(UnknownNameError, match="'offline'"):
        RunLogger(tmp_path, wandb_mode="ofline")


def test_report_is_complete_and_self_contained(logger):
    for step in range(0, 300, 100):
        logger.log({"train/value_loss": 1.0 / (step + 1), "time/fps": 100}, step)
        logger.evaluation("eval", result(step // 40, 10), step)
    frames = np.zeros((3, 64, 64, 3), np.uint8)
    video = logger.video("episode", frames, fps=10, step=300, caption="put <it> there")
    assert video.parent.name == "videos"
    logger.table("held-out words", [{"word": "teal", "success": 0.9}, {"word": "a", "n": 5}], 300)
    text = logger.finish().read_text()
    assert not re.search(r"(src|href)=[\"'](?!data:)", text)
    assert text.count("data:video/mp4;base64,") == 1
    assert text.count("<polygon") == 1, "the success curve has its band"
    for words in ("value_loss", "held-out words", "teal", "ppo.gamma", "0.50", "[0.24, 0.76]"):
        assert words in text, words
    assert "put &lt;it&gt; there" in text
    assert "into &lt;the&gt; bowl" in text
    assert "<the>" not in text
    assert "environment steps" in text


def test_report_of_a_crashed_run(tmp_path):
    text = write_report(tmp_path).read_text()
    assert "Nothing was logged" in text
    assert "no evaluation" in text
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "a": 2}\n{"step": 2, "a"')
    (tmp_path / "config.json").write_text("{")
    assert "1 environment steps" in write_report(tmp_path).read_text()


def test_the_report_is_written_when_the_run_fails(tmp_path):
    with pytest.raises(KeyError), RunLogger(tmp_path, wandb_mode="disabled") as logger:
        logger.log({"a": 1}, 0)
        raise KeyError
    assert (tmp_path / "report.html").exists()


def test_band_computed_from_counts(tmp_path):
    with RunLogger(tmp_path, wandb_mode="disabled") as logger:
        for step in (0, 10):
            logger.log({"eval/success": 0.5, "eval/success_n": 20}, step)
    assert "<polygon" in (tmp_path / "report.html").read_text()


def test_offline_wandb_gets_the_same_data(tmp_path, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    with RunLogger(tmp_path, {"seed": 1}, wandb_mode="offline") as logger:
        assert logger.wandb.active
        logger.log({"a": 1}, 0)
        logger.table("t", [{"a": 1}], 0)
        logger.video("v", np.zeros((2, 16, 16, 3), np.uint8), 5, 0)
        logger.artifact(tmp_path / "config.json", "config", "config")
        assert logger.wandb.active
    assert list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))
