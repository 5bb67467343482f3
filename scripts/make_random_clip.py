"""Writes an untrained CLIP of the embedded one's shape, as a control.

python scripts/make_random_clip.py runs/random-clip
python train.py --encoder local-dir:runs/random-clip
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file

from vla_gym.vlm.model_folder import BPE_FILE, CONFIG_FILE, EMBEDDED_DIR, WEIGHTS_FILE


def main(out: Path, seed: int) -> None:
    """Same configuration and vocabulary, random weights, no role reader and no verb head."""
    out.mkdir(parents=True, exist_ok=True)
    for name in (CONFIG_FILE, BPE_FILE):
        shutil.copyfile(EMBEDDED_DIR / name, out / name)
    config = json.loads((out / CONFIG_FILE).read_text(encoding="utf-8"))["model_cfg"]
    torch.manual_seed(seed)
    weights = open_clip.CLIP(**config).state_dict()
    save_file({k: v.contiguous() for k, v in weights.items()}, out / WEIGHTS_FILE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    main(args.out, args.seed)
