"""The tasks, each in a file of its own with its objects, its placement and its success."""

from sim.tasks.choose import Choose
from sim.tasks.layout import ObjectState, Task
from sim.tasks.lift import Lift
from sim.tasks.press import Press
from sim.tasks.push import Push
from sim.tasks.reach import Reach

# A task's place in this order is part of what its seeds mean: new ones go to the end.
TASKS: dict[str, Task] = {task.name: task for task in (Reach(), Push(), Press(), Lift(), Choose())}

__all__ = ["TASKS", "ObjectState", "Task"]
