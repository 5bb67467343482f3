"""What the documents say is so."""

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
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_every_command_of_the_readme_exists():
    from vla_gym.cli import COMMANDS

    told = set(re.findall(r"vla-gym ([a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert told == set(COMMANDS)


def test_the_five_lines_run():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = text.split("## In five lines")[1].split("```python\n")[1].split("```")[0]
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
