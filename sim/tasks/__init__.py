"""The four tasks, each in a file of its own with its objects, its placement and its success."""

from sim.tasks.layout import ObjectState, Task
from sim.tasks.lift import Lift
from sim.tasks.press import Press
from sim.tasks.push import Push
from sim.tasks.reach import Reach

TASKS: dict[str, Task] = {task.name: task for task in (Reach(), Push(), Press(), Lift())}

__all__ = ["TASKS", "ObjectState", "Task"]
