"""The embedded CLIP: its architecture, and its files (`vla_gym.vlm.model_folder`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from vla_gym.errors import CheckpointError
from vla_gym.io import replace_file, replace_text
from vla_gym.pretraining.bpe import learn_merges, vocabulary_size, write_merges
from vla_gym.vlm import tower
from vla_gym.vlm.model_folder import BPE_FILE, CONFIG_FILE, ROLES_FILE, VERBS_FILE, WEIGHTS_FILE
from vla_gym.vlm.roles import RoleReader
from vla_gym.vlm.verb_reader import VerbHead

EMBED_DIM, CONTEXT, TEXT_WIDTH, TEXT_LAYERS = 128, 48, 128, 2
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)


def model_config(vocab_size: int) -> dict[str, Any]:
    """open_clip's description of the embedded model."""
    return {
        "embed_dim": EMBED_DIM,
        "init_logit_scale": 2.3026,
        "vision_cfg": {
            "timm_model_name": tower.TOWER_NAME,
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "linear",
            "image_size": 128,
        },
        "text_cfg": {
            "context_length": CONTEXT,
            "vocab_size": vocab_size,
            "width": TEXT_WIDTH,
            "heads": 4,
            "layers": TEXT_LAYERS,
        },
    }


def build(folder: Path, words: list[str]) -> tuple[open_clip.CLIP, RoleReader, Any]:
    """Build an untrained model, and write its vocabulary and configuration.

    Args:
        folder: Target of the files; created if missing.
        words: Words that the vocabulary is learnt from.

    Returns:
        The CLIP, its role reader and its tokenizer.
    """
    merges = learn_merges(words)
    path = write_merges(merges, folder)
    config = model_config(vocabulary_size(merges))
    preprocess = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "squash"}
    text = json.dumps({"model_cfg": config, "preprocess_cfg": preprocess}, indent=2)
    replace_text(folder / CONFIG_FILE, text + "\n")
    clip = open_clip.CLIP(**config)
    tokenizer = open_clip.SimpleTokenizer(str(path), context_length=CONTEXT)
    return clip, RoleReader(TEXT_WIDTH, EMBED_DIM), tokenizer


def warm_start(clip: nn.Module, roles: RoleReader, tokenizer: Any, folder: Path) -> None:
    """Load an earlier model's weights; words that it did not have keep their random ones.

    Args:
        clip: Changed in place.
        roles: Changed in place.
        tokenizer: The new model's.
        folder: The earlier model's.

    Raises:
        CheckpointError: If there is no such model, or it has another shape.
    """
    words = "token_embedding.weight"
    try:
        weights = load_file(folder / WEIGHTS_FILE)
        weights.pop("logit_bias", None)  # of models trained with another contrast
        old = open_clip.SimpleTokenizer(str(folder / BPE_FILE), context_length=CONTEXT).encoder
        rows = clip.state_dict()[words].clone()
        for word, i in tokenizer.encoder.items():
            if word in old:
                rows[i] = weights[words][old[word]]
        clip.load_state_dict({**weights, words: rows})
        # parts that the earlier model did not have keep their random weights
        roles.load_state_dict({**roles.state_dict(), **load_file(folder / ROLES_FILE)})
    except (OSError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"Cannot start from the model in {folder}: {error}") from error


def save_weights(clip: nn.Module, roles: RoleReader, folder: Path) -> None:
    """Write the weights beside the configuration, each file atomically."""
    _save(clip, folder / WEIGHTS_FILE)
    _save(roles, folder / ROLES_FILE)


def save_verbs(head: VerbHead, folder: Path) -> None:
    """Write the verb head's weights beside the CLIP's, atomically."""
    _save(head, folder / VERBS_FILE)


def export(source: Path, target: Path) -> None:
    """Copy a model's files into another folder, each atomically.

    Args:
        source: A folder that `build` and `save_weights` wrote.
        target: Created if missing.
    """
    for file in sorted(source.iterdir()):
        if file.suffix in (".json", ".safetensors", ".gz", ".md"):
            content = file.read_bytes()
            replace_file(target / file.name, lambda out, content=content: out.write(content))


def _save(module: nn.Module, path: Path) -> None:
    state = {k: v.detach().contiguous().clone() for k, v in module.state_dict().items()}
    replace_file(path, lambda file: file.write(save(state)))
