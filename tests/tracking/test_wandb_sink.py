"""Weights & Biases can neither stop nor delay a run."""

import logging
import socket
import sys
import time
import types
from pathlib import Path

import pytest

from vla_gym.tracking import wandb_sink
from vla_gym.tracking.wandb_sink import WandbSink, has_api_key, reachable, resolve_mode


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))


class FakeRun:
    url = "https://example.test/run"

    def __init__(self):
        self.logged, self.finished = [], False
        self.summary = {}

    def define_metric(self, *args, **kwargs):
        pass

    def log(self, data):
        self.logged.append(data)

    def finish(self):
        self.finished = True


def fake_wandb(monkeypatch, run=None, init=None) -> FakeRun:
    run = run or FakeRun()
    module = types.SimpleNamespace(
        init=init or (lambda **kwargs: run),
        Settings=lambda **kwargs: types.SimpleNamespace(**{"silent": True, **kwargs}),
        Table=lambda columns, data: ("table", columns, data),
        Video=lambda path, caption, format: ("video", Path(path).name, caption, format),
    )
    monkeypatch.setitem(sys.modules, "wandb", module)
    return run


def make_sink(tmp_path, mode="online") -> WandbSink:
    return WandbSink(tmp_path, {"a": 1}, mode, "project", "name")


def test_data_is_sent_with_its_step(monkeypatch, tmp_path):
    run = fake_wandb(monkeypatch)
    sink = make_sink(tmp_path)
    assert sink.active
    assert sink.url == run.url
    sink.log({"eval/success": 0.5}, 10)
    sink.video("clip", tmp_path / "a.mp4", 10, "words")
    sink.table("t", [{"a": 1}, {"b": [2]}], 10)
    sink.finish()
    assert run.logged == [
        {"eval/success": 0.5, "step": 10},
        {"clip": ("video", "a.mp4", "words", "mp4"), "step": 10},
        {"t": ("table", ["a", "b"], [[1, None], [None, "[2]"]]), "step": 10},
    ]
    assert run.finished
    assert not sink.active


def test_a_callers_own_run_is_used_and_left_open(monkeypatch, tmp_path):
    for name, value in (("WANDB_MODE", "offline"), ("WANDB_SILENT", "true")):
        monkeypatch.setenv(name, value)
    wandb = pytest.importorskip("wandb")
    settings = wandb.Settings(console="off", x_disable_stats=True)
    own = wandb.init(dir=str(tmp_path), mode="offline", config={"lr": 1, "a": 7}, settings=settings)
    try:
        sink = make_sink(tmp_path, "auto")
        assert sink.active and sink.mode == "offline" and sink._run is own
        sink.log({"eval/success": 0.5}, 10)
        sink.table("t", [{"a": 1}], 10)
        sink.summary({"best": 0.5})
        sink.finish()
        assert wandb.run is own and not sink.active
        own.log({"mine": 1})  # still open
        assert dict(own.config) == {"lr": 1, "a": 7, "vla_gym": {"a": 1}}
        assert own.summary["eval/success"] == 0.5 and own.summary["best"] == 0.5
        assert own.summary["mine"] == 1
        off = make_sink(tmp_path, "disabled")
        assert not off.active and wandb.run is own
    finally:
        own.finish()
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 1


def test_metrics_of_ones_own_keep_their_axis(monkeypatch, tmp_path):
    run = fake_wandb(monkeypatch)
    run.offline, defined = True, []
    run.config = types.SimpleNamespace(update=lambda values, allow_val_change: None)
    run.define_metric = lambda name, **kwargs: defined.append((name, kwargs))
    sys.modules["wandb"].run = run
    sink = make_sink(tmp_path)
    for step in (1, 2):
        sink.log({"eval/success": 0.5}, step)
    sink.finish()
    assert defined == [("step", {"hidden": True}), ("eval/success", {"step_metric": "step"})]
    assert len(run.logged) == 2 and not run.finished


def test_the_first_failure_is_logged_once_and_stops_sending(monkeypatch, tmp_path, caplog):
    run = fake_wandb(monkeypatch)
    calls = []

    def fail(data):
        calls.append(data)
        raise ConnectionError("gone")

    run.log = fail
    sink = make_sink(tmp_path)
    with caplog.at_level(logging.WARNING):
        for step in range(3):
            sink.log({"a": 1.0}, step)
    assert len(calls) == 1
    assert len(caplog.records) == 1
    assert "gone" in caplog.text
    sink.finish()


def test_a_failing_start_is_ignored(monkeypatch, tmp_path):
    def exit_instead(**kwargs):
        raise SystemExit(1)

    fake_wandb(monkeypatch, init=exit_instead)
    assert not make_sink(tmp_path).active


def test_a_hanging_start_times_out(monkeypatch, tmp_path, caplog):
    monkeypatch.setattr(wandb_sink, "INIT_TIMEOUT_S", -9.9)
    fake_wandb(monkeypatch, init=lambda **kwargs: time.sleep(0.5) or FakeRun())
    start = time.monotonic()
    sink = make_sink(tmp_path)
    assert time.monotonic() - start < 0.4
    assert not sink.active
    time.sleep(0.6)
    assert not sink.active, "a late start does not come back"


def test_not_installed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", None)
    sink = make_sink(tmp_path)
    assert not sink.active
    sink.log({"a": 1.0}, 0)


def test_auto_is_offline_unless_logged_in_and_reachable(monkeypatch):
    assert resolve_mode("auto") == "offline"
    monkeypatch.setattr(wandb_sink, "reachable", lambda: True)
    assert resolve_mode("auto") == "offline"
    monkeypatch.setenv("WANDB_API_KEY", "key")
    assert resolve_mode("auto") == "online"
    monkeypatch.setattr(wandb_sink, "reachable", lambda: False)
    assert resolve_mode("auto") == "offline"
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert resolve_mode("auto") == "disabled"
    assert resolve_mode("online") == "online"


def test_a_key_in_netrc_counts(monkeypatch, tmp_path):
    assert not has_api_key()
    path = tmp_path / "netrc"
    path.write_text("machine api.wandb.ai login user password key\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    assert has_api_key()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.test")
    assert not has_api_key()


def test_reachable_only_if_something_listens(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.delenv("http_proxy", raising=False)
        assert reachable(1.0)
    assert not reachable(1.0)
