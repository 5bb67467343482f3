"""Images per second of the embedded CLIP and its localisation error, by number format.

python benchmarks/encoder.py            # about three minutes; writes docs/results
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import common
import numpy as np
import open_clip
import torch
import tyro

from vla_gym.agents.policies.clip_source import GRASP_PLANE_M
from vla_gym.rendering import opengl as camera
from vla_gym.vlm.encoder import ClipEncoder
from vla_gym.vlm.grounding import Grounder
from vla_gym.vlm.inference import dtype_of

PRECISIONS = ("float32", "bfloat16")


@dataclass
class EncoderConfig:
    """Measure the image encoder."""

    batch: int = 16
    """Images per batch."""
    threads: tuple[int, ...] = (1, 2)
    """Threads."""
    repeats: int = 25
    """Batches per figure, alternating between formats; the median counts."""
    scenes: int = 400
    """Scenes on which localisation is measured; 0 skips it."""
    yardstick: str = "ViT-B-32"
    """open_clip model to compare with, with random weights; empty skips it."""


def rates(config: EncoderConfig, threads: int) -> dict[str, float]:
    """Images per second of each format."""
    torch.set_num_threads(threads)
    encoders = {p: ClipEncoder(device="cpu", precision=p) for p in PRECISIONS}
    size = encoders["float32"].image_size
    images = np.random.default_rng(0).integers(0, 256, (config.batch, *size, 3), np.uint8)
    times: dict[str, list[float]] = {p: [] for p in PRECISIONS}
    for _ in range(config.repeats):
        for name, encoder in encoders.items():
            start = time.perf_counter()
            encoder.encode_image(images)
            times[name].append(time.perf_counter() - start)
    return {p: round(config.batch / float(np.median(t)), 1) for p, t in times.items()}


def yardstick(config: EncoderConfig, threads: int) -> dict[str, float]:
    """Images per second of a common CLIP's image encoder in each format."""
    torch.set_num_threads(threads)
    visual: Any = open_clip.create_model(config.yardstick).visual.eval()
    x = torch.zeros(config.batch, 3, *visual.image_size)
    found = {}
    for name in PRECISIONS:
        kind = getattr(torch, name)
        tower, images, times = visual.to(kind), x.to(kind), []
        with torch.inference_mode():
            for _ in range(4):
                start = time.perf_counter()
                tower(images)
                times.append(time.perf_counter() - start)
        found[name] = round(config.batch / min(times), 1)
    return found


def finding(config: EncoderConfig) -> list[dict[str, Any]]:
    """Localisation error of the first object of each instruction, with fine and coarse meshes."""
    torch.set_num_threads(1)
    env = common.scenes(config.scenes)
    core = env.unwrapped
    for _ in range(4):  # so that the arm is not in its home pose
        env.step(core.action_space.sample())
    truth = core.world.object_pos[np.arange(config.scenes), core.named_slots[:, 0], :2]
    usual, images = camera._COARSE_SIZE, {}
    for name, limit in (("fine", 0), ("coarse", usual)):
        camera._COARSE_SIZE = limit
        pool = camera.OpenGLRenderer(core.world)
        images[name] = pool.render("fixed")
        calibration = pool.world.pinhole("fixed")
        pool.close()
    rows, first = [], None
    for precision, drawn in (("float32", "fine"), ("float32", "coarse"), ("bfloat16", "coarse")):
        grounder = Grounder(ClipEncoder(device="cpu", precision=precision))
        uv = grounder.ground(images[drawn], core.instructions).point[:, 0].numpy().astype(float)
        xy = calibration.deproject(uv, GRASP_PLANE_M)[..., :2]
        first = xy if first is None else first
        error_mm = 1e3 * np.linalg.norm(xy - truth, axis=1)
        rows.append({
            "precision": precision, "drawn": drawn,
            "within_40mm": round(float((error_mm < 40).mean()), 4),
            "median_mm": round(float(np.median(error_mm)), 2),
            "moved_median_mm": round(1e3 * float(np.median(np.linalg.norm(xy - first, axis=1))), 3),
        })  # fmt: skip
    env.close()
    return rows


def main(config: EncoderConfig) -> None:
    """Measure, print and write."""
    result: dict[str, Any] = {
        "machine": common.machine(), "batch": config.batch, "scenes": config.scenes,
        "auto": str(dtype_of("auto", torch.device("cpu"))).removeprefix("torch."),
    }  # fmt: skip
    result["images_per_s"] = {str(t): rates(config, t) for t in config.threads}
    print(result["images_per_s"], flush=True)
    if config.yardstick:
        result["yardstick"] = {"name": config.yardstick} | {
            str(t): yardstick(config, t) for t in config.threads
        }
        print(result["yardstick"], flush=True)
    result["finding"] = finding(config) if config.scenes else []
    for row in result["finding"]:
        print(row, flush=True)
    common.save("encoder", result)


if __name__ == "__main__":
    main(tyro.cli(EncoderConfig))
