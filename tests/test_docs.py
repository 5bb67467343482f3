"""The documentation is up to date and correct."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import make_docs  # noqa: E402


def test_generated_pages_are_up_to_date():
    """Otherwise run `make docs`."""
    assert [path.name for path in make_docs.stale()] == []


def test_check_reports_pages_that_are_not_up_to_date(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    page.write_text("old")
    monkeypatch.setattr(make_docs, "ROOT", tmp_path)
    monkeypatch.setattr(make_docs, "fresh", lambda: {page: "new"})
    assert make_docs.main(check=True) == 1
    assert "page.md is not up to date" in capsys.readouterr().out
    assert page.read_text() == "old"
    assert make_docs.main() == 0
    assert page.read_text() == "new"
    assert make_docs.main(check=True) == 0


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/*.md")))
def test_links_exist(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_every_command_of_the_readme_exists():
    from vla_gym.cli import COMMANDS

    mentioned = set(
        re.findall(r"vla-gym ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8"))
    )
    assert mentioned == set(COMMANDS)


def test_every_python_block_of_the_readme_runs():
    """In order, in one process: later blocks use names of earlier ones."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    assert len(blocks) >= 3
    code = "\n".join([*blocks, "print(obs['instruction'], env.spec.id, encoder.embed_dim)"])
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "VLATidy-v0" in run.stdout


def commands(program: str) -> list[str]:
    """Arguments with which the README and docs/results.md call a program."""
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in ("README.md", "docs/results.md")]
    pattern = rf"(?m)^{re.escape(program)} ([^#\n]+)|`{re.escape(program)} ([^`]+)`"
    found = re.findall(pattern, "\n".join(texts))
    return sorted({(block or inline).strip() for block, inline in found})


@pytest.mark.parametrize("arguments", [c for c in commands("python train.py") if "<" not in c])
def test_training_commands_are_valid(arguments, capsys):
    from vla_gym.agents.learning.config import parse

    if "--help" in arguments:
        with pytest.raises(SystemExit):
            parse(arguments.split())
    else:
        parse(arguments.split())


def test_the_readme_mentions_the_main_commands():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for words in ('robot="panda"', "make train", "make test", "make lint", "make docs"):
        assert words in text


def test_contributing_says_where_everything_is_added():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for what in ("task", "object", "arm", "encoder", "policy", "learner", "renderer", "skill",
                 "predicate", "data format", "metric"):  # fmt: skip
        (line,) = re.findall(rf"(?m)^\| [^|]*\b{what}\b[^|]*\|.*$", text)
        assert re.search(r"\]\([^)]+\)", line), line
