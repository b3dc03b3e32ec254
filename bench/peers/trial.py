"""One trial: servos, load and a stack are started, watched for a while, the model is killed, and the servos' tape is read.

started   camera    settled ........................ kill      end
|---------|---------|------------- seconds ----------|---------|
first command       beat, age, processor time        aftermath
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.command_loop import load
from bench.command_rig import EmulatedServos
from bench.peers import timing, usage
from bench.peers.clock_camera import CAMERA_LINE
from bench.peers.contest import CAMERA_HZ, Setup, Trial
from bench.peers.frame_code import GoalCode
from bench.peers.pty_workers import hasten, prompt_ptys
from bench.peers.stacks import SETUP_FILE, Running, write_robot
from interfaces.errors import DeviceError
from sim.feetech.goal_tape import load_goals

SETTLE_S = 4.0  # from the camera's first frame: connecting, loading, and the way to the first pose
AFTER_KILL_S = 2.0
_SLACK_S = 6.0
_START_S = 180.0
_FOUND_TICKS = 2048  # where emulated servos stand at first


@dataclass(frozen=True)
class Figures:
    """What came of one trial."""

    commands: int
    beat: timing.Beat
    age: timing.Age
    reaction: timing.Reaction
    aftermath: timing.Aftermath
    cpu_ratio: float  # of one core, all processes of the stack
    memory_mb: float  # peak, all processes of the stack
    start_s: float  # from the start of its first process to the first command that a frame stands behind


def measure(trial: Trial, *, seconds: float, model_ms: float) -> Figures:
    """Return the figures of one trial; raises DeviceError or ValueError when the stack did not run."""
    code = GoalCode(SETTLE_S + seconds + AFTER_KILL_S + _SLACK_S, CAMERA_HZ)
    with tempfile.TemporaryDirectory(prefix="peers") as name, ExitStack() as stack:
        folder = Path(name)
        setup = Setup(
            port=str(folder / "servo-bus"),
            model_ms=model_ms,
            code_lasts_s=code.lasts_s,
            camera_hz=CAMERA_HZ,
            server_port=_free_port(),
            mode=trial.mode,
            tuning=trial.tuning,
            rate_hz=trial.rate_hz,
        )
        setup.save(folder / SETUP_FILE)
        write_robot(folder / "robot.toml", setup)
        stack.enter_context(prompt_ptys())
        servos = stack.enter_context(EmulatedServos(folder))
        if trial.loaded:
            stack.enter_context(load(folder, os.cpu_count() or 1))
        running = stack.enter_context(Running(folder, trial.stack, trial.mode))
        t_camera_ns = _await_camera(running)
        return _watch(folder, servos, running, (trial, code, t_camera_ns, seconds))


def _watch(folder: Path, servos: EmulatedServos, running: Running, told: tuple[Trial, GoalCode, int, float]) -> Figures:
    trial, code, t_camera_ns, seconds = told
    time.sleep(SETTLE_S)
    running.check()
    hasten()
    t_settled_ns, cpu_before_s = time.monotonic_ns(), usage.cpu_s(running.pids)
    time.sleep(seconds)
    running.check()
    cpu_s, memory_mb = usage.cpu_s(running.pids) - cpu_before_s, usage.peak_mb(running.pids)
    t_kill_ns = running.kill_model()
    time.sleep(AFTER_KILL_S)
    t_end_ns = time.monotonic_ns()
    servos.tell("save goals.npy")
    goals = load_goals(folder / "goals.npy")
    t_ns, ticks = goals["t_ns"].astype(np.int64), goals["goal_ticks"].astype(np.int64)
    kept = t_ns < t_end_ns
    t_ns, ticks = t_ns[kept], ticks[kept]
    first_ns = timing.first_command_ns(t_ns, ticks, _FOUND_TICKS)
    watched = (t_ns >= t_settled_ns) & (t_ns < t_kill_ns)
    if np.count_nonzero(watched) < seconds:
        raise DeviceError(f"{trial.name}: {np.count_nonzero(watched)} commands in {seconds:g} s")
    return Figures(
        commands=int(np.count_nonzero(watched)),
        beat=timing.beat(t_ns[watched], trial.rate_hz),
        age=timing.age(t_ns[watched], ticks[watched], code, t_camera_ns, CAMERA_HZ),
        reaction=timing.reaction(t_ns[watched], ticks[watched], code, t_camera_ns, CAMERA_HZ),
        aftermath=timing.aftermath(t_ns, ticks, t_kill_ns, t_end_ns, trial.rate_hz),
        cpu_ratio=cpu_s / seconds,
        memory_mb=memory_mb,
        start_s=(first_ns - running.t_start_ns) * 1e-9,
    )


def _await_camera(running: Running) -> int:
    """Return when the camera took its first frame, as soon as it did; raises DeviceError when that does not happen."""
    t_give_up_ns = time.monotonic_ns() + round(_START_S * 1e9)
    while time.monotonic_ns() < t_give_up_ns:
        running.check()
        for line in running.said().splitlines():
            if line.startswith(CAMERA_LINE):
                return int(line.removeprefix(CAMERA_LINE))
        time.sleep(0.05)
    raise DeviceError(f"no camera after {_START_S:.0f} s; said: {running.said()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])
