"""What follows from a robot file: its bus alone, its CAN bit rate, its adapter's name; and how it gets onto the machine."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from bench.arm_rigs import RIGS
from interfaces.errors import ConfigError
from interfaces.robot_config import RobotConfig, load_robot
from provision.__main__ import main as provision
from provision.accelerators import find_accelerators
from provision.machine_file import MachineFile
from provision.machine_files import machine_files, needed_units
from provision.safe_drop_in import uncommanded
from provision.systemd_version import systemd_version
from provision.written_files import Change, pending, read_noted, write
from tests.provision.unit_reading import ROOT, rules, values

COMMAND = Path("/etc/systemd/system/forerun-command.service.d/50-robot.conf")
SOCKET = Path("/etc/systemd/system/forerun-command.socket.d/50-robot.conf")
POLICY = Path("/etc/systemd/system/forerun-policy.service.d/50-robot.conf")
RECORD = Path("/etc/systemd/system/forerun-record.service.d/50-robot.conf")
SAFE = Path("/etc/systemd/system/forerun-safe.service.d/50-robot.conf")
RULES = Path("/etc/udev/rules.d/71-forerun-robot.rules")
BY_ID = "/dev/serial/by-id/usb-1a86_USB_Single_Serial_0001-if00"


@pytest.fixture
def so101() -> RobotConfig:
    return load_robot(ROOT / "robots/so101.toml")


@pytest.fixture
def yam() -> RobotConfig:
    return load_robot(ROOT / "robots/yam.toml")


def _texts(robot: RobotConfig, adapter: str | None = None) -> dict[Path, str]:
    return {file.path: file.text for file in machine_files(robot, adapter=adapter)}


def _at(robot: RobotConfig, port: str) -> RobotConfig:
    return replace(robot, arm=replace(robot.arm, port=port))


def test_each_robot_gets_its_bus_and_nothing_else(robot_file: Path) -> None:
    robot = load_robot(robot_file)
    texts = _texts(robot)
    assert texts[COMMAND].index("DeviceAllow=\n") < texts[COMMAND].find("DeviceAllow=c") or "can" in robot.arm.port
    allowed = values(texts[COMMAND], "DeviceAllow")
    families = values(texts[COMMAND], "RestrictAddressFamilies")
    if robot.arm.port.startswith("can"):
        assert (allowed, families) == ([], ["AF_CAN AF_NETLINK"])
        network = texts[Path(f"/etc/systemd/network/80-forerun-{robot.arm.port}.network")]
        assert values(network, "Name") == [robot.arm.port]
        assert values(network, "BitRate") == [str(robot.arm.baud_hz)]
        assert values(network, "RestartSec") == ["100ms"]
        assert values(network, "RequiredForOnline") == ["no"]
        assert needed_units(robot) == ("systemd-networkd.service",)
    else:
        assert (len(allowed), families) == (1, [])
        assert not [path for path in texts if "network" in str(path).lower()]
        assert needed_units(robot) == ()
    assert values(texts[COMMAND], "LimitRTPRIO") == [str(robot.runtime.realtime_priority)]


def test_each_robot_gets_its_cameras_and_the_gpu(robot_file: Path) -> None:
    robot = load_robot(robot_file)
    allowed = values(_texts(robot)[POLICY], "DeviceAllow")
    realsense = {"char-81 rw", "char-189 rw"} <= set(allowed)
    assert realsense == any(camera.driver == "realsense" for camera in robot.cameras)
    assert "char-226 rw" in allowed
    assert not {"char-166 rw", "char-188 rw"} & set(allowed)  # never the bus


@pytest.mark.parametrize(
    ("port", "classes"),
    [
        ("/dev/ttyACM0", ["char-166 rw"]),
        ("/dev/ttyUSB3", ["char-188 rw"]),
        ("/dev/ttyTHS1", ["char-ttyTHS rw"]),
        ("/dev/ttyS0", ["char-4 rw"]),
        (BY_ID, ["char-166 rw", "char-188 rw"]),
        ("servo-bus", ["char-136 rw"]),
    ],
)
def test_a_serial_port_is_its_class(so101: RobotConfig, port: str, classes: list[str]) -> None:
    assert values(_texts(_at(so101, port))[COMMAND], "DeviceAllow") == classes


def test_a_serial_can_adapter_is_a_serial_port(yam: RobotConfig) -> None:
    texts = _texts(_at(yam, "slcan:/dev/ttyACM1@921600"))
    assert values(texts[COMMAND], "DeviceAllow") == ["char-166 rw"]
    assert values(texts[COMMAND], "RestrictAddressFamilies") == []
    assert not [path for path in texts if path.suffix == ".network"]


def test_a_virtual_interface_has_no_bit_rate(yam: RobotConfig) -> None:
    network = _texts(_at(yam, "vcan0"))[Path("/etc/systemd/network/80-forerun-vcan0.network")]
    assert values(network, "BitRate") == []


def test_the_emergency_stops_inputs_are_reached(so101: RobotConfig) -> None:
    runtime = replace(so101.runtime, estop_gpio="/dev/gpiochip0:106", estop_pipe="/var/lib/foot/pedal", command_cpu=3)
    texts = _texts(replace(so101, runtime=runtime))
    assert values(texts[COMMAND], "DeviceAllow") == ["char-166 rw", "/dev/gpiochip0 rw"]
    assert values(texts[COMMAND], "ReadWritePaths") == ["-/var/lib/foot"]
    assert values(texts[COMMAND], "CPUAffinity") == ["3"]
    assert [("KERNEL", "", "==", "gpiochip0") in rule for rule in rules(texts[RULES])] == [True]


def test_without_real_time_none_is_possible(so101: RobotConfig) -> None:
    text = _texts(replace(so101, runtime=replace(so101.runtime, realtime="off")))[COMMAND]
    assert (values(text, "LimitRTPRIO"), values(text, "RestrictRealtime")) == (["0"], ["yes"])


def test_sockets_elsewhere(so101: RobotConfig) -> None:
    assert {SOCKET, RECORD}.isdisjoint(_texts(so101))
    runtime = replace(
        so101.runtime, command_socket="/run/arm/c.sock", operator_socket="o.sock", control_socket="/srv/p%/s"
    )
    record = replace(so101.record, socket="/run/arm/r.sock")
    texts = _texts(replace(so101, runtime=runtime, record=record))
    assert values(texts[SOCKET], "ListenSequentialPacket") == ["/run/arm/c.sock"]
    assert values(texts[COMMAND], "ExecStopPost") == ['-+/bin/rm -f "/run/forerun/o.sock"']
    assert values(texts[POLICY], "ReadWritePaths") == ["-/srv/p%%"]
    assert values(texts[POLICY], "ExecStopPost") == ['-+/bin/rm -f "/srv/p%%/s"']
    assert values(texts[RECORD], "ReadWritePaths") == ["-/run/arm"]


def test_an_adapter_by_its_number_has_a_short_name_too(so101: RobotConfig) -> None:
    (rule,) = rules(_texts(_at(so101, BY_ID))[RULES])
    assert ("ENV", "ID_SERIAL", "==", "1a86_USB_Single_Serial_0001") in rule
    assert ("ENV", "ID_USB_INTERFACE_NUM", "==", "00") in rule
    assert ("SYMLINK", "", "+=", "forerun-arm") in rule


def test_a_name_of_ours_is_given_to_the_adapter_that_is_named(so101: RobotConfig) -> None:
    robot = _at(so101, "/dev/forerun-left")
    adapter = "/dev/serial/by-id/usb-FTDI_USB__-__Serial_Converter_FT8ISNYK-if00-port0"
    (rule,) = rules(_texts(robot, adapter)[RULES])
    assert ("SYMLINK", "", "+=", "forerun-left") in rule
    assert ("ATTRS", "port_number", "==", "0") in rule
    for wrong in (None, "/dev/ttyUSB0", BY_ID + '", RUN+="x'):
        with pytest.raises(ConfigError, match="--adapter /dev/serial/by-id"):
            machine_files(robot, adapter=wrong)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("estop_pipe", "/tmp/estop"),
        ("operator_socket", "/home/me/o.sock"),
        ("command_socket", "a\nExecStart=/bin/sh"),
        ("control_socket", "with space"),
        ("estop_gpio", '/dev/x", RUN+="y:1'),
    ],
)
def test_what_a_unit_cannot_have_is_refused(so101: RobotConfig, key: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"runtime.{key} is "):
        machine_files(replace(so101, runtime=replace(so101.runtime, **{key: value})))


def test_a_name_that_is_no_interface_is_refused(yam: RobotConfig) -> None:
    for port in ("can0\nName=*", "../../x", "c" * 16):
        with pytest.raises(ConfigError, match=r"arm\.port"):
            machine_files(_at(yam, port))


def test_the_safe_state_tells_what_these_motors_do(robot_file: Path) -> None:
    robot = load_robot(robot_file)
    sentence = uncommanded(robot.arm)
    (start,) = values(_texts(robot)[SAFE], "ExecStart")
    assert start.endswith(f'forerun-command.service "SAFE STATE" "{sentence}"')
    assert ("let go" in sentence) == (robot.arm.driver in {"damiao", "robstride"})
    assert ("torque stays on" in sentence) == (robot.arm.driver == "feetech")


def test_a_watchdog_that_only_the_makers_tool_sets_is_told() -> None:
    assert "Where their watchdog is set" in uncommanded(RIGS["odrive"]().config)


def test_only_the_last_end_calls_a_person(so101: RobotConfig, tmp_path: Path) -> None:
    # Up to 253 there is no such key, and none is needed; from 254 on the safe state would come with the first crash.
    folder = tmp_path / "usr/lib/aarch64-linux-gnu/systemd"
    folder.mkdir(parents=True)
    for version, expected in ((249, 0), (253, 0), (254, 4), (257, 4)):
        for old in folder.iterdir():
            old.unlink()
        (folder / f"libsystemd-shared-{version}.so").touch()
        assert systemd_version(tmp_path) == version
        files = machine_files(so101, systemd=systemd_version(tmp_path))
        assert sum(values(file.text, "RestartMode") == ["direct"] for file in files) == expected
    assert systemd_version(tmp_path / "empty") == 249


def test_only_device_files_of_a_gpu_are_found(tmp_path: Path) -> None:
    (tmp_path / "nvmap").write_text("no device")
    (tmp_path / "nvhost-gpu").symlink_to("/dev/null")
    (tmp_path / "nvgpu/igpu0").mkdir(parents=True)
    (tmp_path / "nvgpu/igpu0/ctrl").symlink_to("/dev/null")
    (tmp_path / "nvidia0").symlink_to("gone")
    (tmp_path / "ttyACM0").symlink_to("/dev/null")
    assert find_accelerators(tmp_path) == ("/dev/nvgpu/igpu0/ctrl", "/dev/nvhost-gpu")


def test_written_once_changed_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    yam, so101 = (str(ROOT / f"robots/{name}.toml") for name in ("yam", "so101"))
    root = ["--root", str(tmp_path)]
    assert provision([yam, *root, "--dry-run"]) == 0
    assert not list(tmp_path.iterdir())
    assert "would be new: /etc/systemd/network/80-forerun-can0.network" in capsys.readouterr().out
    assert provision([yam, *root]) == 0
    said = capsys.readouterr().out
    assert "new: /etc/systemd/network/80-forerun-can0.network" in said
    assert "needed: systemd-networkd.service is not enabled" in said
    first = _tree(tmp_path)
    assert provision([yam, *root]) == 0
    assert "unchanged: " in capsys.readouterr().out
    assert _tree(tmp_path) == first
    assert provision([so101, *root]) == 0
    said = capsys.readouterr().out
    assert "removed: /etc/systemd/network/80-forerun-can0.network" in said
    assert f"changed: {COMMAND}" in said
    assert not [path for path in _tree(tmp_path) if "can0" in path]


def test_what_others_put_beside_stays(tmp_path: Path, so101: RobotConfig) -> None:
    write(machine_files(so101), tmp_path)
    mine = tmp_path / "etc/systemd/system/forerun-safe.service.d/90-mine.conf"
    mine.write_text("[Service]\n")
    assert Change("removed", SAFE) in write((), tmp_path)
    assert mine.exists()
    assert not (tmp_path / "etc/systemd/system/forerun-policy.service.d").exists()
    assert read_noted(tmp_path).paths == ()


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = (MachineFile(Path("/etc/x.conf"), text) for text in ("old\n", "new\n"))
    write((old,), tmp_path)

    def no_room(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space"):
        write((new,), tmp_path)
    assert (tmp_path / "etc/x.conf").read_text() == "old\n"
    assert [path.name for path in (tmp_path / "etc").iterdir()] == ["x.conf"]


def test_cut_off_at_any_file_the_next_run_cleans_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, yam: RobotConfig
) -> None:
    files = machine_files(yam)
    real, n_left = tempfile.mkstemp, 0

    def cut_off(*, prefix: str, dir: Path) -> tuple[int, str]:  # noqa: A002 - as mkstemp calls it
        nonlocal n_left
        if n_left == 0:
            raise KeyboardInterrupt
        n_left -= 1
        return real(prefix=prefix, dir=dir)

    for n_allowed in range(1, len(files) + 1):
        root = tmp_path / str(n_allowed)
        n_left = n_allowed
        monkeypatch.setattr(tempfile, "mkstemp", cut_off)
        with pytest.raises(KeyboardInterrupt):
            write(files, root)
        monkeypatch.setattr(tempfile, "mkstemp", real)
        assert len(pending((), root)) == n_allowed - 1  # the list was the first
        write((), root)
        assert [path for path in _tree(root) if not path.endswith("machine-files")] == []


def test_the_adapter_is_remembered(tmp_path: Path) -> None:
    robot = tmp_path / "robot.toml"
    text = (ROOT / "robots/so101.toml").read_text(encoding="utf-8")
    robot.write_text(text.replace("/dev/ttyACM0", "/dev/forerun-arm"), encoding="utf-8")
    root = ["--root", str(tmp_path / "tree")]
    assert provision([str(robot), *root]) == 2
    assert provision([str(robot), *root, "--adapter", BY_ID]) == 0
    before = _tree(tmp_path / "tree")
    assert provision([str(robot), *root]) == 0
    assert _tree(tmp_path / "tree") == before


def test_a_bad_robot_file_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    robot = tmp_path / "robot.toml"
    robot.write_text("format = 1\nnme = 'x'\n", encoding="utf-8")
    assert provision([str(robot), "--root", str(tmp_path / "tree")]) == 2
    assert f"{robot}: nme is 'x'; expected one of" in capsys.readouterr().err
    assert not (tmp_path / "tree").exists()


def test_what_must_be_enabled(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, expected in (("yam", "systemd-networkd.service\n"), ("so101", "")):
        assert provision([str(ROOT / f"robots/{name}.toml"), "--root", str(tmp_path), "--needs"]) == 0
        assert capsys.readouterr().out == expected
    assert not list(tmp_path.iterdir())


def test_permissions_are_mended(tmp_path: Path, so101: RobotConfig) -> None:
    files = machine_files(so101)
    write(files, tmp_path)
    (tmp_path / COMMAND.relative_to("/")).chmod(0o666)
    assert write(files, tmp_path) == (Change("changed", COMMAND),)
    assert (tmp_path / COMMAND.relative_to("/")).stat().st_mode & 0o777 == 0o644


def test_every_file_says_where_it_comes_from(robot_file: Path) -> None:
    for file in machine_files(load_robot(robot_file)):
        assert re.match(r"# Made from the robot file .*\n", file.text)


def _tree(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}
