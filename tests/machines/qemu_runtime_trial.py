"""The command process of the robot on a real USB adapter that is pulled and plugged in again. Runs inside the virtual machine."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.command_rig import RunningCommand
from bench.swinging_policy import swing
from interfaces.messages import CommandState
from tests.machines.qemu_adapter_trial import PORT
from tests.machines.qemu_inside import PATIENCE_S, HostLine, wait_until

RATE_HZ = 20.0


def run(host: HostLine) -> None:
    """Follow a policy; unplug; plug in; clear; follow again."""
    wait_until(PORT.exists, f"{PORT} is there")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with RunningCommand(folder, port=str(PORT), rate_hz=RATE_HZ, realtime="preferred") as command:
            command.wait_for(CommandState.READY)
            took_s = swing_until(command, CommandState.FOLLOWING)
            host.check("the command process on the adapter", f"FOLLOWING {took_s:.1f} s after READY", ok=True)
            host.tell("unplug adapter")
            took_s = swing_until(command, CommandState.FAULT)
            host.await_done("unplug adapter")
            host.check("unplugged while it follows", f"FAULT {took_s:.2f} s after the order", ok=True)
            host.ask("plug adapter")
            wait_until(PORT.exists, f"{PORT} is back")
            took_s = wait_until(lambda: forerun_clear(folder), "`forerun clear` is accepted")
            took_s += swing_until(command, CommandState.FOLLOWING)
            host.check("plugged in, and `forerun clear`", f"FOLLOWING again after {took_s:.1f} s", ok=True)
            said, _ = command.stop()
    faults = [line for line in said.splitlines() if "FAULT" in line or "is back" in line]
    host.check("its log", faults, ok=any(f"-> FAULT: {PORT} is gone" in line for line in faults))


def swing_until(command: RunningCommand, state: CommandState) -> float:
    """Answer every status with a fresh chunk, as a policy does, until the process is in `state`; return the seconds it took."""
    t_start_ns = time.monotonic_ns()
    sequence = t_start_ns  # grows from call to call
    while time.monotonic_ns() - t_start_ns < PATIENCE_S * 1e9:
        status = command.status()
        if status.state is state:
            return (time.monotonic_ns() - t_start_ns) * 1e-9
        sequence += 1
        command.link.send_chunk(swing(status, sequence))
    raise TimeoutError(f"the command process was never {state.name}")


def forerun_clear(folder: Path) -> bool:
    """Return whether `forerun clear` succeeds."""
    command = [sys.executable, "-m", "forerun", "clear", str(folder / "robot.toml"), "--folder", str(folder)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
