"""Imports point one way, and importing the package is cheap."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "vla_gym"
ORDER = (
    "errors", "files", "robots", "world", "safety", "language", "experts", "envs", "vlm", "agents",
    "evaluation", "tracking", "data", "planner", "cli",
)  # fmt: skip
# Evaluation names checkpoints, training logs its runs: these are imported inside functions only.
TOP = ("agents", "evaluation", "tracking")


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imported_rooms(node: ast.AST, at_import: bool) -> set[str]:
    """Rooms imported under a node; with at_import, only those that importing the module needs."""
    found: set[str] = set()
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            continue
        if at_import and isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        names: list[str] = []
        if isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and child.module == "vla_gym":
            names = [f"vla_gym.{alias.name}" for alias in child.names]
        elif isinstance(child, ast.ImportFrom) and child.module:
            names = [child.module]
        found |= {n.split(".")[1] for n in names if n.startswith("vla_gym.")}
        found |= imported_rooms(child, at_import)
    return found & set(ORDER)


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_only_rooms_before_it(room):
    files = [PACKAGE / f"{room}.py", *sorted((PACKAGE / room).rglob("*.py"))]
    allowed = set(ORDER[: ORDER.index(room) + 1])
    for path in filter(Path.exists, files):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        wrong = imported_rooms(tree, at_import=room in TOP) - allowed
        assert not wrong, f"{path.relative_to(PACKAGE)} imports {sorted(wrong)}"


def test_importing_the_package_loads_neither_torch_nor_opengl():
    code = "import sys, vla_gym; vla_gym.ENV_IDS; print({'torch', 'OpenGL'} & set(sys.modules))"
    env = {k: v for k, v in os.environ.items() if k != "MUJOCO_GL"}  # which MuJoCo itself obeys
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == "set()"
