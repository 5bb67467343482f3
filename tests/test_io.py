"""Files are complete or unchanged, whatever happens while they are written."""

import ast
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from vla_gym import io

PACKAGE = Path(__file__).parents[1] / "vla_gym"
WRITERS = {"mkstemp", "mkdtemp", "write_text", "write_bytes", "NamedTemporaryFile"}


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_crash_leaves_the_old_file(tmp_path):
    path = io.replace_text(tmp_path / "deep" / "a.txt", "old")

    def crash(file):
        file.write(b"half of the ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        io.replace_file(path, crash)
    assert path.read_text() == "old"
    assert names(path.parent) == ["a.txt"]
    io.replace_text(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_crash_leaves_the_old_folder(tmp_path):
    def fill(text):
        def write(folder):
            (folder / "a.txt").write_text(text)
            if text == "crash":
                raise RuntimeError(text)

        return write

    path = io.replace_folder(tmp_path / "model", fill("old"))
    with pytest.raises(RuntimeError):
        io.replace_folder(path, fill("crash"))
    assert (path / "a.txt").read_text() == "old"
    io.replace_folder(path, fill("new"))
    assert (path / "a.txt").read_text() == "new"
    assert names(tmp_path) == ["model"]


def test_a_missing_file_stays_missing_after_a_crash(tmp_path):
    with pytest.raises(ValueError), io.replacing(tmp_path / "video.mp4") as temp:
        temp.write_bytes(b"half")
        raise ValueError
    assert names(tmp_path) == []


@dataclasses.dataclass
class Point:
    xy: tuple[float, float]
    path: Path


def test_values_become_json(tmp_path):
    value = {
        1: Point((0.5, math.nan), Path("a/b")),
        "array": np.arange(3),
        "scalar": np.float32(0.5),
        "set": {"b", "a"},
        "none": None,
        "infinite": np.array([np.inf]),
    }
    expected = {
        "1": {"xy": [0.5, None], "path": "a/b"},
        "array": [0, 1, 2],
        "scalar": 0.5,
        "set": ["a", "b"],
        "none": None,
        "infinite": [None],
    }
    assert io.to_plain(value) == expected
    assert json.loads(io.write_json(tmp_path / "a.json", value).read_text()) == expected


def calls(path: Path) -> set[str]:
    """Functions that a file calls, and the modes with which it opens files for writing."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        owner = getattr(getattr(node.func, "value", None), "id", "")
        found.add(f"{owner}.{name}" if owner == "os" else name)
        modes = [a.value for a in node.args if isinstance(a, ast.Constant)]
        if name == "open" and any(isinstance(m, str) and m[:1] in "wx" for m in modes if m):
            found.add("open for writing")
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.stem)
def test_only_io_writes_files(path):
    """Writers of other libraries get a path from `replacing` or `replace_folder`."""
    forbidden = WRITERS | {"os.replace", "os.rename", "open for writing"}
    found = calls(path) & forbidden
    if path == PACKAGE / "io.py":
        assert found
    else:
        assert not found
