"""`vla_gym.vlm` is inference: it depends neither on tasks nor on training."""

import ast
from pathlib import Path

import pytest

import vla_gym.vlm

FILES = sorted(Path(vla_gym.vlm.__file__).parent.glob("*.py"))
FORBIDDEN = ("vla_gym.envs", "vla_gym.pretraining", "vla_gym.agents", "vla_gym.skills.")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_tasks_and_no_training(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    modules += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert not [m for m in modules if f"{m}.".startswith(FORBIDDEN) and m != "vla_gym.skills"]
