"""Writes an untrained CLIP of the embedded one's shape, as a control.

python scripts/make_random_clip.py runs/random-clip
python train.py --encoder local-dir:runs/random-clip
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save

import vla_gym.vlm.tower  # noqa: F401 - registers the image tower with timm
from vla_gym.io import replace_file
from vla_gym.vlm.model_folder import BPE_FILE, CONFIG_FILE, EMBEDDED_DIR, WEIGHTS_FILE


def main(out: Path, seed: int) -> None:
    """Same configuration and vocabulary, random weights, no role reader and no verb head."""
    files = {name: (EMBEDDED_DIR / name).read_bytes() for name in (CONFIG_FILE, BPE_FILE)}
    torch.manual_seed(seed)
    weights = open_clip.CLIP(**json.loads(files[CONFIG_FILE])["model_cfg"]).state_dict()
    files[WEIGHTS_FILE] = save({k: v.contiguous() for k, v in weights.items()})
    for name, content in files.items():
        replace_file(out / name, lambda file, content=content: file.write(content))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    main(args.out, args.seed)
