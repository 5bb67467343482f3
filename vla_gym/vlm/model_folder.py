"""Files of a CLIP model folder, in open_clip's layout with two additions of this package."""

from __future__ import annotations

from pathlib import Path

EMBEDDED = "embedded"
"""Name of the model that comes with the package."""
EMBEDDED_DIR = Path(__file__).resolve().parent.parent / "assets" / "clip"
CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
BPE_FILE = "bpe.txt.gz"
"""Vocabulary, if the model has one of its own."""
ROLES_FILE = "roles.safetensors"
"""Weights of a `vla_gym.vlm.roles.RoleReader`; optional."""
VERBS_FILE = "skills.safetensors"
"""Weights of a `vla_gym.vlm.verb_reader.VerbHead`; optional."""
