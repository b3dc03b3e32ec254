"""How the processes of each stack are started: ours by our own modules, the peers' by theirs, each in its own environment."""

from __future__ import annotations

import json
import re
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bench.command_rig import SIMULATED_ROBOT
from bench.peers.contest import Setup, Stack
from bench.peers.install import REPOSITORY, python_of
from interfaces.errors import DeviceError

SETUP_FILE = "setup.json"

# Our repository is put in front of the environment's packages; -I keeps everything else of this machine out.
_RUN_MODULE = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module(sys.argv.pop(1), run_name='__main__')"
)
# What the peers do where nothing is smoothed: any step goes out at once. Nobody should run an arm like that.
_UNLIMITED = {
    "seam_blend_ms": 0.0,
    "velocity_max_rad_s": 1e3,
    "acceleration_max_rad_s2": 1e6,
    "jerk_max_rad_s3": 1e9,
}
_SAID_LINES = 15
_END_S = 10.0


@dataclass(frozen=True)
class Program:
    """A module and what it is told; `is_model` marks the process in which the model runs."""

    module: str
    argument: str = SETUP_FILE
    is_model: bool = True


def programs(stack: Stack, mode: str) -> list[Program]:
    """Return the programs that a stack consists of, in the order in which they are started."""
    if stack == "forerun":
        return [
            Program("runtime.command_process", "robot.toml", is_model=False),
            Program("bench.peers.forerun_policy"),
        ]
    if stack == "physicalai":
        return [Program("bench.peers.physicalai_runtime")]
    if mode == "sync":
        return [Program("bench.peers.lerobot_sync")]
    return [Program("bench.peers.lerobot_server"), Program("bench.peers.lerobot_client", is_model=False)]


def write_robot(file: Path, setup: Setup) -> None:
    """Write forerun's robot file: the simulated robot's with the trial's rates, and joints that turn as far as their servos do."""
    changes = {
        "port": setup.port,
        "rate_hz": setup.rate_hz,
        "position_min_rad": -3.1,
        "position_max_rad": 3.1,
        "foresight_rate_hz": setup.camera_hz,
        "action_rate_hz": setup.camera_hz,
        "realtime": "required" if setup.mode == "fifo" else "off",
        "bus_error_budget": 50,  # a pty's bytes are moved by a thread of the kernel that a busy machine may keep waiting
        **(_UNLIMITED if setup.tuning == "freshest" else {}),
    }
    arm, cameras = SIMULATED_ROBOT.read_text(encoding="utf-8").split("[[cameras]]")
    for key, value in changes.items():
        line = f"{key} = {json.dumps(value)}"
        arm = re.sub(rf"(?m)^{key} = .*$", line, arm)
        if key != "rate_hz":  # the camera's own
            cameras = re.sub(rf"(?m)^{key} = .*$", line, cameras)
    file.write_text(f"{arm}[[cameras]]{cameras}", encoding="utf-8")


class Running:
    """The processes of a stack, in a folder, for as long as the `with` block lasts."""

    def __init__(self, folder: Path, stack: Stack, mode: str) -> None:
        """Start them all."""
        self._folder = folder
        self._programs = programs(stack, mode)
        self.t_start_ns = time.monotonic_ns()
        self._processes = [self._start(python_of(stack), program) for program in self._programs]

    def __enter__(self) -> Running:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Ask all to end, then end them."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
            process.kill()
            process.wait()

    @property
    def pids(self) -> list[int]:
        """Return the ids of all processes."""
        return [process.pid for process in self._processes]

    def kill_model(self) -> int:
        """Kill the process in which the model runs, as the kernel does when memory is short; return when."""
        model = next(p for p, program in zip(self._processes, self._programs, strict=True) if program.is_model)
        t_kill_ns = time.monotonic_ns()
        model.kill()
        return t_kill_ns

    def check(self) -> None:
        """Raise DeviceError when one of them died, with what it said last."""
        for process, program in zip(self._processes, self._programs, strict=True):
            if process.poll() is not None:
                raise DeviceError(f"{program.module} ended with {process.returncode}:\n{self._said(program)}")

    def said(self) -> str:
        """Return what the last program said so far: it is the one with the camera."""
        return self._log(self._programs[-1]).read_text(encoding="utf-8", errors="replace")

    def _start(self, python: Path, program: Program) -> subprocess.Popen[bytes]:
        command = [str(python), "-I", "-c", _RUN_MODULE, str(REPOSITORY), program.module, program.argument]
        with self._log(program).open("wb") as log:  # files: a pipe that nobody empties would stop them
            return subprocess.Popen(command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _log(self, program: Program) -> Path:
        return self._folder / f"{program.module}.log"

    def _said(self, program: Program) -> str:
        lines = self._log(program).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_SAID_LINES:])
