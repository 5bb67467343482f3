"""What the documents say is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_readmes_table_comes_from_the_result_files():
    script = [sys.executable, "scripts/update_readme.py", "--check"]
    run = subprocess.run(script, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_the_page_of_results_comes_from_the_result_files():
    script = [sys.executable, "scripts/make_results_docs.py", "--check"]
    run = subprocess.run(script, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_the_tables_of_planning_and_safety_come_from_the_result_files():
    script = [sys.executable, "scripts/make_planning_docs.py", "--check"]
    run = subprocess.run(script, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


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
