"""What follows from a robot file: its bus alone, its CAN bit rate, its adapter's name; and how it gets onto the machine."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench.arm_rigs import RIGS
from interfaces.errors import ConfigError
from interfaces.robot_config import RobotConfig, load_robot
from provision.accelerators import find_accelerators
from provision.machine_files import machine_files, needed_units
from provision.safe_drop_in import uncommanded
from provision.systemd_version import systemd_version
from tests.provision.unit_reading import rules, values

COMMAND = Path("/etc/systemd/system/forerun-command.service.d/50-robot.conf")
SOCKET = Path("/etc/systemd/system/forerun-command.socket.d/50-robot.conf")
POLICY = Path("/etc/systemd/system/forerun-policy.service.d/50-robot.conf")
RECORD = Path("/etc/systemd/system/forerun-record.service.d/50-robot.conf")
SAFE = Path("/etc/systemd/system/forerun-safe.service.d/50-robot.conf")
RULES = Path("/etc/udev/rules.d/71-forerun-robot.rules")
BY_ID = "/dev/serial/by-id/usb-1a86_USB_Single_Serial_0001-if00"


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
        ("operator_socket", "/run/user/1000/o.sock"),
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


def test_every_file_says_where_it_comes_from(robot_file: Path) -> None:
    for file in machine_files(load_robot(robot_file)):
        assert re.match(r"# Made from the robot file .*\n", file.text)
