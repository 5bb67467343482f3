"""Effect of a GPU on CLIP's rate, on localisation, and on training.

python benchmarks/gpu.py                # about eight minutes; needs CUDA; writes docs/results
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import common
import numpy as np
import torch
import tyro

from vla_gym.agents.policies.clip_source import GRASP_PLANE_M
from vla_gym.rendering import make_renderer
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.grounding import Grounder

WHERE = (("cpu", "float32"), ("cpu", "bfloat16"), ("cuda", "float32"), ("cuda", "bfloat16"))


@dataclass
class GpuConfig:
    """Measure with and without the GPU."""

    batches: tuple[int, ...] = (16, 256)
    """Images per batch."""
    repeats: int = 10
    """Batches per figure; the median counts."""
    scenes: int = 256
    """Scenes on which positions of objects are compared."""
    train_minutes: float = 1.5
    """Training time of each of the four runs; 0 skips them."""


def rates(config: GpuConfig) -> list[dict[str, Any]]:
    """Images per second of the image encoder, including copies to the device."""
    rows = []
    for device, precision in WHERE:
        encoder = ClipEncoder(device=device, precision=precision)
        for batch in config.batches:
            rng, times = np.random.default_rng(0), []
            images = rng.integers(0, 256, (batch, *encoder.image_size, 3), np.uint8)
            for _ in range(config.repeats + 3):
                start = time.perf_counter()
                encoder.encode_image(images).tokens.cpu()
                times.append(time.perf_counter() - start)
            rate = round(batch / float(np.median(times[3:])), 1)
            rows.append({"device": device, "precision": precision, "batch": batch, "per_s": rate})
    return rows


def finding(config: GpuConfig) -> list[dict[str, Any]]:
    """Position of the first object of each instruction, compared with the CPU in float32."""
    env = common.scenes(config.scenes)
    core = env.unwrapped
    pool = make_renderer(core.world, backend="opengl")
    start = time.perf_counter()
    images = pool.render("fixed")
    draw_s, calibration = time.perf_counter() - start, pool.world.pinhole("fixed")
    pool.close()
    rows, first = [], None
    for device, precision in WHERE:
        grounder = Grounder(ClipEncoder(device=device, precision=precision))
        uv = grounder.ground(images, core.instructions).point[:, 0].cpu().numpy().astype(float)
        xy = calibration.deproject(uv, GRASP_PLANE_M)[..., :2]
        first = xy if first is None else first
        moved = 1e3 * np.linalg.norm(xy - first, axis=1)
        rows.append({
            "device": device, "precision": precision,
            "moved_median_mm": round(float(np.median(moved)), 3),
            "moved_p99_mm": round(float(np.percentile(moved, 99)), 2),
        })  # fmt: skip
    env.close()
    return [{"pictures_drawn_per_s": round(config.scenes / draw_s, 1)}, *rows]


def training(minutes: float) -> list[dict[str, Any]]:
    """Environment steps per second of `train.py`, without evaluations."""
    rows = []
    for agent in ("ppo", "sac"):
        for device in ("cpu", "cuda"):
            hidden = {} if device == "cuda" else {"CUDA_VISIBLE_DEVICES": ""}
            with tempfile.TemporaryDirectory() as folder:
                run = Path(folder) / "run"
                subprocess.run(
                    [sys.executable, "train.py", "--agent", agent, "--demos", "20",
                     "--minutes", str(minutes), "--eval-every", "10000000", "--eval-episodes",
                     "16", "--test-episodes", "0", "--wandb", "disabled", "--run-dir", str(run)],
                    check=True, env=os.environ | hidden, cwd=Path(__file__).parents[1],
                )  # fmt: skip
                lines = [json.loads(t) for t in (run / "metrics.jsonl").read_text().splitlines()]
            steps = [(x["time_s"], x["step"]) for x in lines if "rollout/ep_len_mean" in x]
            if len(steps) < 2:
                raise SystemExit(f"{agent} on {device}: too few points yet; raise --train-minutes.")
            (t0, s0), (t1, s1) = steps[0], steps[-1]
            rate = round((s1 - s0) / (t1 - t0), 1)
            rows.append({"agent": agent, "device": device, "steps_per_s": rate})
            print(rows[-1], flush=True)
    return rows


def main(config: GpuConfig) -> None:
    """Measure, print and write."""
    if not torch.cuda.is_available():
        raise SystemExit(
            "PyTorch finds no GPU on this machine. `vla-gym doctor` lists its devices."
        )
    result: dict[str, Any] = {
        "machine": common.machine() | {"gpu": torch.cuda.get_device_name(0)},
        "scenes": config.scenes, "train_minutes": config.train_minutes,
        "images_per_s": rates(config), "finding": finding(config), "training": [],
    }  # fmt: skip
    print(json.dumps(result, indent=1), flush=True)
    common.save("gpu", result)  # kept even if training fails or is interrupted
    if config.train_minutes:
        result["training"] = training(config.train_minutes)
        common.save("gpu", result)


if __name__ == "__main__":
    main(tyro.cli(GpuConfig))
