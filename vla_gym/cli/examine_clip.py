"""``vla-gym examine-clip``: how well a CLIP finds what phrases name, in pictures of episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro

from vla_gym.io import write_json


@dataclass
class ExamineConfig:
    """Examine a CLIP: where named things are, what is not there, who plays which role, captions.

    Pictures come from the middle of the expert's episodes, with the arm in view, on seeds and with
    words that nothing was trained on.
    """

    encoder: str = "embedded"
    """CLIP model: "embedded", an open_clip "name:tag", "hf-hub:OWNER/NAME", or "local-dir:PATH"."""
    pictures: int = 400
    """Of each set; captions are looked for among 100."""
    split: str = "test"
    """"train", "validation" or "test"."""
    out: Path | None = None
    """Write the figures as JSON."""
    sheets: Path | None = None
    """Folder for sheets of heat maps: answers that are right, and wrong ones."""


def main(args: Sequence[str]) -> int:
    """Run the command; returns 1 if an aim was missed."""
    config = tyro.cli(ExamineConfig, args=list(args), prog="vla-gym examine-clip")
    from vla_gym.pretraining.exam import examine
    from vla_gym.pretraining.exam_sheets import write_sheets
    from vla_gym.vlm.encoder import ClipEncoder

    encoder = ClipEncoder(config.encoder)
    marks = examine(encoder, config.pictures, config.split)
    for mark in marks:
        print(mark)
    if config.out is not None:
        record = {
            "encoder": config.encoder,
            "split": config.split,
            "pictures": config.pictures,
            "marks": [m.to_dict() for m in marks],
        }
        write_json(config.out, record)
        print(f"written to {config.out}")
    if config.sheets is not None:
        for path in write_sheets(encoder, config.sheets, config.split):
            print(f"written to {path}")
    return 1 if any(mark.reached is False for mark in marks) else 0
