"""Every topic on a Jetson made of files: fit all over, and then one thing after the other is not, and is named with its remedy."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.doctor.asking import Answer
from bench.doctor.check import GROUPS, Check, Verdict
from bench.doctor.groups import LOOKS
from bench.doctor.patient import Heard
from bench.jetson_rig import (
    BUNDLE,
    BY_ID,
    CAN_LINK,
    FILES,
    LINKS,
    can_robot,
    patient,
    plant,
    programs,
    serial_robot,
    units,
)
from interfaces.robot_config import RobotConfig

GOOD, WEAK, BAD, UNKNOWN = Verdict.GOOD, Verdict.WEAK, Verdict.BAD, Verdict.UNKNOWN
CAMERA = "sys/bus/usb/devices/2-1"
SECOND_CAMERA = {name.replace("2-1", "2-2"): text for name, text in FILES.items() if name.startswith(CAMERA)}


def found(
    root: Path,
    group: str,
    files: Mapping[str, str] | None = None,
    robot: RobotConfig | None = None,
    **answers: Answer | str,
) -> dict[str, Check]:
    """Return the checks of one group on a Jetson with some files and answers changed; a file that is "gone" is not there."""
    present = {name: text for name, text in {**FILES, **(files or {})}.items() if text != "gone"}
    links = {name: target for name, target in LINKS.items() if (files or {}).get(name) != "gone" or name not in FILES}
    kept = {name: target for name, target in links.items() if name not in (files or {})}
    machine = patient(plant(root, present, kept), robot or serial_robot(), programs(**answers))
    look = next(look for look in LOOKS if look.name == group)
    return {check.name.partition(":")[0]: check for check in look.at(machine).checks}


def test_the_groups_are_those_that_only_takes() -> None:
    assert tuple(look.name for look in LOOKS) == GROUPS


# Those of the others depend on the machine that runs the test: its disk, its user, its Python.
@pytest.mark.parametrize(
    ("group", "least"), [("service", 6), ("bundle", 4), ("serial", 5), ("usb", 5), ("power", 6), ("clock", 2)]
)
def test_a_fit_jetson_is_good_all_over(tmp_path: Path, group: str, least: int) -> None:
    checks = found(tmp_path, group)
    assert {name: check for name, check in checks.items() if check.verdict not in {GOOD, UNKNOWN}} == {}
    assert sum(check.verdict is GOOD for check in checks.values()) >= least


def test_a_fit_can_bus_is_good_all_over(tmp_path: Path) -> None:
    checks = found(tmp_path, "can", robot=can_robot())
    assert {check.verdict for check in checks.values()} == {GOOD}
    assert len(checks) == 8


@pytest.mark.parametrize(
    ("group", "files", "name", "verdict", "says"),
    [
        ("usb", {f"{CAMERA}/speed": "480"}, "USB speed", BAD, "480 Mbit/s"),
        ("usb", {f"{CAMERA}/power/control": "auto"}, "USB autosuspend", WEAK, "may be sent to sleep"),
        ("usb", {"sys/bus/usb/devices/1-2/power/control": "auto"}, "USB autosuspend", WEAK, "0403:6014"),
        ("usb", {"sys/module/usbcore/parameters/usbfs_memory_mb": "8"}, "usbfs memory", WEAK, "8 MB"),
        ("usb", SECOND_CAMERA, "cameras a controller", WEAK, "2 on usb2"),
        ("usb", {f"{CAMERA}/idVendor": "gone", f"{CAMERA}/product": "gone"}, "camera", BAD, "no RealSense"),
        ("serial", {BY_ID: "gone"}, "serial port", BAD, "is not there; there are: /dev/ttyUSB0"),
        ("serial", {"sys/devices/usb1/1-2/ttyUSB0/latency_timer": "16"}, "serial latency timer", BAD, "16 ms"),
        ("serial", {"sys/devices/usb1/1-2/ttyUSB0/latency_timer": "3"}, "serial latency timer", WEAK, "3 ms"),
        ("serial", {"proc/17/comm": "ModemManager\n"}, "programs that take ports", WEAK, "ModemManager"),
        ("serial", {"proc/17/comm": "brltty\n"}, "programs that take ports", WEAK, "brltty"),
        ("power", {"var/lib/nvpmodel/status": "pmode:0002"}, "power mode", WEAK, "MODE_30W"),
        ("power", {"var/lib/nvpmodel/status": "gone"}, "power mode", UNKNOWN, "nvpmodel -q"),
        ("power", {"sys/class/devfreq/17000000.gpu/min_freq": "306000000"}, "GPU clock", WEAK, "17000000.gpu"),
        ("power", {"sys/devices/system/cpu/cpu0/cpufreq/scaling_min_freq": "1"}, "CPU clock", WEAK, "cpu0"),
        ("power", {"sys/class/hwmon/hwmon1/oc1_event_cnt": "3"}, "over-current events", WEAK, "oc1 3"),
        ("power", {"sys/class/hwmon/hwmon1/oc1_event_cnt": "300"}, "over-current events", BAD, "oc1 300"),
        ("power", {"sys/class/hwmon/hwmon3/rpm": "0"}, "fan", BAD, "0 rpm"),
        ("power", {"sys/class/thermal/thermal_zone0/temp": "95000"}, "temperature reserve", WEAK, "10 degC"),
        ("power", {"sys/class/thermal/thermal_zone0/temp": "103000"}, "temperature reserve", BAD, "switched off"),
        ("clock", {"sys/class/rtc/rtc0/date": "1970-01-01"}, "clock that runs while off", WEAK, "before this version"),
        ("clock", {"sys/class/rtc/rtc0/date": "2026-11-23"}, "clock that runs while off", WEAK, "2026-11-23"),
        ("clock", {"sys/class/rtc/rtc0/time": "13:00:00"}, "clock that runs while off", GOOD, "13:00"),  # local time
        ("rights", {"etc/group": "dialout:x:20:\nforerun:x:998:\n"}, "groups of the service", BAD, "not in dialout"),
        ("rights", {"etc/passwd": "root:x:0:0::/:/bin/sh\n"}, "groups of the service", BAD, "no user forerun"),
        (
            "rights", {"boot/config-5.15.148-rt-tegra": "CONFIG_SMP=y\nCONFIG_RT_GROUP_SCHED=y\n"},
            "real time a control group", WEAK, "shares it out",
        ),
        ("software", {"etc/nv_tegra_release": "# R38 (release), REVISION: 2.0\n"}, "JetPack", WEAK, "L4T 38.2.0"),
        ("software", {"etc/nv_tegra_release": "# R35 (release), REVISION: 5.0\n"}, "JetPack", BAD, "L4T 35.5.0"),
        ("software", {"usr/local/cuda/version.json": '{"cuda": {"version": "12.2.1"}}'}, "CUDA", WEAK, "12.2.1"),
        ("software", {"var/lib/dpkg/status": "gone"}, "TensorRT", WEAK, "not installed"),
        ("software", {"usr/local/lib/librealsense2.so.2.55": ""}, "librealsense", WEAK, "librealsense2.so.2.55"),
        ("installed", {"opt/forerun/current": "gone"}, "version that runs", BAD, "not there"),
        ("installed", {"opt/forerun/versions/1/venv/bin/python": "gone"}, "version that runs", BAD, "no whole version"),
        ("installed", {"opt/forerun/versions/1/complete": "gone"}, "version that runs", BAD, "no whole version"),
        ("installed", {"opt/forerun/versions/0/complete": "gone"}, "version before", WEAK, "versions/0"),
        ("installed", {"opt/forerun/previous": "gone"}, "version before", GOOD, "none yet"),
        ("machine", {"sys/kernel/realtime": "0", "proc/version": "Linux\n"}, "kernel", WEAK, "not PREEMPT_RT"),
    ],
)  # fmt: skip
def test_what_is_wrong_below_the_root_is_found(
    tmp_path: Path, group: str, files: dict[str, str], name: str, verdict: Verdict, says: str
) -> None:
    check = found(tmp_path, group, files)[name]
    assert (check.verdict, says in check.value) == (verdict, True), check.value
    assert check.verdict <= UNKNOWN or check.remedy


def can_link(**changes: Any) -> str:
    """Return what ip says of a CAN interface that is not well; keys are those of its controller, or of the link."""
    link = json.loads(json.dumps(CAN_LINK))
    of_link = {key: changes.pop(key) for key in ("flags", "txqlen", "stats64") if key in changes}
    link["linkinfo"]["info_xstats"] |= {key: changes.pop(key) for key in ("bus_off",) if key in changes}
    link["linkinfo"]["info_data"] |= changes
    return json.dumps([link | of_link])


@pytest.mark.parametrize(
    ("said", "name", "verdict", "says"),
    [
        (can_link(state="BUS-OFF"), "CAN state", BAD, "BUS-OFF"),
        (can_link(state="ERROR-PASSIVE"), "CAN state", BAD, "ERROR-PASSIVE"),
        (can_link(state="ERROR-WARNING"), "CAN state", WEAK, "ERROR-WARNING"),
        (can_link(flags=["NOARP", "ECHO"]), "CAN interface", BAD, "is down"),
        (can_link(bittiming={"bitrate": 500000}), "CAN bit rate", BAD, "500000"),
        (can_link(restart_ms=0), "CAN restart", WEAK, "0 ms"),
        (can_link(txqlen=10), "CAN queue", WEAK, "10 frames"),
        (can_link(txqlen=3), "CAN queue", BAD, "3 frames"),
        (can_link(berr_counter={"tx": 8, "rx": 0}), "CAN error counters", WEAK, "sending 8"),
        (can_link(berr_counter={"tx": 0, "rx": 128}), "CAN error counters", BAD, "receiving 128"),
        (can_link(bus_off=2), "CAN bus-offs", WEAK, "2 times"),
        (can_link(stats64={"tx": {"dropped": 7}}), "CAN frames dropped", WEAK, "7"),
        ("[]", "CAN interface", BAD, "is not there"),
        (Answer(trouble='ip: Device "can0" does not exist.'), "CAN interface", BAD, "is not there"),
    ],
)
def test_what_is_wrong_with_can_is_found(
    tmp_path: Path, said: Answer | str, name: str, verdict: Verdict, says: str
) -> None:
    check = found(tmp_path, "can", robot=can_robot(), ip=said)[name]
    assert (check.verdict, says in check.value) == (verdict, True), check.value
    assert check.remedy or check.verdict is GOOD


@pytest.mark.parametrize(
    ("said", "name", "verdict", "says"),
    [
        (units(LoadState="not-found"), "unit", BAD, "not-found"),
        (units(ActiveState="failed", Result="watchdog"), "unit", BAD, "watchdog"),
        (units(ActiveState="inactive"), "unit", WEAK, "inactive"),
        (units(NRestarts="2"), "restarts", WEAK, "2 times"),
        (units(NRestarts="9"), "restarts", BAD, "9 times"),
        (units(WatchdogUSec="0"), "watchdog", BAD, "nobody watches"),
        (units(WatchdogUSec="1min 30s"), "watchdog", WEAK, "90 s"),
        (units(NeedDaemonReload="yes"), "unit files as read", WEAK, "changed since"),
        (units().replace("UnitFileState=enabled", "UnitFileState=disabled"), "starts at boot", WEAK, "disabled"),
        (units().replace("ActiveState=inactive", "ActiveState=active"), "safe state", BAD, "waits for a person"),
        (Answer(trouble="there is no systemctl on this machine"), "units", UNKNOWN, "no systemctl"),
    ],
)
def test_what_is_wrong_with_the_units_is_found(
    tmp_path: Path, said: Answer | str, name: str, verdict: Verdict, says: str
) -> None:
    machine = patient(plant(tmp_path), serial_robot(), programs(systemctl=said))
    look = next(look for look in LOOKS if look.name == "service")
    named = [check for check in look.at(machine).checks if check.name.partition(":")[0] == name]
    worst = max(named, key=lambda check: check.verdict)
    assert (worst.verdict, says in worst.value) == (verdict, True), worst.value
    assert worst.verdict <= UNKNOWN or worst.remedy


@pytest.mark.parametrize(
    ("said", "name", "verdict", "says"),
    [
        (json.dumps(BUNDLE | {"refused": "its sha256 is wrong"}), "bundle", BAD, "sha256"),
        (json.dumps(BUNDLE | {"foresight_p50_ms": 60.0}), "foresight time", WEAK, "60.0"),
        (json.dumps(BUNDLE | {"foresight_p50_ms": 90.0}), "foresight time", BAD, "90.0"),
        (json.dumps(BUNDLE | {"action_p50_ms": 40.0}), "action time", BAD, "40.0"),
        (json.dumps(BUNDLE | {"engine": "OnnxEngine"}), "inference engine", WEAK, "ONNX Runtime"),
        (Answer(trouble="python did not answer within 4 s"), "bundle", UNKNOWN, "--only bundle"),
        ("no json", "bundle", UNKNOWN, "no finding"),
    ],
)
def test_what_is_wrong_with_the_bundle_is_found(
    tmp_path: Path, said: Answer | str, name: str, verdict: Verdict, says: str
) -> None:
    check = found(tmp_path, "bundle", bundle=said)[name]
    assert (check.verdict, says in check.value) == (verdict, True), check.value


@pytest.mark.parametrize(
    ("said", "serial", "name", "verdict", "says"),
    [
        ("[]", "", "camera", BAD, "sees: none"),
        ('[["D435", "7", "3.2", "0B07", "5.16.0.1"]]', "0042", "camera", BAD, "D435 7"),
        ('[["D435", "7", "3.2", "0B07", ""], ["D435", "8", "3.2", "0B07", ""]]', "", "camera", BAD, "D435 8"),
        ('[["D435", "7", "3.2", "0B07", "5.1.0.0"]]', "", "camera firmware", BAD, "older"),
        (Answer(trouble="python: ImportError"), "", "camera", BAD, "ImportError"),
        ("garbage", "", "camera", BAD, "no list"),
    ],
)
def test_what_is_wrong_with_the_cameras_is_found(
    tmp_path: Path, said: Answer | str, serial: str, name: str, verdict: Verdict, says: str
) -> None:
    robot = serial_robot()
    robot = replace(robot, cameras=(replace(robot.cameras[0], serial=serial),))
    check = found(tmp_path, "usb", robot=robot, python=said)[name]
    assert (check.verdict, says in check.value) == (verdict, True), check.value


def test_a_camera_in_use_is_not_asked(tmp_path: Path) -> None:
    machine = patient(plant(tmp_path), serial_robot(), {})
    running = replace(machine, heard=Heard(silence="hangs"))
    look = next(look for look in LOOKS if look.name == "usb")
    (camera, *_) = look.at(running).checks
    assert (camera.value, camera.verdict) == ("in use by the robot that runs", GOOD)


def test_a_plain_camera_is_its_device_file(tmp_path: Path) -> None:
    robot = serial_robot()
    uvc = replace(robot.cameras[0], driver="uvc", serial="/dev/v4l/by-id/one", depth=False)
    robot = replace(robot, cameras=(uvc,))
    assert found(tmp_path / "1", "usb", robot=robot)["camera"].verdict is BAD
    assert found(tmp_path / "2", "usb", {"dev/v4l/by-id/one": ""}, robot)["camera"].verdict is GOOD


@pytest.mark.skipif(os.getuid() != 0, reason="files of root are root's to make")
@pytest.mark.parametrize("name", ["opt/forerun/versions/1/venv/bin/forerun", "var/lib/forerun/bundles/small"])
def test_what_others_may_write_is_found(tmp_path: Path, name: str) -> None:
    assert {check.verdict for check in found(tmp_path / "1", "installed").values()} == {GOOD}
    machine = patient(plant(tmp_path / "2"), serial_robot(), {})
    (tmp_path / "2" / name).chmod(0o777)
    look = next(look for look in LOOKS if look.name == "installed")
    (bad,) = [check for check in look.at(machine).checks if check.verdict is BAD]
    assert name.rpartition("/")[2] in bad.value
    assert bad.name.startswith("who may write")


def test_a_port_open_to_the_network_is_found(tmp_path: Path) -> None:
    anywhere = FILES["proc/net/tcp"].replace("0100007F", "00000000")
    check = found(tmp_path, "installed", {"proc/net/tcp": anywhere})["ports open to the network"]
    assert (check.value, check.verdict) == ("0.0.0.0 port 8642", BAD)


def test_sockets_for_everybody_are_found(tmp_path: Path) -> None:
    machine = patient(plant(tmp_path), serial_robot(), {})
    (tmp_path / "run/forerun").chmod(0o755)
    (tmp_path / "run/forerun/operator.sock").chmod(0o666)
    look = next(look for look in LOOKS if look.name == "installed")
    checks = {check.name: check for check in look.at(machine).checks}
    check = checks["who may reach the sockets"]
    assert (check.value, check.verdict) == ("/run/forerun 755, operator.sock 666", BAD)


def test_a_laptop_has_less_to_say_and_nothing_bad_of_what_it_has_not(tmp_path: Path) -> None:
    machine = replace(
        patient(plant(tmp_path, {"run/forerun/operator.sock": ""}, {}), serial_robot(), {}),
        robot=None,
        robot_file=tmp_path / "x",
    )
    seen = {look.name: look.at(machine) for look in LOOKS if look.name not in {"disk", "software", "machine"}}
    assert {name for name, one in seen.items() if one.left_out and not one.checks} == {
        "service", "bundle", "can", "serial", "usb", "installed",
    }  # fmt: skip
    assert seen["power"].left_out == "no Jetson"
    bad = [check.name for one in seen.values() for check in one.checks if check.verdict is BAD]
    assert bad in (["robot file"], [])
