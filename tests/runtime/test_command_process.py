"""The command process as it is started on a robot, on emulated servos in another process, with a policy in a third."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from bench.command_rig import (
    PATIENCE_S,
    REPOSITORY,
    SIMULATED_ROBOT,
    EmulatedServos,
    RunningCommand,
    await_line,
    end,
    start,
    write_robot,
)
from interfaces.messages import ActionChunk, CommandState
from interfaces.wire import CommandStatus
from runtime.command.log import Records
from runtime.link import PolicyLink

MS = 1_000_000


@pytest.fixture
def servos(folder: Path) -> Iterator[EmulatedServos]:
    """Return emulated servos at the folder's port."""
    with EmulatedServos(folder) as made:
        yield made


@pytest.fixture
def command(folder: Path, servos: EmulatedServos) -> Iterator[RunningCommand]:
    """Return a command process on the servos."""
    del servos
    with RunningCommand(folder) as made:
        yield made


def chunk_towards(target_rad: float, status: CommandStatus, sequence: int) -> ActionChunk:
    t_ns = status.joints.t_measured_ns
    way = np.minimum(np.arange(1, 17) / 8, 1.0)[:, None]
    return ActionChunk(
        sequence=sequence,
        t_capture_ns=t_ns - 50 * MS,
        t_state_ns=t_ns,
        t_first_ns=t_ns + 50 * MS,
        step_ns=50 * MS,
        foresight_age_ns=50 * MS,
        position_rad=status.commanded_rad + way * (target_rad - status.commanded_rad),
    )


def kill_a_policy_in_motion(folder: Path) -> int:
    """Return the instant of the kill."""
    policy = start(folder, "bench.swinging_policy", "command.sock")
    await_line(policy, "swinging")
    time.sleep(0.5)
    t_killed_ns = time.monotonic_ns()
    end(policy)
    time.sleep(0.3)
    return t_killed_ns


def assert_at_rest(records: Records) -> None:
    """The last period is the end of the braking: what is left of its motion is less than a servo can count."""
    np.testing.assert_allclose(records["commanded_rad"][-1], records["commanded_rad"][-2], atol=4e-4)


def assert_no_jump(records: Records) -> None:
    sent = records["commanded_rad"][records["t_sent_ns"] > 0]
    steps = np.diff(np.vstack([sent[:1], sent]), axis=0)
    assert np.abs(steps).max() <= 4.0 * 0.01 + 1e-9
    assert np.abs(np.diff(steps, axis=0)).max() <= 60.0 * 0.01**2 + 1e-9


def test_it_holds_the_measured_pose_then_follows_then_stops_with_a_log(command: RunningCommand) -> None:
    ready = command.wait_for(CommandState.READY)
    np.testing.assert_allclose(ready.joints.position_rad, ready.commanded_rad, atol=0.002)
    for sequence in range(1, 1000):
        status = command.status()
        command.link.send_chunk(chunk_towards(0.4, status, sequence))
        if np.abs(status.joints.position_rad - 0.4).max() < 0.02:
            break
    said, records = command.stop()
    assert "BOOT -> READY: armed at the measured pose" in said
    assert "READY -> FOLLOWING: chunk 1" in said
    np.testing.assert_allclose(records["commanded_rad"][-1], 0.4, atol=0.05)
    assert records["state"][-1] == CommandState.HOLDING
    assert_at_rest(records)
    following = records[records["state"] == CommandState.FOLLOWING]
    assert (following["frame_age_ns"] > 50 * MS).all()
    assert (following["foresight_age_ns"] == 50 * MS).all()
    assert_no_jump(records)


def test_a_killed_policy_makes_the_arm_hold_at_once_and_a_new_one_goes_on_without_a_jump(
    folder: Path, command: RunningCommand
) -> None:
    command.wait_for(CommandState.READY)
    command.link.close()
    kill_a_policy_in_motion(folder)
    t_killed_ns = kill_a_policy_in_motion(folder)
    _, records = command.stop()
    after = records[records["t_sent_ns"] > t_killed_ns]
    assert CommandState.FOLLOWING in records["state"]
    held = after[after["state"] == CommandState.HOLDING]
    assert (held["t_sent_ns"][0] - t_killed_ns) / MS < 100
    at_rest = np.abs(np.diff(after["commanded_rad"], axis=0)).max(axis=1) == 0
    assert (after["t_sent_ns"][1:][at_rest][0] - t_killed_ns) / MS < 200
    assert_no_jump(records)


def test_asked_to_stop_in_motion_it_comes_to_rest_although_chunks_go_on(folder: Path, command: RunningCommand) -> None:
    command.wait_for(CommandState.READY)
    command.link.close()
    policy = start(folder, "bench.swinging_policy", "command.sock")
    await_line(policy, "swinging")
    time.sleep(0.5)
    said, records = command.stop()
    end(policy)
    assert "FOLLOWING -> HOLDING: asked to stop" in said
    assert records["state"][-1] == CommandState.HOLDING
    assert_at_rest(records)
    assert_no_jump(records)


def test_an_unplugged_bus_is_a_clear_fault_and_recovers(servos: EmulatedServos, command: RunningCommand) -> None:
    command.wait_for(CommandState.READY)
    for _ in range(2):
        servos.tell("unplug")
        command.wait_for(CommandState.FAULT)
        time.sleep(0.2)
        assert command.process.poll() is None
        servos.tell("plug")
        command.clear()
        command.wait_for(CommandState.READY)
    said, records = command.stop()
    lines = [line for line in said.splitlines() if "FAULT" in line]
    assert [line.split(":")[1].strip() for line in lines if "-> READY" in line] == ["FAULT -> READY"] * 2
    assert any("READY -> FAULT" in line and "servo-bus" in line for line in lines)
    assert any("the bus is back" in line for line in lines)
    assert len(lines) <= 10  # no line per attempt
    assert CommandState.FAULT in records["state"]


def test_one_lost_answer_is_no_fault_and_a_silent_servo_is(servos: EmulatedServos, command: RunningCommand) -> None:
    command.wait_for(CommandState.READY)
    servos.tell("drop 2")
    servos.tell("corrupt 2")
    time.sleep(0.3)
    assert command.status().state is CommandState.READY
    servos.tell("silence 3")
    command.wait_for(CommandState.FAULT)
    servos.tell("speak 3")
    command.clear()
    command.wait_for(CommandState.READY)
    said, _ = command.stop()
    fault = next(line for line in said.splitlines() if "READY -> FAULT" in line)
    assert "50 bus cycles failed in a row" in fault
    assert "elbow_flex" in fault


def test_it_waits_for_a_bus_that_is_not_there_yet(folder: Path) -> None:
    with RunningCommand(folder) as command:
        time.sleep(1.5)
        assert command.process.poll() is None
        with EmulatedServos(folder):
            command.wait_for(CommandState.READY)
            said, _ = command.stop()
    assert "BOOT: servo-bus is not there" in said
    assert "BOOT -> READY" in said


def test_garbage_from_a_policy_is_reported_and_survived(folder: Path, command: RunningCommand) -> None:
    command.wait_for(CommandState.READY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        caller.connect(str(folder / "command.sock"))
        for _ in range(20):
            caller.send(b"garbage")
        time.sleep(0.2)
    command.wait_for(CommandState.READY)
    said, _ = command.stop()
    assert said.count("a message was rejected: a message of 7 bytes") == 1


def test_a_log_that_cannot_be_written_is_said_in_a_line_and_is_no_crash(folder: Path, servos: EmulatedServos) -> None:
    del servos
    process = start(folder, "runtime.command_process", str(write_robot(folder)), "--log", "nowhere/commands.npz")
    with contextlib.closing(PolicyLink(folder / "command.sock")) as link:
        while link.wait_status(1.0) is None:
            assert process.poll() is None
    process.terminate()
    _, said = process.communicate(timeout=PATIENCE_S)
    assert "the log is not saved: nowhere/commands.npz: No such file or directory" in said
    assert "Traceback" not in said
    assert process.returncode == 1


def test_it_outlives_those_who_read_what_it_says(servos: EmulatedServos, command: RunningCommand) -> None:
    command.wait_for(CommandState.READY)
    assert command.process.stderr is not None
    command.process.stderr.close()
    servos.tell("unplug")
    command.wait_for(CommandState.FAULT)
    servos.tell("plug")
    command.clear()
    command.wait_for(CommandState.READY)


SPOILED: list[tuple[str, Callable[[str], str], str]] = [
    ("unknown key", lambda text: text.replace("rate_hz = 100.0", "rate_hz = 100.0\ncolour = 1"), "arm.colour"),
    ("wrong type", lambda text: text.replace("rate_hz = 100.0", 'rate_hz = "fast"'), "arm.rate_hz is 'fast'"),
    (
        "limits",
        lambda text: text.replace("position_max_rad = 1.91", "position_max_rad = -2.0"),
        "position_max_rad is -2.0",
    ),
]


@pytest.mark.parametrize(("spoil", "names"), [case[1:] for case in SPOILED], ids=[case[0] for case in SPOILED])
def test_a_wrong_robot_file_is_one_line_and_status_2(folder: Path, spoil: Callable[[str], str], names: str) -> None:
    robot = folder / "wrong.toml"
    robot.write_text(spoil(SIMULATED_ROBOT.read_text()))
    process = start(folder, "runtime.command_process", str(robot))
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    assert said.count("\n") == 1
    assert "wrong.toml" in said
    assert names in said
    assert "expected" in said


def test_real_time_that_is_required_and_not_given_is_refused(folder: Path) -> None:
    robot = folder / "strict.toml"
    strict = 'realtime = "required"\ncommand_cpu = 999'
    robot.write_text(SIMULATED_ROBOT.read_text().replace('realtime = "preferred"', strict))
    process = start(folder, "runtime.command_process", str(robot))
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "refused" in said
    assert "core 999" in said


def test_it_imports_no_inference_no_images_no_camera(folder: Path, servos: EmulatedServos) -> None:
    del servos
    look = (
        "import sys, threading; sys.path.insert(0, sys.argv[1]); from runtime.command_process import main;"
        "print(main([sys.argv[2]]), threading.active_count(), *sorted(sys.modules))"
    )
    command = [sys.executable, "-I", "-c", look, str(REPOSITORY), str(write_robot(folder))]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any("READY" in line for line in process.stderr)
        process.terminate()
        status, threads, *modules = process.communicate(timeout=PATIENCE_S)[0].split()
    assert (status, threads) == ("0", "1")
    assert "drivers.feetech.arm" in modules
    forbidden = {"onnxruntime", "cv2", "pyrealsense2", "rich", "torch", "mujoco", "sim", "drivers.realsense.camera"}
    assert not forbidden.intersection(modules)
