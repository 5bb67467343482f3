"""``vla-gym examine-clip``: evaluate how well a CLIP finds what phrases name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from vla_gym.io import write_json


@dataclass
class ExamineConfig:
    """Evaluate a CLIP: localisation, absent-object rejection, role disambiguation, retrieval.

    Images come from the middle of the expert's episodes, with the arm in view, on seeds and with
    words that were not used in training.
    """

    encoder: str = "embedded"
    """CLIP model: "embedded", an open_clip "name:tag", "hf-hub:OWNER/NAME", or "local-dir:PATH"."""
    pictures: int = 400
    """Images per evaluation set; captions are retrieved among 100."""
    split: str = "test"
    """"train", "validation" or "test"."""
    out: Path | None = None
    """Write the metrics to this JSON file."""
    sheets: Path | None = None
    """Folder for sheets of heat maps: right answers, and wrong ones."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns 1 if a target was missed."""
    config = tyro.cli(ExamineConfig, args=list(args), prog="vla-gym examine-clip")
    from vla_gym.pretraining.clip_metrics import evaluate_clip
    from vla_gym.pretraining.heat_map_sheets import write_sheets
    from vla_gym.vlm.encoder import ClipEncoder

    encoder = ClipEncoder(config.encoder)
    metrics = evaluate_clip(encoder, config.pictures, config.split)
    for metric in metrics:
        print(metric)
    if config.out is not None:
        record = {
            "encoder": config.encoder,
            "split": config.split,
            "pictures": config.pictures,
            "marks": [m.to_dict() for m in metrics],
        }
        print(f"written to {write_json(config.out, record)}")
    if config.sheets is not None:
        for path in write_sheets(encoder, config.sheets, config.split):
            print(f"written to {path}")
    return 1 if any(metric.reached is False for metric in metrics) else 0
