"""What the policy process adds to its inference, and how old the frame behind each command is.

    python -m bench.overhead robots/bundles/so101-small

The policy process runs in a process of its own, between a camera and a command process made up here. "overhead" is the time from a
frame's arrival until the first chunk made from it is at the command process, less the two inferences behind it. "age" is, at
each command of 100 a second, the time since the arrival of the frame behind the newest chunk; its aim is one period of the
foresight, inference (median), one command period, and 3 ms. The load is a process per core that multiplies matrices; "first" is the
policy process at the priority that it gives itself, "ordinary" at that of the load.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import select
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.command_loop import load
from bench.command_rig import PATIENCE_S, await_line, start
from bench.policy_rig import CAPTURE_TO_ARRIVAL_NS, PlainCamera, standing_arm
from interfaces.bundle_manifest import GraphSpec
from interfaces.engine import Engine, Tensors
from interfaces.errors import DeviceError
from interfaces.messages import ActionChunk, CommandState, Foresight
from interfaces.robot_config import RobotConfig, load_robot
from interfaces.wire import CHUNK_LAYOUT, CommandStatus, decode_chunk, encode_status
from runtime.policy.bundle import open_bundle
from runtime.policy.foresight_stage import ForesightStage
from runtime.policy.frame_pairing import FrameSet
from runtime.policy_process import PolicyProcess, go_first, seeing_cameras

_ROBOT = Path(__file__).parents[1] / "robots" / "simulated.toml"
_SETTLE_NS = 1_500_000_000
_COMMAND_PERIOD_NS = 10_000_000
_AIM_MS = 3.0  # beyond periods and inference

Durations = NDArray[np.float64]  # milliseconds
Received = list[tuple[int, ActionChunk]]  # when it came, and what


class TimedEngine:
    """An engine that notes how long each run took."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.durations_ns: list[int] = []

    @property
    def spec(self) -> GraphSpec:
        """Return the tensors of the graph."""
        return self._engine.spec

    def run(self, inputs: Tensors) -> Tensors:
        """Run, and note it."""
        t_start_ns = time.monotonic_ns()
        outputs = self._engine.run(inputs)
        self.durations_ns.append(time.monotonic_ns() - t_start_ns)
        return outputs


class TimedForesight:
    """A foresight stage that notes which frame each run of its engine was for."""

    def __init__(self, stage: ForesightStage, engine: TimedEngine) -> None:
        self._stage = stage
        self._engine = engine
        self.t_captures_ns: list[int] = []

    def foresee(self, frames: FrameSet, instruction: str, t_now_ns: int) -> Foresight:
        """Foresee, and note the frame."""
        foresight = self._stage.foresee(frames, instruction, t_now_ns)
        self.t_captures_ns.append(foresight.t_capture_ns)
        return foresight


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of one run."""

    overhead_ms: Durations  # of each first chunk of a frame
    inference_ms: Durations  # foresight and action behind it
    age_ms: Durations  # at each command
    foresight_hz: float
    action_hz: float


def measure(bundle: Path, *, foresight_rate_hz: float, seconds: float, loaded: bool, first: bool) -> Figures:
    """Return the figures of one run of the policy process."""
    with tempfile.TemporaryDirectory(prefix="forerun") as name, ExitStack() as stack:
        folder = Path(name)
        if loaded:
            stack.enter_context(load(folder, os.cpu_count() or 1))
        listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listening.bind(str(folder / "command.sock"))
        listening.listen(1)
        listening.settimeout(PATIENCE_S)
        priority = ("--first",) if first else ()
        policy = start(folder, "bench.overhead", str(bundle.resolve()), "--policy", str(foresight_rate_hz), *priority)
        stack.callback(policy.kill)
        await_line(policy, "ready")
        connection = stack.enter_context(listening.accept()[0])
        received, t_commands_ns = _command(connection, seconds)
        policy.communicate("stop\n", timeout=PATIENCE_S)
        if policy.returncode != 0:
            raise DeviceError(f"the policy process ended with status {policy.returncode}")
        with np.load(folder / "inference.npz") as noted:
            return _figures(received, t_commands_ns, dict(noted), seconds)


def _command(connection: socket.socket, seconds: float) -> tuple[Received, list[int]]:
    """Tell joints at the rate of a command process, and note every chunk the moment it comes."""
    with contextlib.suppress(PermissionError):  # as the command process has it
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(60))
    received, t_commands_ns = Received(), list[int]()
    t_deadline_ns = time.monotonic_ns()
    t_end_ns = t_deadline_ns + _SETTLE_NS + round(seconds * 1e9)
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    while (t_now_ns := time.monotonic_ns()) < t_end_ns:
        if t_now_ns >= t_deadline_ns:
            t_commands_ns.append(t_now_ns)
            t_deadline_ns += _COMMAND_PERIOD_NS
            connection.send(encode_status(_status(len(t_commands_ns), t_now_ns)))
        elif poll.poll((t_deadline_ns - t_now_ns) / 1e6):
            data = connection.recv(CHUNK_LAYOUT.itemsize)
            received.append((time.monotonic_ns(), decode_chunk(data)))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return received, t_commands_ns


def _status(sequence: int, t_now_ns: int) -> CommandStatus:
    joints = standing_arm(6, t_now_ns)
    return CommandStatus(
        sequence=sequence, state=CommandState.FOLLOWING, joints=joints, commanded_rad=joints.position_rad
    )


def _figures(
    received: Received, t_commands_ns: list[int], noted: dict[str, NDArray[np.int64]], seconds: float
) -> Figures:
    t_begin_ns = t_commands_ns[0] + _SETTLE_NS
    foresight_ns = dict(zip(noted["t_capture_ns"].tolist(), noted["foresight_ns"].tolist(), strict=True))
    overhead_ns, inference_ns = list[int](), list[int]()
    for t_received_ns, chunk in _first_of_each_frame(received):
        if t_received_ns > t_begin_ns:
            spent_ns = foresight_ns[chunk.t_capture_ns] + int(noted["action_ns"][chunk.sequence - 1])
            inference_ns.append(spent_ns)
            overhead_ns.append(t_received_ns - chunk.t_capture_ns - CAPTURE_TO_ARRIVAL_NS - spent_ns)
    t_received = np.array([t_ns for t_ns, _ in received])
    t_arrived = np.array([chunk.t_capture_ns for _, chunk in received]) + CAPTURE_TO_ARRIVAL_NS
    t_commands = np.array([t_ns for t_ns in t_commands_ns if t_ns > t_begin_ns])
    behind = np.searchsorted(t_received, t_commands) - 1
    return Figures(
        overhead_ms=np.array(overhead_ns) * 1e-6,
        inference_ms=np.array(inference_ns) * 1e-6,
        age_ms=(t_commands - t_arrived[behind]) * 1e-6,
        foresight_hz=len(overhead_ns) / seconds,
        action_hz=float(np.count_nonzero(t_received > t_begin_ns)) / seconds,
    )


def _first_of_each_frame(received: Received) -> Iterator[tuple[int, ActionChunk]]:
    t_newest_ns = 0
    for t_received_ns, chunk in received:
        if chunk.t_capture_ns > t_newest_ns:
            t_newest_ns = chunk.t_capture_ns
            yield t_received_ns, chunk


def run_policy(bundle_folder: Path, foresight_rate_hz: float) -> None:
    """Be the policy process, in the working directory, until something comes on standard input; then note what inference took."""
    robot = _robot(foresight_rate_hz)
    bundle = open_bundle(bundle_folder, robot)
    foresight, action = TimedEngine(bundle.foresight), TimedEngine(bundle.action)
    bundle = dataclasses.replace(bundle, foresight=foresight, action=action)
    stage = TimedForesight(ForesightStage(bundle), foresight)
    cameras = [PlainCamera(camera) for camera in seeing_cameras(robot, bundle)]
    process = PolicyProcess(robot, bundle, cameras, foresight_stage=stage)
    process.follow(bundle.manifest.instructions[0])
    process.start()
    _line("ready")
    sys.stdin.readline()
    process.close()
    count = len(stage.t_captures_ns)  # the thread may have been stopped between a run and its note
    np.savez(
        "inference.npz",
        t_capture_ns=stage.t_captures_ns,
        foresight_ns=foresight.durations_ns[:count],
        action_ns=action.durations_ns,
    )


def _robot(foresight_rate_hz: float) -> RobotConfig:
    robot = load_robot(_ROBOT)
    return dataclasses.replace(robot, policy=dataclasses.replace(robot.policy, foresight_rate_hz=foresight_rate_hz))


def main() -> None:
    """Print the table of one bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--seconds", type=float, default=15.0, help="per row of the table (default: 15)")
    parser.add_argument("--policy", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--first", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.policy is not None:
        if arguments.first:
            go_first()
        run_policy(arguments.bundle, arguments.policy)
        return
    _line("ms: p50 / p95 / p99")
    _line("| foresight at | load | priority | foresight | action | inference | overhead | age | aim (age p99) |")
    _line("|---|---|---|---|---|---|---|---|---|")
    for loaded, first in ((False, True), (True, True), (True, False)):
        for rate_hz in (15.0, 30.0):
            figures = measure(
                arguments.bundle, foresight_rate_hz=rate_hz, seconds=arguments.seconds, loaded=loaded, first=first
            )
            condition = f"{'all cores' if loaded else 'none'} | {'first' if first else 'ordinary'}"
            _line(_row(figures, rate_hz, condition))


def _row(figures: Figures, rate_hz: float, condition: str) -> str:
    aim_ms = 1e3 / rate_hz + float(np.median(figures.inference_ms)) + _COMMAND_PERIOD_NS * 1e-6 + _AIM_MS
    spreads = " | ".join(map(_spread, (figures.inference_ms, figures.overhead_ms, figures.age_ms)))
    return (
        f"| {rate_hz:g} Hz | {condition} | {figures.foresight_hz:.1f} Hz"
        f" | {figures.action_hz:.1f} Hz | {spreads} | {aim_ms:.1f} |"
    )


def _spread(values_ms: Durations) -> str:
    return " / ".join(f"{value:.2f}" for value in np.percentile(values_ms, (50, 95, 99)))


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
