"""What is shown in the terminal while episodes run, and the moments that are kept for pictures."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from bench.closed_loop.processes import RobotProcesses
from bench.closed_loop.strip import Moment

_PICTURE_EVERY_S = 0.12
_STATUS_EVERY_S = 0.5
_SNAPSHOT = "seen.npz"


class LiveView:
    """A progress bar with live figures; a context manager."""

    def __init__(self, console: Console, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.fields[task_name]}"), BarColumn(bar_width=16), MofNCompleteColumn(),
            TextColumn("{task.fields[done]}"), TextColumn("{task.fields[now]}"), console=console,
        )  # fmt: skip
        self._bar = self._progress.add_task("", total=total, task_name="", done="", now="")
        self._keep_pictures = False
        self._t_status_s = self._t_picture_s = -1.0
        self.moments: list[Moment] = []  # of the episode that runs

    def __enter__(self) -> LiveView:
        """Begin to show."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last state on the screen."""
        self._progress.stop()

    def begin(self, *, keep_pictures: bool) -> None:
        """Begin an episode."""
        self._keep_pictures, self.moments = keep_pictures, []
        self._t_status_s = self._t_picture_s = -1.0

    def end(self, n_succeeded: int, n_done: int, rates_hz: dict[str, float]) -> None:
        """End an episode."""
        rates = f"foresight {rates_hz['foresight']:.0f} Hz, action {rates_hz['action']:.0f} Hz"
        self._progress.update(self._bar, advance=1, done=f"{n_succeeded}/{n_done} succeeded, {rates}")

    def watch(self, processes: RobotProcesses, task: str, elapsed_s: float) -> None:
        """Look at the robot, if it is time to."""
        if self._keep_pictures and elapsed_s - self._t_picture_s > _PICTURE_EVERY_S:
            self._t_picture_s = elapsed_s
            self._keep(processes, elapsed_s)
        if self._t_status_s < 0 or elapsed_s - self._t_status_s > _STATUS_EVERY_S:
            self._t_status_s = elapsed_s
            status = processes.ask_policy({"status": True})
            age_ms = status["foresight_age"]["p50_ms"]
            age = "-" if age_ms is None else f"{age_ms:.0f} ms"
            self._progress.update(self._bar, task_name=task, now=f"age {age}, {status['command_state']}")

    def _keep(self, processes: RobotProcesses, elapsed_s: float) -> None:
        processes.ask_policy({"snapshot": _SNAPSHOT})
        with np.load(processes.run_folder / _SNAPSHOT, allow_pickle=False) as seen:
            chunk = seen["chunk_rad"] if "chunk_rad" in seen.files else None
            moment = Moment(elapsed_s=elapsed_s, rgb=seen["rgb"], joints_rad=seen["joints_rad"], chunk_rad=chunk)
        self.moments.append(moment)
