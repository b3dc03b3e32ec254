"""The processes of a simulated robot: world, command, policy and recorder, in a run folder of their own, started and ended in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from interfaces.errors import RefusedError
from interfaces.request_socket import JsonObject, RequestClient
from interfaces.robot_config import RobotConfig

COMMAND_LOG = "commands.npz"
WORLD_SOCKET = "world.sock"
_START_S = 30.0
_STOP_S = 8.0
_POLL_S = 0.05
_ORDER = (
    "policy",
    "command",
    "recorder",
    "world",
)  # what moves the arm ends before what it moves, who writes it down last


class RobotProcesses:
    """A simulated robot that runs; a context manager. Raises RefusedError with the last words of a process that does not come up."""

    def __init__(
        self,
        robot_file: Path,
        robot: RobotConfig,
        run_folder: Path,
        *,
        bundle: Path | None = None,
        view: bool = False,
        record_to: Path | None = None,
    ) -> None:
        """`record_to` is the folder of the flight record; without it there is no recorder."""
        self.run_folder = run_folder
        self._robot = robot
        file = str(robot_file.resolve())
        # -I: an isolated Python, as under systemd: no variable and no folder of the user gets in the way of ours.
        python = [sys.executable, "-I", "-m"]
        self._commands = {
            "world": [*python, "forerun", "world", file, *(["--view"] if view else [])],
            "command": [*python, "runtime.command_process", file, "--log", COMMAND_LOG],
            "policy": [*python, "forerun", "policy", file, *(["--bundle", str(bundle.resolve())] if bundle else [])],
        }
        if record_to is not None:
            to = str(record_to.resolve())
            self._commands["recorder"] = [*python, "runtime.flight.recorder_process", file, "--folder", to]
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> RobotProcesses:
        """Start all, and return once the policy hears the command process and sees through the camera."""
        try:
            self.start("world")
            self._wait("world", (self.run_folder / WORLD_SOCKET).exists)
            if "recorder" in self._commands:  # first, so that the record begins with the first period
                self.start("recorder")
                self._wait("recorder", (self.run_folder / self._robot.record.socket).exists)
            self.start("command")
            self.start("policy")
            self._wait("policy", (self.run_folder / self._robot.runtime.control_socket).exists)
            self._wait("policy", self._sees_and_hears)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End all, in order; each is killed where it does not end by itself."""
        for name in _ORDER:
            self.stop(name)

    def start(self, name: str) -> None:
        """Start one of the processes; what it says goes to `<name>.log` in the run folder."""
        with (self.run_folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._commands[name], cwd=self.run_folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,  # Ctrl-C is for the caller, who ends them in order
            )  # fmt: skip

    def stop(self, name: str) -> None:
        """Ask one of the processes to end, and see to it that it does."""
        process = self._running.pop(name, None)
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Send one of the processes a signal, as an accident would."""
        os.kill(self._running[name].pid, number)
        if number is signal.SIGKILL:
            self._running.pop(name).wait()

    def pid(self, name: str) -> int:
        """Return the process id of one that runs."""
        return self._running[name].pid

    def ask_world(self, request: JsonObject) -> dict[str, Any]:
        """Return the world's reply; raises RefusedError when it is gone, or refuses."""
        return self._ask(WORLD_SOCKET, request)

    def ask_policy(self, request: JsonObject) -> dict[str, Any]:
        """Return the policy process's reply; raises RefusedError when it is gone, or refuses."""
        return self._ask(self._robot.runtime.control_socket, request)

    def last_words(self, name: str) -> str:
        """Return the end of what a process said."""
        try:
            lines = (self.run_folder / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-5:])

    def _ask(self, socket: str, request: JsonObject) -> dict[str, Any]:
        with RequestClient(self.run_folder / socket) as client:
            reply = client.request(request)
        if "error" in reply:
            raise RefusedError(str(reply["error"]))
        return reply

    def _sees_and_hears(self) -> bool:
        status = self.ask_policy({"status": True})
        return (
            bool(status["connected"])
            and status["command_state"] not in (None, "BOOT", "FAULT")
            and status["camera"]["count"] > 3
        )

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        t_end_ns = time.monotonic_ns() + round(_START_S * 1e9)
        while time.monotonic_ns() < t_end_ns:
            ended = [other for other, process in self._running.items() if process.poll() is not None]
            if ended:
                raise RefusedError(f"the {ended[0]} process ended: {self.last_words(ended[0])}")
            try:
                if ready():
                    return
            except RefusedError:
                pass
            time.sleep(_POLL_S)
        raise RefusedError(f"the {name} process is not ready after {_START_S:.0f} s: {self.last_words(name)}")
