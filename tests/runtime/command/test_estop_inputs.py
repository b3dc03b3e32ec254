"""Emergency stops that are wires and pipes: what presses them, what does not, and what is refused before anything moves."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from interfaces.errors import RefusedError
from interfaces.robot_config import RobotConfig
from runtime.command.estop_inputs import EstopInputs, GpioInput, PipeInput


class Wire:
    """A line to play with."""

    def __init__(self) -> None:
        self.level = True
        self.error: OSError | None = None
        self.released = False

    def high(self) -> bool:
        if self.error is not None:
            raise self.error
        return self.level

    def release(self) -> None:
        self.released = True


def write(path: Path, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.write(fd, data)
    os.close(fd)


def test_any_byte_in_the_pipe_stops_once(tmp_path: Path) -> None:
    path = tmp_path / "estop"
    with closing(PipeInput(path)) as pipe:
        assert [pipe.pressed() for _ in range(3)] == [None] * 3
        write(path, b"\0")
        assert pipe.pressed() == f"a byte in {path}"
        assert pipe.pressed() is None
        write(path, b"stop\n")
        assert pipe.pressed() is not None


def test_a_shell_can_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "estop"
    with closing(PipeInput(path)) as pipe:
        subprocess.run(["sh", "-c", f"echo now > {path}"], check=True, timeout=30)
        assert pipe.pressed() is not None
        assert pipe.pressed() is None


def test_a_writer_that_stays_without_writing_is_no_stop(tmp_path: Path) -> None:
    path = tmp_path / "estop"
    with closing(PipeInput(path)) as pipe:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        assert pipe.pressed() is None
        os.close(fd)
        assert pipe.pressed() is None


def test_a_flood_stops_for_as_long_as_it_lasts_and_takes_one_look_a_period(tmp_path: Path) -> None:
    path = tmp_path / "estop"
    with closing(PipeInput(path)) as pipe:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        written = looks = 0
        with contextlib.suppress(BlockingIOError):  # full
            while True:
                written += os.write(fd, b"x" * 4096)
        while pipe.pressed() is not None:
            looks += 1
        os.close(fd)
    assert looks == written / 4096 > 0


def test_the_pipe_is_made_for_its_group_whatever_the_umask_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "estop"
    before = os.umask(0o077)
    try:
        PipeInput(path).close()
    finally:
        os.umask(before)
    assert stat.S_ISFIFO(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with closing(PipeInput(path)) as pipe:
        assert pipe.pressed() is None


def test_what_is_no_pipe_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for name in ("file", "."):
        with pytest.raises(RefusedError, match=r"runtime\.estop_pipe: .* is no named pipe"):
            PipeInput(tmp_path / name)
    with pytest.raises(RefusedError, match=r"runtime\.estop_pipe: cannot open .*nowhere"):
        PipeInput(tmp_path / "nowhere" / "estop")


def test_a_line_is_pressed_for_as_long_as_it_is_low() -> None:
    wire = Wire()
    line = GpioInput("/dev/gpiochip0:106", wire)
    assert line.pressed() is None
    wire.level = False
    assert [line.pressed() for _ in range(3)] == ["line /dev/gpiochip0:106 is low"] * 3
    wire.level = True
    assert line.pressed() is None
    line.close()
    assert wire.released


def test_a_line_that_cannot_be_read_is_no_better_than_a_pressed_one() -> None:
    wire = Wire()
    wire.error = OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    assert GpioInput("chip:1", wire).pressed() == "line chip:1 cannot be read: No such device"


def test_a_robot_without_inputs_is_never_pressed(robot: RobotConfig) -> None:
    with closing(EstopInputs(robot.runtime)) as inputs:
        assert inputs.pressed() is None


def test_all_inputs_are_looked_at_although_one_is_pressed(
    robot: RobotConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wire, path = Wire(), tmp_path / "estop"
    monkeypatch.setattr("runtime.command.estop_inputs._request_line", {"/dev/gpiochip0:106": wire}.get)
    config = replace(robot.runtime, estop_pipe=str(path), estop_gpio="/dev/gpiochip0:106")
    with closing(EstopInputs(config)) as inputs:
        wire.level = False
        write(path, b"x")
        assert inputs.pressed() == "line /dev/gpiochip0:106 is low"
        wire.level = True
        assert inputs.pressed() is None  # the pipe was emptied, too
    assert wire.released


def test_a_line_without_the_package_for_it_is_refused_with_the_remedy(
    robot: RobotConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "runtime.command.gpio_line", raising=False)
    monkeypatch.setitem(sys.modules, "gpiod", None)
    with pytest.raises(RefusedError, match=r"/dev/gpiochip0:106 needs the package gpiod: install forerun\[gpio\]"):
        EstopInputs(replace(robot.runtime, estop_gpio="/dev/gpiochip0:106"))


@pytest.mark.parametrize("name", ["/dev/no-such-chip:1", "/dev/null:1"])
def test_a_chip_that_is_none_is_refused(robot: RobotConfig, name: str) -> None:
    pytest.importorskip("gpiod", reason="the robot of this test has no GPIO package")
    with pytest.raises(RefusedError, match=rf"runtime\.estop_gpio: cannot read {name}"):
        EstopInputs(replace(robot.runtime, estop_gpio=name))
