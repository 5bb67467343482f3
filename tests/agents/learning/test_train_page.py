"""`train.py` shows what ``vla-gym train`` does."""

import ast
import inspect
from pathlib import Path

from vla_gym.agents.learning import training

PAGE = Path(__file__).parents[3] / "train.py"


def steps(function: ast.FunctionDef) -> list[str]:
    """The statements of a function, without its docstring and its return value."""
    body = [s for s in function.body[1:] if not isinstance(s, ast.Return)]
    return [ast.unparse(s) for s in body]


def test_the_page_and_the_command_have_the_same_steps():
    page = ast.parse(PAGE.read_text(encoding="utf-8"))
    main = next(f for f in page.body if isinstance(f, ast.FunctionDef) and f.name == "main")
    command = ast.parse(inspect.getsource(training.train)).body[0]
    assert isinstance(command, ast.FunctionDef)
    assert steps(main) == steps(command)


def test_the_page_shows_the_five_parts():
    text = PAGE.read_text(encoding="utf-8")
    for number, part in enumerate(("environment", "encoder", "policy", "learner", "loop"), 1):
        assert f"# {number}. {part}" in text
    assert len(text.splitlines()) <= 60
