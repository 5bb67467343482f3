"""One file per task, data only; `TASKS` maps a task's name to it."""

from vla_gym.envs.task import Task
from vla_gym.envs.tasks.pick_place import PICK_PLACE

TASKS: dict[str, Task] = {task.name: task for task in (PICK_PLACE,)}
