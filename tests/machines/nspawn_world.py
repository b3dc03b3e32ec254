"""The robot beside the machine: the simulated one, with the physics, servos and camera of `forerun world`, on the machine's terminals.

It is hardware to the machine, and so runs outside of it, is there before it boots, and stays when it goes down.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from interfaces.errors import RefusedError
from interfaces.request_socket import RequestClient
from sim.camera.link import CAMERA_SOCKET
from sim.world_process import WORLD_SOCKET
from tests.machines.nspawn_machine import MachineError, until
from tests.machines.nspawn_mounts import PrivateMounts

REPOSITORY = Path(__file__).parents[2]
ROBOT_FILE = REPOSITORY / "robots" / "simulated.toml"
CABLES = "/run/robot"  # where the machine sees the folder of the servos' port and the camera's socket
START_S = 60.0
BUS = "servo-bus"  # as the robot file calls the port, in the working directory of the units
# The machine's end of the cables: where its units look for them.
LINKS = "".join(f"L+ /run/forerun/{name} - - - - {CABLES}/{name}\n" for name in (BUS, CAMERA_SOCKET))


class OutsideWorld:
    """The simulated robot in a process of its own, for as long as the `with` block lasts."""

    def __init__(self, mounts: PrivateMounts, folder: Path) -> None:
        """`folder` is where its cables end; it is bound into the machine."""
        self.folder = folder
        self._mounts = mounts

    def __enter__(self) -> OutsideWorld:
        """Start it, and wait until its camera and its servos are there."""
        self.folder.mkdir()
        self.folder.chmod(0o755)
        command = [sys.executable, "-B", "-m", "sim.world_process", str(ROBOT_FILE)]
        with (self.folder / "world.txt").open("wb") as said:
            self._process = subprocess.Popen(
                self._mounts.within(command, self.folder),
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        until(self._is_there, START_S, "the simulated robot is there")
        (self.folder / CAMERA_SOCKET).chmod(0o666)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def tell(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the world's status after a request of sim/world_process.py; raises MachineError where it is refused."""
        with RequestClient(self.folder / WORLD_SOCKET) as client:
            reply = client.request(request)
        if "error" in reply:
            raise MachineError(reply["error"])
        return reply

    def status(self) -> dict[str, Any]:
        """Return how the simulated robot is."""
        return self.tell({"status": True})

    def _is_there(self) -> bool:
        if self._process.poll() is not None:
            raise MachineError(f"the simulated robot ended: {(self.folder / 'world.txt').read_text()[-2000:]}")
        try:
            return self.status()["frames"] > 0 and (self.folder / CAMERA_SOCKET).exists()
        except RefusedError:
            return False
