"""Looks after the processes of one robot: starts them in order, starts again what may be, and ends them in order.

The order of the end is the reverse of the table's: the policy first, so that the arm holds at once; then the command process,
which brakes and leaves torque holding; then the recorder, which has heard it all. Nothing here waits: `turn` is called again.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from runtime.child_process import BackOff, ChildProcess, ProcessPlan

_REFUSED = 2  # exit status of a process whose files are wrong: started again, it would say the same
_KILL_NS = 2_000_000_000  # even SIGKILL has to wait for a process that is stuck in the kernel


class _Post:
    """A row of the table with whoever fills it now."""

    def __init__(self, plan: ProcessPlan) -> None:
        self.plan = plan
        self.back_off = BackOff(plan.restarts_max)
        self.child: ChildProcess | None = None
        self.t_started_ns = 0
        self.t_start_again_ns: int | None = None
        self.t_asked_ns: int | None = None
        self.t_killed_ns: int | None = None
        self.last_line = ""


class Supervisor:
    """The processes of one robot, by the table of plans in the order of their start."""

    def __init__(self, plans: Sequence[ProcessPlan], folder: Path, say: Callable[[str], None]) -> None:
        """Remember the table; `say` gets every line the processes say, and our own."""
        self._posts = [_Post(plan) for plan in plans]
        self._folder = folder
        self._say = say
        self._stopping = False
        self.status = 0  # the exit status that all of this deserves

    @property
    def finished(self) -> bool:
        """Return whether everything was asked to end, and did."""
        return self._stopping and all(post.child is None for post in self._posts)

    @property
    def stopping(self) -> bool:
        """Return whether everything is asked to end."""
        return self._stopping

    @property
    def filenos(self) -> list[int]:
        """Return the descriptors to wait for."""
        return [post.child.fileno() for post in self._posts if post.child is not None and not post.child.silent]

    def pid(self, name: str) -> int | None:
        """Return the process id of one that runs."""
        return next((post.child.pid for post in self._posts if post.plan.name == name and post.child), None)

    def start(self, t_now_ns: int) -> None:
        """Start every process."""
        for post in self._posts:
            self._start(post, t_now_ns)

    def ask_to_stop(self, why: str, status: int = 0) -> None:
        """Begin the end, in order; `status` is what the whole then deserves, where it did not deserve worse before."""
        self.status = max(self.status, status)
        if not self._stopping:
            self._stopping = True
            self._say(f"run: {why}: ending the processes")

    def turn(self, t_now_ns: int) -> None:
        """Pass on what was said, notice who ended, start again, and go on ending."""
        for post in self._posts:
            self._hear(post)
            self._notice_end(post, t_now_ns)
        if self._stopping:
            self._go_on_stopping(t_now_ns)
            return
        for post in self._posts:
            if post.t_start_again_ns is not None and t_now_ns >= post.t_start_again_ns:
                self._start(post, t_now_ns)

    def _start(self, post: _Post, t_now_ns: int) -> None:
        post.t_started_ns, post.t_start_again_ns, post.last_line = t_now_ns, None, ""
        post.child = ChildProcess(post.plan.command, self._folder)

    def _hear(self, post: _Post) -> None:
        if post.child is None:
            return
        for line in filter(None, post.child.read_lines()):
            post.last_line = line
            self._say(line if line.startswith(f"{post.plan.name}:") else f"{post.plan.name}: {line}")

    def _notice_end(self, post: _Post, t_now_ns: int) -> None:
        status = None if post.child is None else post.child.status()
        if post.child is None or status is None:
            return
        self._hear(post)  # its last words came between the look at its pipe and its end
        post.child.close()
        post.child = None
        if self._stopping:
            if status not in {0, -signal.SIGTERM}:  # the latter where it had not even begun
                self.status = max(self.status, 1)
                self._say(f"run: the {post.plan.name} process {_describe(status)}")
        else:
            self._replace(post, status, t_now_ns)

    def _replace(self, post: _Post, status: int, t_now_ns: int) -> None:
        pause_ns = None if status == _REFUSED else post.back_off.pause_ns(t_now_ns - post.t_started_ns)
        name, last = post.plan.name, f'; its last line: "{post.last_line}"' if post.last_line else ""
        if pause_ns is not None:
            post.t_start_again_ns = t_now_ns + pause_ns
            self._say(f"run: the {name} process {_describe(status)}; it starts again in {pause_ns * 1e-9:g} s")
        elif post.plan.essential:
            self._say(f"run: the {name} process {_describe(status)}{last}")
            self.ask_to_stop(f"without the {name} process", _REFUSED if status == _REFUSED else 1)
        else:
            self._say(f"run: the {name} process {_describe(status)}, and is left at that{last}")

    def _go_on_stopping(self, t_now_ns: int) -> None:
        """Ask the last of the table that still runs to end; the others have to wait for it, but not for ever."""
        post = next((post for post in reversed(self._posts) if post.child is not None), None)
        if post is None or post.child is None:
            return
        if post.t_asked_ns is None:
            post.t_asked_ns = t_now_ns
            post.child.ask_to_end()
        elif post.t_killed_ns is None:
            if t_now_ns - post.t_asked_ns > post.plan.stop_s * 1e9:
                post.t_killed_ns = t_now_ns
                self.status = max(self.status, 1)
                self._say(f"run: the {post.plan.name} process did not end within {post.plan.stop_s:g} s: killed")
                post.child.kill()
        elif t_now_ns - post.t_killed_ns > _KILL_NS:
            self._say(f"run: the {post.plan.name} process {post.child.pid} cannot even be killed; it is left")
            post.child.close()
            post.child = None


def _describe(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
