"""Imports point one way, without cycles; names are unique; importing the package is cheap."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "vla_gym"
ORDER = (
    "errors", "io", "geometry", "robots", "world", "rendering", "language", "skills", "safety",
    "envs", "vlm", "agents.policies", "evaluation", "tracking", "pretraining", "agents.learning",
    "planner", "cli",
)  # fmt: skip
"""Rooms from the bottom up: each may import those before it, at the top of a file or inside a
function alike. `ARCHITECTURE.md` shows the same order."""
MODULES = {
    ".".join(("vla_gym", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in sorted(PACKAGE.rglob("*.py"))
}


def room_of(module: str) -> str | None:
    """The room that a module belongs to; None for the package itself and for `agents`."""
    inner = module.removeprefix("vla_gym").removeprefix(".")
    return next((r for r in ORDER if inner == r or inner.startswith(f"{r}.")), None)


def imported(path: Path) -> Iterator[str]:
    """Modules of the package that a file imports anywhere, for types too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # "from package import name" may mean a module or something in the package
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in inner]
        else:
            continue
        yield from (name for name in names if name in MODULES)


GRAPH = {module: set(imported(path)) - {module} for module, path in MODULES.items()}


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_only_rooms_before_it(room):
    allowed = {*ORDER[: ORDER.index(room) + 1], None}
    for module in (m for m in MODULES if room_of(m) == room):
        wrong = sorted(name for name in GRAPH[module] if room_of(name) not in allowed)
        assert not wrong, f"{module} imports {wrong}"


def test_every_file_is_in_a_room():
    outside = [m for m in MODULES if room_of(m) is None]
    assert outside == ["vla_gym", "vla_gym.agents"]


def test_no_files_import_each_other_in_a_circle():
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join([*way[way.index(module) :], module])
        if module not in done:
            for name in sorted(GRAPH[module]):
                visit(name, (*way, module))
            done.add(module)

    for module in MODULES:
        visit(module, ())


def test_module_names_are_unique_across_rooms():
    """A command's module is called as the command, whatever it runs."""
    where = defaultdict(list)
    for module in MODULES:
        name = module.rpartition(".")[2]
        if not module.startswith("vla_gym.cli.") and MODULES[module].name != "__init__.py":
            where[name].append(module)
    assert not {name: found for name, found in where.items() if len(found) > 1}


def test_public_names_are_unique_across_files():
    """Classes and constants; the commands' own `main` and the like are functions."""
    where = defaultdict(list)
    for module, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names: list[str] = []
            if isinstance(node, ast.ClassDef):
                names = [node.name]
            elif isinstance(node, ast.Assign):
                names = [n.id for t in node.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = [node.target.id]
            for name in names:
                if not name.startswith("_"):
                    where[name].append(module)
    assert not {name: found for name, found in where.items() if len(found) > 1}


GROUP = "vla_gym.policies"
"""An entry point group, not a module."""
DOTTED = re.compile(r"`{1,2}(?:~)?((?:vla_gym)(?:\.\w+)+)`{1,2}")


def test_references_in_texts_lead_somewhere():
    """`vla_gym.x.y` in docstrings and pages names a module, or something that is in one."""
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    dead = []
    for path in [*MODULES.values(), *pages]:
        for name in DOTTED.findall(path.read_text(encoding="utf-8")):
            skipped = path.name in ("CHANGELOG.md", "lab-notes.md") or name == GROUP
            if not skipped and not leads_somewhere(name):
                dead.append(f"{path.relative_to(ROOT)}: {name}")
    assert not dead


def leads_somewhere(name: str) -> bool:
    module, rest = name, []
    while module not in MODULES:
        module, _, last = module.rpartition(".")
        rest.insert(0, last)
        if not module:
            return False
    if not rest:
        return True
    text = MODULES[module].read_text(encoding="utf-8")
    first = re.escape(rest[0])
    return bool(re.search(rf"(?m)^\s*(?:class|def) {first}\b|^\s*{first}\b.*=|import .*\b{first}\b|"
                          rf"^    {first},$|^    \"{first}\"", text))  # fmt: skip


@pytest.mark.parametrize(
    "module", ["vla_gym", "vla_gym.agents.learning.config", "vla_gym.agents.policies.policy"]
)
def test_importing_is_cheap(module):
    heavy = {"torch", "stable_baselines3", "OpenGL", "matplotlib", "open_clip", "wandb",
             "numba"}  # fmt: skip
    code = f"import sys, vla_gym, {module}; vla_gym.ENV_IDS; print({heavy} & set(sys.modules))"
    env = {k: v for k, v in os.environ.items() if k != "MUJOCO_GL"}  # which MuJoCo itself obeys
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == "set()"
