"""How well seven Damiao motors are commanded at 250 Hz over CAN: the driver alone, and the real command process.

    python -m bench.can_loop --seconds 30
    python -m bench.can_loop --seconds 30 --command-process
    python -m bench.can_loop --seconds 30 --port can:vcan0       (an interface that is there and up, as in User-mode Linux)
    python -m bench.can_loop --seconds 30 --virtual --lost-ratio 0.01

The emulated motors live in another process, behind an emulated slcan adapter on a pty, or on an interface of the kernel; every
frame takes its time on a wire of 1 Mbit/s. A cycle is one command to each motor and the answer of each: 14 frames. Figures are
ms: median / 99 % / 99.9 % / maximum; a pty's bytes are moved by an ordinary kernel thread, so on a busy machine most of what is
seen is the emulation. "floor" is the wire time of the frames alone, at least and at most as many bits. With --virtual the clock is
virtual: frames take their exact wire time and nothing else takes any, so that this is what bus and driver need, and the same
on every machine; answers get lost at random.

With --command-process, runtime.command_process drives the arm of robots/yam.toml in MuJoCo after the chunks of a slow sine of 0.4 rad
in every joint; "tracking" is how far the measured joints are from the command of the cycle before.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.command_rig import RunningCommand, await_line, end, start
from drivers.can.load import frame_bits_min
from drivers.damiao.arm import DamiaoArm, bus_budget
from interfaces.arm_config import DamiaoConfig
from interfaces.errors import DeviceError
from interfaces.messages import ActionChunk, CommandState, JointVector
from interfaces.robot_config import load_robot
from interfaces.wire import CommandStatus
from runtime.command.log import Records, Spread, summarise
from runtime.command.realtime import RateKeeper, enter_realtime
from runtime.link import PolicyLink
from sim.can.bus import CanBus
from sim.can.bus_process import INTERFACE, CanBusProcess
from sim.can.lockstep import LockstepCan
from sim.motors.springs import RigidMitMotors
from sim.yam.arm import yam_nodes
from sim.yam.links import MODELS

YAM_ROBOT = Path(__file__).parents[1] / "robots" / "yam.toml"
SETTLE_S = 2.0
SWING_RAD = 0.4
SWING_HZ = 0.2
STEP_NS = 50_000_000
HORIZON = 16
EVERY = 8  # statuses; about 30 chunks a second


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(prog="bench.can_loop", description="Seven Damiao motors at 250 Hz over CAN.")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate-hz", type=float, default=250.0)
    parser.add_argument("--port", help='an interface, "can:vcan0"; default: an slcan adapter on a pty')
    parser.add_argument("--command-process", action="store_true", help="through the real command process, on physics")
    parser.add_argument("--virtual", action="store_true", help="on a virtual clock, without processes")
    parser.add_argument("--lost-ratio", type=float, default=0.0, help="of the answers, with --virtual")
    parser.add_argument("--swing", metavar="SOCKET", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.swing:
        swing_for_ever(arguments.swing)
        return
    if arguments.virtual:
        measure_virtual(arguments.seconds, arguments.rate_hz, arguments.lost_ratio)
        return
    with tempfile.TemporaryDirectory(prefix="forerun") as name:
        if arguments.command_process:
            measure_command_process(Path(name), arguments.seconds, arguments.port, arguments.rate_hz)
        else:
            measure_driver(Path(name), arguments.seconds, arguments.port, arguments.rate_hz)


def yam_arm(rate_hz: float, port: str) -> DamiaoConfig:
    """Return the YAM's arm of the robot file, on another port and at another rate."""
    arm = load_robot(YAM_ROBOT).arm
    if not isinstance(arm, DamiaoConfig):
        raise DeviceError(f"{YAM_ROBOT} describes no arm of Damiao motors")
    return replace(arm, rate_hz=rate_hz, port=port)


def emulator(folder: Path, port: str | None, nodes: str) -> tuple[CanBusProcess, str]:
    """Return the process of the motors, not yet started, and what the driver calls its port."""
    if port is None:
        path = folder / "adapter"
        return CanBusProcess(path, nodes), f"slcan:{path}"
    return CanBusProcess(INTERFACE + port.removeprefix(INTERFACE), nodes), port.removeprefix(INTERFACE)


# --- bus and driver alone


def measure_virtual(seconds: float, rate_hz: float, lost_ratio: float) -> None:
    """Exchange with rigid motors on a virtual clock, where each frame takes its exact time on the wire."""
    bus = CanBus(yam_nodes(RigidMitMotors(len(MODELS))))
    t_now_ns = 0
    port = LockstepCan(bus, lambda: t_now_ns)
    config = yam_arm(rate_hz, "can0")
    arm = DamiaoArm(config, port.open_port)
    arm.open()
    start_rad = arm.hold().position_rad
    drawn = np.random.default_rng(0)
    took_ns: list[int] = []
    n_failed = 0
    for cycle in range(round(seconds * rate_hz)):
        t_now_ns = max(t_now_ns + config.period_ns, port.now_ns())
        bus.faults.n_drop = int(drawn.binomial(len(MODELS), lost_ratio))
        with suppress(DeviceError):
            arm.exchange(swing_rad(start_rad, cycle / rate_hz))
            took_ns.append(port.now_ns() - t_now_ns)
            continue
        n_failed += 1
    _line(f"{len(MODELS)} motors at {rate_hz:g} Hz on a virtual clock, {lost_ratio:.1%} of the answers lost")
    _line(f"period       {config.period_ns * 1e-6:.2f} ms")
    _line(f"cycle        {_figures(Spread.of_ns(np.array(took_ns, np.int64)))}")
    _line(f"good {len(took_ns)}, failed {n_failed}")


# --- the driver, in real time


def measure_driver(folder: Path, seconds: float, port: str | None, rate_hz: float) -> None:
    """Exchange on absolute deadlines as the command loop does, with rigid motors."""
    process, name = emulator(folder, port, "yam-rigid")
    arm_config = yam_arm(rate_hz, name)
    runtime = replace(load_robot(YAM_ROBOT).runtime, realtime="preferred")
    with process:
        arm = DamiaoArm(arm_config)
        arm.open()
        start_rad = arm.hold().position_rad
        _line(
            f"{len(arm_config.joints)} motors at {rate_hz:g} Hz on {port or 'slcan'}, {enter_realtime(runtime).line()}"
        )
        keeper = RateKeeper(arm_config.period_ns, lead_ns=arm_config.period_ns // 4)
        times_ns: list[tuple[int, int]] = []  # (sent, done)
        n_failed = n_missed = 0
        t_begin_ns, cpu_begin_ns = time.monotonic_ns(), time.process_time_ns()
        for cycle in range(round(seconds * rate_hz)):
            n_missed += keeper.wait().missed
            t_sent_ns = keeper.await_beat()
            try:
                arm.exchange(swing_rad(start_rad, cycle / rate_hz))
            except DeviceError:
                n_failed += 1
                continue
            times_ns.append((t_sent_ns, time.monotonic_ns()))
        cpu_ratio = (time.process_time_ns() - cpu_begin_ns) / (time.monotonic_ns() - t_begin_ns)
        with suppress(DeviceError):  # a bus that is overrun; the emulated motors do not mind
            arm.release()
        arm.close()
    sent_ns, done_ns = np.array(times_ns, np.int64).reshape(-1, 2).T
    budget = bus_budget(arm_config)
    floor_ms = 2 * len(arm_config.joints) * frame_bits_min(8) / arm_config.baud_hz * 1e3
    _line(f"period       {arm_config.period_ns * 1e-6:.2f} ms; floor {floor_ms:.2f} to {budget.busy_ns * 1e-6:.2f} ms")
    _line(f"cycle        {_figures(Spread.of_ns(done_ns - sent_ns))}")
    _line(f"period error {_figures(Spread.of_ns(np.abs(np.diff(sent_ns) - arm_config.period_ns)))}")
    _line(f"good {len(times_ns)}, failed {n_failed}, beats missed {n_missed}, processor {cpu_ratio:.0%} of one core")
    _line(f"highest rate that leaves room for losses: {budget.rate_max_hz:.0f} Hz")


# --- the command process


def measure_command_process(folder: Path, seconds: float, port: str | None, rate_hz: float) -> None:
    """Run the command process on the simulated YAM, and a policy that swings it; print what its log says."""
    process, name = emulator(folder, port, "yam")
    changes = {"port": name, "rate_hz": rate_hz, "realtime": "preferred"}
    with process, ExitStack() as stack:
        command = stack.enter_context(RunningCommand(folder, YAM_ROBOT, **changes))
        command.wait_for(CommandState.READY)
        command.link.close()
        policy = start(folder, "bench.can_loop", "--swing", "command.sock")
        stack.callback(end, policy)
        await_line(policy, "swinging")
        time.sleep(SETTLE_S + seconds)
        said, records = command.stop()
    settled = records[records["t_deadline_ns"] > records["t_deadline_ns"][0] + round(SETTLE_S * 1e9)]
    summary = summarise(settled, round(1e9 / rate_hz))
    _line(next((line for line in said.splitlines() if "Hz" in line), ""))
    _line(f"period error {_figures(summary.period_error)}")
    _line(f"sent late    {_figures(summary.lateness)}")
    _line(f"decision     {_figures(summary.decision)}")
    _line(f"bus          {_figures(summary.bus)}")
    states = ", ".join(f"{state} {ratio:.1%}" for state, ratio in summary.state_ratio.items())
    _line(f"commands {summary.commands}, missed {summary.missed}; {states}")
    for line in said.splitlines():
        if "HOLDING" in line or "FAULT" in line:
            _line(line)
    print_tracking(settled)


def print_tracking(records: Records) -> None:
    """Print how far the joints are from where they were sent one cycle before."""
    sent = records[records["t_sent_ns"] > 0]
    error_mrad = 1e3 * (sent["position_rad"][1:] - sent["commanded_rad"][:-1])
    rms, worst = np.sqrt((error_mrad**2).mean(axis=0)), np.abs(error_mrad).max(axis=0)
    moved = np.ptp(sent["position_rad"], axis=0)
    _line("tracking     " + ", ".join(f"{one:.1f}" for one in rms) + " mrad rms")
    _line("             " + ", ".join(f"{one:.1f}" for one in worst) + " mrad at most")
    _line("moved        " + ", ".join(f"{one:.2f}" for one in moved) + " rad")


def swing_rad(start_rad: JointVector, t_s: float) -> JointVector:
    """Return the pose of the swing at an instant: each joint goes `SWING_RAD` to one side and back."""
    return start_rad + SWING_RAD * (1 - np.cos(2 * np.pi * SWING_HZ * t_s)) / 2


def swing_chunk(status: CommandStatus, sequence: int, start_rad: JointVector, t_start_ns: int) -> ActionChunk:
    """Return the next rows of the swing, from the joints of `status`."""
    t_first_ns = status.joints.t_measured_ns + STEP_NS
    rows_s = (t_first_ns - t_start_ns + STEP_NS * np.arange(HORIZON)) * 1e-9
    return ActionChunk(
        sequence=sequence,
        t_capture_ns=status.joints.t_measured_ns - STEP_NS,
        t_state_ns=status.joints.t_measured_ns,
        t_first_ns=t_first_ns,
        step_ns=STEP_NS,
        foresight_age_ns=STEP_NS,
        position_rad=np.array([swing_rad(start_rad, max(0.0, float(t_s))) for t_s in rows_s]),
    )


def swing_for_ever(socket_path: Path) -> None:
    """Be the policy, until killed."""
    link, sequence = PolicyLink(socket_path), 0
    start_rad, t_start_ns = np.zeros(0), 0
    while True:
        status = link.wait_status(1.0)
        if status is None or status.sequence % EVERY:
            continue
        if not sequence:
            start_rad, t_start_ns = status.commanded_rad, status.joints.t_measured_ns
        sequence += 1
        link.send_chunk(swing_chunk(status, sequence, start_rad, t_start_ns))
        if sequence == 1:
            _line("swinging")


def _figures(spread: Spread) -> str:
    return " / ".join(f"{value:.2f}" for value in (spread.p50_ms, spread.p99_ms, spread.p999_ms, spread.max_ms))


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
