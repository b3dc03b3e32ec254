"""Robot files drafted from what was found: they load, they are cautious, and they are written whole or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.find.can import FoundInterface
from drivers.find.can_motors import BusSweep
from drivers.find.can_questions import FoundMotor
from drivers.find.dynamixel import DynamixelFamily
from drivers.find.everything import BusFindings, Findings, FoundRealSense, PortFindings
from drivers.find.feetech import FeetechFamily
from drivers.find.robot_draft import draft_robot, refuse_overwriting, write_draft
from drivers.find.servos import FoundServo, ServoFamily, Sweep, sweep_port
from drivers.find.video import FoundVideo, VideoMode
from drivers.open_devices import bus_budget, open_arm
from drivers.serial.adapters import FoundAdapter
from interfaces.arm_config import DamiaoConfig, DynamixelConfig, FeetechConfig
from interfaces.errors import RefusedError
from interfaces.robot_config import RobotConfig, load_robot
from interfaces.toml_loader import parse_toml
from sim.dynamixel.bus import DynamixelServoBus
from sim.dynamixel.bus_process import koch_servos
from sim.feetech.bus import ServoBus
from sim.feetech.bus_process import RigidActuators, rigid_servo_bus
from sim.serial.lockstep import LockstepSerial

EXAMPLE = (Path(__file__).parents[3] / "robots" / "so101.toml").read_text(encoding="utf-8")
PATH = Path("robots/mine.toml")
SERVO = FoundServo(
    family="feetech",
    baud_hz=1_000_000,
    servo_id=1,
    model="STS3215",
    known=True,
    firmware="3.10",
    encoder_ticks=2000,
    position_ticks=2100,
    voltage_v=7.4,
    temperature_degc=30,
    torque=False,
)
MOTOR = FoundMotor(
    family="damiao",
    motor_id=1,
    feedback_id=0x11,
    model="DM4310",
    position_rad=0.25,
    temperature_degc=30,
    state="disabled",
)


def port(*servos: FoundServo, path: str = "/dev/serial/by-id/usb-A") -> PortFindings:
    adapter = FoundAdapter(
        path=path,
        device="/dev/ttyUSB0",
        chip="",
        usb_id="",
        serial="",
        driver="",
        latency_ms=None,
        holders=(),
        permitted=True,
    )
    return PortFindings(adapter, Sweep(list(servos)))


def bus(*motors: FoundMotor) -> BusFindings:
    interface = FoundInterface(
        name="can0", driver="gs_usb", up=True, bitrate_hz=1_000_000, state="error active", restart_ms=100
    )
    return BusFindings("can0", 1_000_000, interface, BusSweep(list(motors)))


def numbered(n_servos: int, servo: FoundServo = SERVO) -> list[FoundServo]:
    return [replace(servo, servo_id=1 + index) for index in range(n_servos)]


def drafted(findings: Findings) -> RobotConfig:
    return parse_toml(draft_robot(findings, PATH, EXAMPLE), RobotConfig, str(PATH))


def test_an_so101_is_drafted_by_its_ids() -> None:
    robot = drafted(Findings(ports=[port(*reversed(numbered(6)))]))
    assert isinstance(robot.arm, FeetechConfig)
    assert robot.name == "mine"
    assert (robot.arm.port, robot.arm.baud_hz, robot.arm.rate_hz) == ("/dev/serial/by-id/usb-A", 1_000_000, 100.0)
    assert robot.arm.joint_names[0] == "shoulder_pan"
    assert [joint.servo_id for joint in robot.arm.joints] == [1, 2, 3, 4, 5, 6]
    assert {joint.home_ticks for joint in robot.arm.joints} == {2000}  # of the bare encoder
    assert robot.arm.voltage_min_v == pytest.approx(5.9)
    assert robot.policy.bundle == "bundles/so101-small"


def test_limits_are_cautious_around_where_it_stood() -> None:
    for joint in drafted(Findings(ports=[port(SERVO)])).arm.joints:
        assert (joint.position_min_rad, joint.position_max_rad, joint.rest_rad) == (-0.5, 0.5, 0.0)
        assert joint.velocity_max_rad_s == 0.5
        assert joint.effort_max_ratio == 0.5


@pytest.mark.parametrize(
    ("ticks", "low", "high"), [(0, 0.0, 0.5), (100, -0.153, 0.5), (4095, -0.5, 0.0), (4000, -0.5, 0.145)]
)
def test_nobody_is_sent_past_the_seam_of_an_encoder(ticks: int, low: float, high: float) -> None:
    (joint,) = drafted(Findings(ports=[port(replace(SERVO, position_ticks=ticks))])).arm.joints
    assert (joint.position_min_rad, joint.position_max_rad) == (low, high)


def test_dynamixel_servos_are_drafted() -> None:
    servos = numbered(3, replace(SERVO, family="dynamixel", model="XL330-M288", voltage_v=5.0))
    robot = drafted(Findings(ports=[port(*servos)]))
    assert isinstance(robot.arm, DynamixelConfig)
    assert robot.arm.joint_names == ("joint_1", "joint_2", "joint_3")
    assert robot.arm.voltage_min_v == 4.0


def test_a_slow_bus_gets_a_rate_that_it_can_hold() -> None:
    robot = drafted(Findings(ports=[port(*numbered(6, replace(SERVO, baud_hz=57_600)))]))
    assert robot.arm.rate_hz < 100
    bus_budget(robot.arm).require_fit("bus")


def test_damiao_motors_are_drafted() -> None:
    motors = (MOTOR, replace(MOTOR, motor_id=2, feedback_id=0x12, model="DM8006 or DM6006"))
    findings = Findings(buses=[bus(*motors)])
    robot = drafted(findings)
    assert isinstance(robot.arm, DamiaoConfig)
    assert [(joint.motor_id, joint.feedback_id, joint.model) for joint in robot.arm.joints] == [
        (1, 0x11, "DM4310"),
        (2, 0x12, "DM8006"),
    ]
    assert robot.arm.joints[0].zero_rad == 0.25
    assert "FILL IN: may be DM8006 or DM6006" in draft_robot(findings, PATH, EXAMPLE)


def test_every_camera_is_drafted_with_what_it_offers() -> None:
    modes = (
        VideoMode("MJPG", 1920, 1080, (30.0,)),
        VideoMode("YUYV", 640, 480, (15.0, 29.97)),
        VideoMode("YUYV", 320, 240, ()),
    )
    video = FoundVideo(
        path="/dev/v4l/by-id/x", device="/dev/video0", name="C270", driver="uvcvideo", modes=modes, holders=()
    )
    findings = Findings(
        realsense=[FoundRealSense(name="Intel RealSense D435", serial="8416", usb="3.2", firmware="5.16.0.1")],
        videos=[video, replace(video, path="/dev/v4l/by-id/y", modes=()), replace(video, path="z", trouble="busy")],
        ports=[port(SERVO)],
    )
    front, second, third = drafted(findings).cameras
    assert (front.name, front.driver, front.serial, front.depth) == ("front", "realsense", "8416", True)
    assert (second.name, second.driver, second.serial) == ("camera_2", "uvc", "/dev/v4l/by-id/x")
    assert (second.width_px, second.height_px, second.rate_hz) == (640, 480, 30)
    assert (third.width_px, third.height_px, third.rate_hz) == (640, 480, 30)


def test_a_camera_with_only_large_pictures_is_asked_for_its_smallest() -> None:
    modes = (VideoMode("MJPG", 1920, 1080, (60.0,)), VideoMode("MJPG", 1280, 720, (10.0,)))
    video = FoundVideo(path="x", device="x", name="x", driver="uvcvideo", modes=modes, holders=())
    (camera,) = drafted(Findings(videos=[video], ports=[port(SERVO)])).cameras
    assert (camera.width_px, camera.height_px, camera.rate_hz) == (1280, 720, 10)


def test_names_with_odd_characters_load() -> None:
    path = '/dev/serial/by-id/usb-"A"\\b ü#'
    assert drafted(Findings(ports=[port(SERVO, path=path)])).arm.port == path


@pytest.mark.parametrize(
    ("findings", "why"),
    [
        (Findings(), "no motors were found"),
        (Findings(ports=[port(SERVO), port(SERVO, path="/dev/b")]), "usb-A, /dev/b: choose one with --port"),
        (Findings(ports=[port(SERVO)], buses=[bus(MOTOR)]), "usb-A, can0: choose one with --port"),
        (
            Findings(ports=[port(SERVO, replace(SERVO, baud_hz=500_000))]),
            "feetech at 500000 baud, feetech at 1000000 baud",
        ),
        (
            Findings(ports=[port(replace(SERVO, known=False, model="SCS0009"))]),
            r"does not know how to drive servo 1 \(SCS0009\)",
        ),
        (Findings(ports=[port(replace(SERVO, position_ticks=5000))]), "servo 1 stands at 5000 ticks, outside 0..4095"),
        (Findings(buses=[bus(replace(MOTOR, family="odrive"))]), "this bus has odrive"),
    ],
)
def test_what_makes_no_robot_is_refused_with_the_reason(findings: Findings, why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        draft_robot(findings, PATH, EXAMPLE)


def test_a_draft_is_written_whole_and_loads(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    refuse_overwriting(path, force=False)
    write_draft(path, draft_robot(Findings(ports=[port(SERVO)]), path, EXAMPLE), force=False)
    assert load_robot(path).name == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_another_file_is_never_written_over_without_force(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(RefusedError, match="there already; --force"):
        refuse_overwriting(path, force=False)
    with pytest.raises(RefusedError, match="there already; --force"):  # it came while we searched
        write_draft(path, "new", force=False)
    assert path.read_text(encoding="utf-8") == "mine"
    refuse_overwriting(path, force=True)
    write_draft(path, "new", force=True)
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="cannot be written: No such file"):
        write_draft(tmp_path / "robots" / "mine.toml", "new", force=False)


@pytest.mark.parametrize(
    ("family", "bus"),
    [(FeetechFamily(), rigid_servo_bus()), (DynamixelFamily(), DynamixelServoBus(koch_servos(RigidActuators(6))))],
    ids=["feetech", "dynamixel"],
)
def test_a_drafted_arm_opens_at_zero_and_holds_still(family: ServoFamily, bus: ServoBus | DynamixelServoBus) -> None:
    serial = LockstepSerial(bus, lambda: 0)
    found = port()
    sweep_port("bus", [family], serial.open_port, lambda _what, _share: None, into=found.sweep)
    robot = drafted(Findings(ports=[found]))
    arm = open_arm(robot.arm, serial.open_port)
    assert arm.open().position_rad == pytest.approx(np.zeros(6), abs=2e-3)
    state = arm.hold()
    assert arm.exchange(state.position_rad).position_rad == pytest.approx(state.position_rad, abs=2e-3)
    arm.close()
