"""`forerun devices` as a person calls it: tables, JSON, a robot file, a servo's id, and an exit status that agrees with them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.find import can_motors as find_can_motors
from drivers.find import can_questions as find_can_questions
from drivers.find import everything as find_everything
from drivers.find import servos as find_servos
from drivers.find.can_motors import BusSweep
from drivers.find.can_questions import FoundMotor
from drivers.find.everything import BusFindings, Findings, FoundRealSense, PortFindings, Search
from drivers.find.feetech import FeetechFamily
from drivers.find.video import FoundVideo, VideoMode
from drivers.holders import Holder
from drivers.serial.adapters import FoundAdapter, describe_port
from forerun import device_id
from forerun.__main__ import main
from forerun.device_tables import bar, tables
from interfaces.errors import DeviceError
from interfaces.robot_config import load_robot
from sim.can.bus_process import CanBusProcess
from sim.feetech.bus import ServoBus
from sim.feetech.bus_process import RigidActuators, ServoBusProcess, rigid_servo_bus
from sim.feetech.emulator import EmulatedServo
from sim.serial.lockstep import LockstepSerial

PATIENT_NS = 400_000_000  # for answers on a pty, on a machine that is busy


@pytest.fixture
def no_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(findings: Findings) -> None:
        del findings

    monkeypatch.setattr(find_everything, "_find_cameras", none)


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "port").touch()
    return str(tmp_path / "port")


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch, no_cameras: None) -> ServoBus:
    """Six servos on a virtual clock, wherever a port is opened."""
    del no_cameras
    bus = rigid_servo_bus()
    port = LockstepSerial(bus, lambda: 0)
    monkeypatch.setattr(find_everything, "SerialPort", port.open_port)
    monkeypatch.setattr(device_id, "SerialPort", port.open_port)
    return bus


@pytest.fixture
def single(bus: ServoBus) -> ServoBus:
    bus.servos[:] = [EmulatedServo(1, 0, RigidActuators(1))]
    return bus


def test_servos_are_listed(bus: ServoBus, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    bus.servos[3].supply_v = 3.5
    assert main(["devices", "--port", path]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["1", "STS3215", "3.10", "1000000", "12.0", "V", "25", "degC", "2048", "ticks", "off"] in lines
    assert ["4", "STS3215", "3.10", "1000000", "3.5", "V", "25", "degC", "2048", "ticks", "off", "voltage"] in lines


def test_json_tells_the_same(bus: ServoBus, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    del bus
    assert main(["devices", "--port", path, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["complete"]
    assert [servo["servo_id"] for servo in told["ports"][0]["sweep"]["servos"]] == [1, 2, 3, 4, 5, 6]
    assert told["ports"][0]["adapter"]["path"] == path
    assert told["skipped"] == []


def test_a_line_without_servos_says_what_was_asked(
    bus: ServoBus, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bus.servos.clear()
    assert main(["devices", "--port", path]) == 1
    printed = capsys.readouterr().out
    assert "no servo answers (feetech at 1000000, 500000" in printed
    assert "--thorough" in printed


def test_a_robot_file_is_drafted(bus: ServoBus, path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del bus
    file = tmp_path / "mine.toml"
    assert main(["devices", "--port", path, "--write", str(file)]) == 0
    assert load_robot(file).arm.port == path
    assert "FILL IN" in capsys.readouterr().err
    assert main(["devices", "--port", path, "--write", str(file)]) == 2
    assert "--force" in capsys.readouterr().err
    assert main(["devices", "--port", path, "--write", str(file), "--force"]) == 0


def test_a_port_that_is_not_there_is_refused(no_cameras: None, capsys: pytest.CaptureFixture[str]) -> None:
    del no_cameras
    assert main(["devices", "--port", "/dev/ttyNONE"]) == 2
    assert "/dev/ttyNONE is neither a serial port nor a CAN interface" in capsys.readouterr().err


def test_what_was_found_before_ctrl_c_is_shown(
    bus: ServoBus, path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del bus

    def interrupt(_share: float) -> str:
        if _share > 0.6:
            raise KeyboardInterrupt
        return ""

    monkeypatch.setattr("forerun.device_tables.bar", interrupt)
    assert main(["devices", "--port", path]) == 130
    printed = capsys.readouterr()
    assert "STS3215" in printed.out
    assert "interrupted: not everything was looked at" in printed.out


def test_a_servo_gets_its_id(single: ServoBus, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "set-id", "--port", path, "--id", "5", "--yes"]) == 0
    assert "answers to id 5, and no longer to 1" in capsys.readouterr().out
    single.power_cycle()
    assert single.servos[0].servo_id == 5
    assert main(["devices", "set-id", "--port", path, "--id", "5", "--yes"]) == 0
    assert "already" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "status", "servo_id"), [("y", 0, 7), ("", 1, 1), ("no", 1, 1)])
def test_a_person_is_asked_before(
    single: ServoBus, path: str, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, servo_id: int
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _question: answer)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert main(["devices", "set-id", "--port", path, "--id", "7"]) == status
    assert single.servos[0].servo_id == servo_id


def test_without_a_person_and_without_yes_nothing_is_changed(
    single: ServoBus, path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert main(["devices", "set-id", "--port", path, "--id", "7"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert single.servos[0].servo_id == 1


def test_among_several_servos_none_is_changed(bus: ServoBus, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "set-id", "--port", path, "--id", "7", "--yes"]) == 2
    assert "6 servos answer, ids 1, 2, 3, 4, 5, 6; connect only the one" in capsys.readouterr().err
    assert [servo.servo_id for servo in bus.servos] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--id", "3"], "needs --port PORT and --id N"),
        (["--port", "PATH"], "needs --port PORT and --id N"),
        (["--port", "PATH", "--id", "254"], "ids of Feetech servos are 0..253"),
        (["--port", "PATH", "--id", "3", "--family", "dynamixel"], "no servo answers"),
    ],
)
def test_what_set_id_cannot_do_is_refused(
    single: ServoBus, path: str, capsys: pytest.CaptureFixture[str], options: list[str], why: str
) -> None:
    asked = [path if option == "PATH" else option for option in options]
    assert main(["devices", "set-id", *asked, "--yes"]) == 2
    assert why in capsys.readouterr().err
    assert single.servos[0].servo_id == 1


ADAPTER = FoundAdapter(
    path="/dev/serial/by-id/usb-A",
    device="/dev/ttyUSB0",
    chip="WCH CH343",
    usb_id="1a86:55d3",
    serial="A",
    driver="cdc_acm",
    latency_ms=16,
    holders=(),
    permitted=True,
)


def test_what_was_not_looked_at_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    def gone(_path: str, _baud_hz: int) -> None:
        raise DeviceError(f"{path} is in use by another program")

    monkeypatch.setattr(find_everything, "SerialPort", gone)
    adapter = replace(ADAPTER, path=path, device=path)
    cases = {
        "busy: cheese (process 7) has it open; end that first": replace(adapter, holders=(Holder(7, "cheese"),)),
        "no permission: sudo usermod -aG": replace(adapter, permitted=False),
        "forerun devices --port slcan:": replace(adapter, usb_id="16d0:117e"),
        "is in use by another program": adapter,
    }
    for reason, case in cases.items():
        port = PortFindings(case)
        find_everything.look_at_port(port, lambda _what, _share: None, thorough=False)
        findings = Findings(ports=[port])
        assert any(reason in line for line in findings.skipped), (reason, findings.skipped)
        assert reason in tables(findings)


def test_every_kind_of_device_has_its_table() -> None:
    video = FoundVideo(
        path="/dev/v4l/by-id/cam",
        device="/dev/video0",
        name="C270",
        driver="uvcvideo",
        modes=tuple(VideoMode("YUYV", 160 * n, 120 * n, (30.0,)) for n in range(1, 7)),
        holders=(),
    )
    motor = FoundMotor(
        family="damiao", motor_id=3, feedback_id=0x13, model="DM4310", position_rad=-1e-6, state="disabled"
    )
    findings = Findings(
        realsense=[FoundRealSense(name="Intel RealSense D435", serial="8416", usb="2.1", firmware="5.16.0.1")],
        videos=[video],
        ports=[PortFindings(ADAPTER)],
        buses=[BusFindings("slcan:/dev/ttyACM0", 1_000_000, None, BusSweep([motor], ["a note"]))],
        complete=True,
    )
    printed = tables(findings)
    for part in (
        "Intel RealSense D435  serial 8416",
        "USB 2.1: needs USB 3",
        "960x720 at 30 Hz, 800x600 at 30 Hz, 640x480 at 30 Hz, 480x360 at 30 Hz, 2 smaller",
        "latency timer 16 ms",
        "3   0x013       DM4310  0.000 rad  disabled",
        "a note",
    ):
        assert part in printed


def test_librealsense_that_cannot_be_loaded_is_said_with_the_remedy() -> None:
    def missing() -> list[object]:
        raise ImportError("libusb-1.0.so.0: cannot open shared object file")

    findings = Findings()
    find_everything._find_cameras(findings, missing)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    assert "sudo apt install libusb-1.0-0" in findings.skipped[0]


def test_the_bar_is_as_long_as_what_is_done() -> None:
    assert [bar(share).count("#") for share in (-1.0, 0.0, 0.5, 1.0, 2.0)] == [0, 0, 10, 20, 20]


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long waits, few questions: on a real pty time is the machine's."""
    monkeypatch.setattr(find_servos, "CALL_WAIT_NS", PATIENT_NS)
    monkeypatch.setattr(find_servos, "ANSWER_WAIT_NS", PATIENT_NS)
    monkeypatch.setattr(FeetechFamily, "ids", range(8))
    monkeypatch.setattr(FeetechFamily, "baud_rates_hz", (1_000_000,))
    monkeypatch.setattr(find_everything, "FAMILIES", (FeetechFamily(),))
    monkeypatch.setattr(find_can_questions, "ANSWER_NS", PATIENT_NS)
    monkeypatch.setattr(find_can_motors, "DAMIAO_IDS", range(1, 8))
    monkeypatch.setattr(find_can_motors, "ROBSTRIDE_IDS", range(1, 2))


def test_servos_on_a_real_port_are_found(
    patient: None, no_cameras: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del patient, no_cameras
    path = tmp_path / "bus"
    with ServoBusProcess(path) as process:
        process.tell("heat 2 44")
        assert main(["devices", "--port", str(path), "--write", str(tmp_path / "mine.toml")]) == 0
    printed = capsys.readouterr().out
    assert printed.count("STS3215") == 6
    assert "44 degC" in printed
    assert load_robot(tmp_path / "mine.toml").arm.port == str(path)
    assert describe_port(str(path)).chip == "not a USB adapter"


def test_motors_behind_a_real_serial_can_adapter_are_found(patient: None, no_cameras: None, tmp_path: Path) -> None:
    del patient, no_cameras
    path = tmp_path / "can"
    findings = Findings()
    with CanBusProcess(path, "damiao:7"):
        find_everything.find_everything(Search(port=f"slcan:{path}"), lambda _what, _share: None, findings)
    assert findings.skipped == []
    assert findings.complete
    assert [motor.motor_id for motor in findings.buses[0].sweep.motors] == [1, 2, 3, 4, 5, 6, 7]
