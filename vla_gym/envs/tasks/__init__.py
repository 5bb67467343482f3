"""One file per task, data only; `TASKS` maps names to tasks, `MIXTURES` names to several."""

from collections.abc import Sequence

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
from vla_gym.errors import UnknownNameError

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


def find_tasks(task: str | Task | Sequence[Task]) -> tuple[Task, ...]:
    """The tasks that an argument stands for.

    Args:
        task: Name in `TASKS` or `MIXTURES`, a task, or several.

    Raises:
        UnknownNameError: If the name is unknown.
    """
    if isinstance(task, Task):
        return (task,)
    if not isinstance(task, str):
        return tuple(task)
    if task not in TASKS and task not in MIXTURES:
        raise UnknownNameError("task", task, (*TASKS, *MIXTURES))
    return MIXTURES.get(task) or (TASKS[task],)
