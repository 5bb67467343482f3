"""One file per task, data only; `TASKS` maps names to tasks, `MIXTURES` names to several."""

from collections.abc import Mapping, Sequence
from typing import Any

from vla_gym.envs.plain_data import from_data
from vla_gym.envs.task import Task
from vla_gym.envs.tasks.arrange import ARRANGE
from vla_gym.envs.tasks.avoid import AVOID
from vla_gym.envs.tasks.button import BUTTON
from vla_gym.envs.tasks.drawer import DRAWER
from vla_gym.envs.tasks.infeasible import INFEASIBLE
from vla_gym.envs.tasks.pick import PICK
from vla_gym.envs.tasks.pick_place import PICK_PLACE
from vla_gym.envs.tasks.push import PUSH
from vla_gym.envs.tasks.reach import REACH
from vla_gym.envs.tasks.sequence import SEQUENCE
from vla_gym.envs.tasks.shelf import SHELF
from vla_gym.envs.tasks.slide import SLIDE
from vla_gym.envs.tasks.sort import SORT
from vla_gym.envs.tasks.stack import STACK
from vla_gym.envs.tasks.upright import UPRIGHT
from vla_gym.errors import InvalidConfigError, UnknownNameError

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        PICK_PLACE, REACH, PICK, PUSH, STACK, BUTTON, SHELF, SORT, SEQUENCE, AVOID, UPRIGHT,
        SLIDE,
    )
}  # fmt: skip
"""Single tasks."""

MIXTURES: dict[str, tuple[Task, ...]] = {
    "Arrange": ARRANGE,
    "Drawer": DRAWER,
    "Infeasible": INFEASIBLE,
    "Tabletop": (*TASKS.values(), *ARRANGE, *DRAWER, *INFEASIBLE),
}
"""Tasks of which each episode draws one."""


def find_tasks(
    task: str | Task | Mapping[str, Any] | Sequence[str | Task | Mapping[str, Any]],
) -> tuple[Task, ...]:
    """The tasks that an argument stands for.

    Args:
        task: Name in `TASKS` or `MIXTURES`, a task, its data (`vla_gym.envs.plain_data`), or
            several of these.

    Raises:
        UnknownNameError: If the name is unknown.
        InvalidConfigError: If it stands for no task.
    """
    if isinstance(task, Mapping):
        task = from_data(task)
    if isinstance(task, Task):
        return (task,)
    if isinstance(task, Sequence) and not isinstance(task, str):
        return tuple(one for part in task for one in find_tasks(part))
    if not isinstance(task, str):
        raise InvalidConfigError(
            f"{type(task).__name__} is no task. Give a name, a Task, or several of them."
        )
    if task not in TASKS and task not in MIXTURES:
        raise UnknownNameError("task", task, (*TASKS, *MIXTURES))
    return MIXTURES.get(task) or (TASKS[task],)
