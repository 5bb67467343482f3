"""The house rules that a machine can check."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "vla_gym"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = (
    ("errors",),
    ("world", "robots"),
    ("safety",),
    ("language",),
    ("experts",),
    ("envs",),
    ("vlm",),
    ("evaluation",),
    ("tracking",),
    ("agents",),
    ("planner", "data"),
    ("cli",),
)
"""From the ground up; a package may import what stands below it, or beside it in the same row."""

UPWARD = {("evaluation.policies", "agents.checkpoint")}
"""Imports upward, on purpose and only when called: a checkpoint's name becomes a policy."""

MAX_LINES = 300
LONGER = {"world/world.py": 350}
"""Files that are longer than a rule would have them, and by how much at most."""


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, nested: bool) -> set[str]:
    """Names of the package's own modules that a file imports, without the package's name."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree) if nested else tree.body:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            module = node.module
            for alias in node.names:
                both = f"{module}.{alias.name}"
                found.add(both if is_module(both) else module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {m.removeprefix("vla_gym.") for m in found if m.startswith("vla_gym.")}


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def rank(module: str) -> int:
    top = module.split(".")[0]
    for i, row in enumerate(LAYERS):
        if top in row:
            return i
    raise AssertionError(f"vla_gym/{top} has no place in LAYERS.")


@pytest.mark.parametrize("path", [p for p in MODULES if name_of(p)], ids=name_of)
def test_imports_point_down(path):
    name = name_of(path)
    for other in imports(path, nested=True):
        if (name, other) not in UPWARD:
            assert rank(other) <= rank(name), f"{name} imports {other}, which stands above it."


def test_no_module_imports_itself_in_a_circle():
    graph = {name_of(p): imports(p, nested=False) for p in MODULES}

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, (*trail, module))
            done.add(module)

    done: set[str] = set()
    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_short_and_say_what_they_are(path):
    text = path.read_text(encoding="utf-8")
    limit = LONGER.get(path.relative_to(PACKAGE).as_posix(), MAX_LINES)
    assert text.count("\n") <= limit, f"{path} is longer than {limit} lines."
    doc = ast.get_docstring(ast.parse(text)) or ""
    first = doc.split("\n\n")[0]
    assert first.endswith((".", "?")), f"{path} does not open with a sentence."


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_hidden_randomness_and_no_code_from_data(path):
    allowed = {"Generator", "SeedSequence", "default_rng", "BitGenerator", "PCG64"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("np.random", "random"):
            assert node.attr in allowed, f"{path}:{node.lineno} uses np.random.{node.attr}."
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec"), f"{path}:{node.lineno}"
        if isinstance(node, ast.Import):
            assert not {a.name for a in node.names} & {"pickle", "random"}, f"{path}:{node.lineno}"


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_package_is_light():
    heavy = "{'torch', 'OpenGL', 'open_clip', 'wandb', 'stable_baselines3', 'matplotlib'}"
    code = f"import sys, vla_gym; print(sorted(m for m in sys.modules if m in {heavy}))"
    assert run(code).strip() == "[]"


def test_the_command_line_is_light():
    code = (
        "import sys; from vla_gym.cli import main; main(['--help']); "
        "print(sorted({'torch', 'OpenGL', 'mujoco', 'tyro'} & set(sys.modules)))"
    )
    assert run(code).strip().endswith("[]")


@pytest.mark.parametrize("name", ["envs", "agents", "assets"])
def test_doorways_lead_into_the_package(name):
    door = ROOT / name
    if not door.is_symlink():
        pytest.skip("this checkout has no symbolic links")
    assert door.readlink() == Path("vla_gym") / name
    assert door.is_dir()
