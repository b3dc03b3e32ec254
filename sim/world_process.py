"""The simulated robot as a process: physics in real time, six motors on a bus, a camera on a cable, and a request socket.

    python -m sim.world_process robots/simulated.toml [--truth truth.toml]

Everything lies in the working directory, the run folder: the port named in the robot file, `camera.sock`, `world.sock`. Requests:

    {"scene": "push", "seed": 7}   set a task's objects on the table, and watch for its success
    {"status": true}               episode, success, joints; every reply is the status
    {"unplug": "bus"}              pull the serial cable; {"plug": "bus"} puts it back
    {"camera": "late", "ms": 300}  let the camera be wrong (sim/camera/faults.py); {"camera": "well", "ms": 0} ends it
    {"clear": true}                take everything off the table
    {"hand": [0, null, ...]}       lead limp joints to angles in rad by hand, and hold them; null lets a joint go
    {"board": {...}}               put the board somewhere else: keys as in the truth's [board]; {"board": null} takes it away
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np

from interfaces.errors import ForerunError, ProtocolError
from interfaces.request_socket import JsonObject, RequestServer
from interfaces.robot_config import RobotConfig, load_robot
from interfaces.toml_loader import from_table
from sim.camera.faults import CameraFaults
from sim.camera.process import SimulatedCameraProcess
from sim.live_world import LiveWorld
from sim.motors.servo_world import ServoWorld
from sim.motors.simulated_bus import behind_a_pty, simulated_bus
from sim.serial.pty_port import PtyPort
from sim.truth import AS_DESIGNED, BoardPlace, load_truth
from sim.viewer import Viewer
from sim.world import STEP_NS, World

WORLD_SOCKET = "world.sock"
EFFORT_OVER_S = 0.020  # of the servos where a truth is told
REALTIME_PRIORITY = 65  # below the servo bus, above the command process


class SimulatedRobot:
    """World, servo bus, camera and request socket of one simulated robot; a context manager."""

    def __init__(self, robot: RobotConfig, truth_file: Path | None = None) -> None:
        """`truth_file` says what is not as designed."""
        self.world = World(load_truth(truth_file) if truth_file else AS_DESIGNED)
        self.world.set_torque_enabled(np.zeros(6, bool))
        servos = ServoWorld(self.world, EFFORT_OVER_S if truth_file else 0.0)
        frame_ns = round(1e9 / robot.cameras[0].rate_hz)
        self._live = LiveWorld(self.world, servos, frame_ns, time.monotonic_ns())
        bus, port = behind_a_pty(robot.arm, simulated_bus(robot.arm, servos))
        self._port = PtyPort(bus, Path(port))
        self._requests = RequestServer(Path(WORLD_SOCKET), self._answer)
        size_px = robot.cameras[0].width_px, robot.cameras[0].height_px
        self._camera = SimulatedCameraProcess(size_px, truth_file)
        self._camera_faults = CameraFaults()

    def __enter__(self) -> SimulatedRobot:
        """Plug everything in."""
        self._port.open()
        self._requests.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Unplug everything."""
        self._requests.close()
        self._camera.close()
        self._port.close()

    def advance(self) -> None:
        """Step the physics up to the present."""
        t_now_ns = time.monotonic_ns()
        for exposure in self._camera_faults.pass_on(self._live.advance(t_now_ns), t_now_ns):
            self._camera.expose(exposure)

    def _answer(self, request: JsonObject) -> dict[str, Any]:
        match request:
            case {"status": True}:
                pass
            case {"scene": str(task), "seed": int(seed)} if seed >= 0:
                self._live.set_scene(task, seed)
            case {"unplug": "bus"}:
                self._port.close()
            case {"plug": "bus"}:
                self._port.open()
            case {"camera": str(fault), "ms": int(amount_ms)}:
                self._camera_faults.become(fault, amount_ms)
            case {"clear": True} | {"hand": list()} | {"board": dict() | None}:
                self._tidy(request)
            case _:
                raise ProtocolError(f"the world does not understand {str(request)[:80]}")
        return self._live.status()

    def _tidy(self, request: JsonObject) -> None:
        """Do what a person beside the robot does by hand."""
        match request:
            case {"hand": _}:
                self._live.guide(request["hand"])
            case {"board": None}:
                self._live.place_board(None)
            case {"board": _}:
                self._live.place_board(from_table(request["board"], BoardPlace, WORLD_SOCKET, "board."))
            case _:
                self._live.clear()


def run(robot_file: Path, *, view: bool = False, truth_file: Path | None = None) -> int:
    """Run the simulated robot until SIGTERM or SIGINT, with MuJoCo's viewer where `view` is set."""
    robot = load_robot(robot_file)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if not view:  # a window is no hardware, and would take the processor from the robot
        _be_hardware()
    with SimulatedRobot(robot, truth_file) as simulated, Viewer(simulated.world) if view else nullcontext() as viewer:
        while not stop.is_set() and (viewer is None or viewer.show()):
            simulated.advance()
            time.sleep(STEP_NS * 1e-9)
    return 0


def _be_hardware() -> None:
    """Let this process go first, as far as the system allows: servos and physics do not wait for a processor."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(REALTIME_PRIORITY))


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="The simulated robot: physics, servo bus and camera.")
    parser.add_argument("robot", type=Path, help="robot file")
    parser.add_argument("--view", action="store_true", help="open MuJoCo's viewer")
    parser.add_argument("--truth", type=Path, help="what is really so with this robot (sim/truth.py), a TOML file")
    arguments = parser.parse_args()
    try:
        return run(arguments.robot, view=arguments.view, truth_file=arguments.truth)
    except ForerunError as error:
        sys.stderr.write(f"world: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
