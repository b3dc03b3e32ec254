"""A Jetson made of files, as the doctor reads it: below a folder, in the shape of /proc, /sys, /etc and /dev; and what its programs answer.

It is fit all over: a test changes what it wants to see found.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from bench.doctor.asking import Answer
from bench.doctor.patient import Heard, Patient
from bench.doctor.service import UNITS
from interfaces.installed import COMMAND_UNIT, POLICY_UNIT, SAFE_UNIT, TARGET_UNIT
from interfaces.robot_config import RobotConfig, load_robot
from interfaces.toml_writer import to_toml

ROBOTS = Path(__file__).parents[1] / "robots"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)
BY_ID = "dev/serial/by-id/usb-FTDI_U2D2-if00-port0"
_CPUS = "sys/devices/system/cpu"
_FTDI = "sys/devices/usb1/1-2"
_CAMERA = "sys/bus/usb/devices/2-1"

FILES: Mapping[str, str] = {
    "proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8\n",
    "usr/local/cuda/version.json": '{"cuda": {"name": "CUDA SDK", "version": "12.6.68"}}',
    "var/lib/dpkg/status": "Package: libnvinfer10\nStatus: install ok installed\nVersion: 10.3.0.30-1+cuda12.5\n\n",
    "proc/sys/kernel/osrelease": "5.15.148-rt-tegra\n",
    "proc/version": "Linux version 5.15.148-rt-tegra #1 SMP PREEMPT_RT Mon\n",
    "sys/devices/system/clocksource/clocksource0/current_clocksource": "arch_sys_counter\n",
    "proc/sys/kernel/sched_rt_runtime_us": "950000\n",
    "proc/sys/kernel/sched_rt_period_us": "1000000\n",
    "dev/kmsg": "6,1,0,-;nothing of interest\n",
    "proc/meminfo": "MemTotal: 62000000 kB\nMemAvailable:    50000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
    "boot/config-5.15.148-rt-tegra": "CONFIG_SMP=y\n# CONFIG_RT_GROUP_SCHED is not set\n",
    f"{_CPUS}/cpu0/cpufreq/scaling_governor": "performance\n",
    f"{_CPUS}/cpu0/cpufreq/scaling_min_freq": "2201600\n",
    f"{_CPUS}/cpu0/cpufreq/scaling_max_freq": "2201600\n",
    "sys/class/devfreq/17000000.gpu/min_freq": "1300500000\n",
    "sys/class/devfreq/17000000.gpu/max_freq": "1300500000\n",
    "var/lib/nvpmodel/status": "pmode:0000 fmode:fanNull\n",
    "etc/nvpmodel.conf": "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=2 NAME=MODE_30W >\n< PM_CONFIG DEFAULT=2 >\n",
    "sys/class/hwmon/hwmon1/oc1_event_cnt": "0\n",
    "sys/class/hwmon/hwmon2/pwm1": "120\n",
    "sys/class/hwmon/hwmon3/rpm": "1800\n",
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
    "sys/class/thermal/thermal_zone0/temp": "52000\n",
    "sys/class/thermal/thermal_zone0/trip_point_0_temp": "104500\n",
    "sys/class/thermal/thermal_zone0/trip_point_0_type": "critical\n",
    "sys/class/rtc/rtc0/date": "2026-11-21\n",
    "sys/class/rtc/rtc0/time": "12:00:01\n",
    "sys/class/rtc/rtc0/hctosys": "1\n",
    "sys/module/usbcore/parameters/usbfs_memory_mb": "1000\n",
    f"{_CAMERA}/idVendor": "8086\n",
    f"{_CAMERA}/idProduct": "0b07\n",
    f"{_CAMERA}/product": "Intel(R) RealSense(TM) Depth Camera 435\n",
    f"{_CAMERA}/speed": "5000\n",
    f"{_CAMERA}/busnum": "2\n",
    f"{_CAMERA}/power/control": "on\n",
    "sys/bus/usb/devices/1-2/idVendor": "0403\n",
    "sys/bus/usb/devices/1-2/idProduct": "6014\n",
    "sys/bus/usb/devices/1-2/power/control": "on\n",
    f"{_FTDI}/idVendor": "0403\n",
    f"{_FTDI}/idProduct": "6014\n",
    f"{_FTDI}/ttyUSB0/latency_timer": "1\n",
    "dev/ttyUSB0": "",
    "proc/self/limits": "Max realtime priority     95   95\nMax locked memory   unlimited unlimited bytes\nMax nice priority  40 40\n",
    "proc/17/comm": "sshd\n",
    "proc/net/tcp": "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
    "   0: 0100007F:21C2 00000000:0000 0A 00000000:00000000 00:00000000 00000000   998        0 41 1\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nforerun:x:998:998::/:/usr/sbin/nologin\n",
    "etc/group": "root:x:0:\ndialout:x:20:forerun\nvideo:x:44:forerun\nplugdev:x:46:forerun\nrender:x:104:forerun\nforerun:x:998:\n",
    "opt/forerun/versions/1/complete": "",
    "opt/forerun/versions/1/venv/bin/forerun": "#!\n",
    "opt/forerun/versions/0/complete": "",
    "var/lib/forerun/bundles/small/manifest.toml": "",
    "run/forerun/operator.sock": "",
}  # fmt: skip

LINKS: Mapping[str, str] = {
    "sys/class/tty/ttyUSB0/device": "../../../devices/usb1/1-2/ttyUSB0",
    BY_ID: "../../ttyUSB0",
    "opt/forerun/current": "versions/1",
    "opt/forerun/previous": "versions/0",
    "opt/forerun/versions/1/venv/bin/python": "/usr/bin/python3",
    "opt/forerun/versions/0/venv/bin/python": "/usr/bin/python3",
}

CAN_LINK = {
    "ifname": "can0", "flags": ["NOARP", "UP", "LOWER_UP", "ECHO"], "operstate": "UP", "txqlen": 128, "link_type": "can",
    "linkinfo": {
        "info_kind": "can",
        "info_data": {
            "state": "ERROR-ACTIVE", "berr_counter": {"tx": 0, "rx": 0}, "restart_ms": 100,
            "bittiming": {"bitrate": 1000000, "sample_point": "0.750"}, "clock": 8000000,
        },
        "info_xstats": {"restarts": 0, "bus_error": 0, "arbitration_lost": 0, "error_warning": 0, "error_passive": 0, "bus_off": 0},
    },
    "stats64": {"rx": {"packets": 9, "errors": 0}, "tx": {"packets": 9, "errors": 0, "dropped": 0}},
}  # fmt: skip

BUNDLE = {
    "name": "small", "precision": "fp32", "engine": "TensorrtEngine", "refused": "", "trouble": "", "measured": True,
    "foresight_p50_ms": 12.0, "foresight_p99_ms": 17.0, "action_p50_ms": 1.0, "action_p99_ms": 3.0,
}  # fmt: skip


def units(**changes: str) -> str:
    """Return what systemctl shows of our units, all well; `changes` are of the command unit."""
    return "\n\n".join(_unit(name, changes if name == COMMAND_UNIT else {}) for name in UNITS)


def _unit(name: str, changes: Mapping[str, str]) -> str:
    told = {
        "Id": name, "LoadState": "loaded", "UnitFileState": "enabled" if name == TARGET_UNIT else "static",
        "ActiveState": "inactive" if name == SAFE_UNIT else "active", "SubState": "running", "Result": "success",
        "NRestarts": "0", "StatusText": "", "NeedDaemonReload": "no",
        "WatchdogUSec": {COMMAND_UNIT: "500ms", POLICY_UNIT: "10s"}.get(name, "0"),
    }  # fmt: skip
    return "\n".join(f"{key}={value}" for key, value in {**told, **changes}.items())


def programs(**answers: Answer | str) -> dict[str, Answer]:
    """Return what each program of this machine says; `answers` are other ones, by name of the program."""
    camera = json.dumps([["Intel RealSense D435", "0042", "3.2", "0B07", "5.16.0.1"]])
    told = {"systemctl": units(), "ip": json.dumps([CAN_LINK]), "python": camera, "bundle": json.dumps(BUNDLE)}
    return {name: said if isinstance(said, Answer) else Answer(text=said) for name, said in {**told, **answers}.items()}


def plant(root: Path, files: Mapping[str, str] = FILES, links: Mapping[str, str] = LINKS) -> Path:
    """Write files and links below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, target in links.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(target)
    return root


def serial_robot() -> RobotConfig:
    """Return a robot whose servos hang on the serial adapter of this machine; it has no records."""
    robot = load_robot(ROBOTS / "so101.toml")
    return replace(robot, arm=replace(robot.arm, port=f"/{BY_ID}"), calibration=None)


def can_robot() -> RobotConfig:
    """Return a robot whose motors hang on CAN."""
    return replace(load_robot(ROBOTS / "yam.toml"), calibration=None)


def patient(root: Path, robot: RobotConfig, answers: Mapping[str, Answer]) -> Patient:
    """Return the machine below `root`, with the robot installed."""
    robot_file = root / "etc/forerun/robot.toml"
    robot_file.parent.mkdir(parents=True, exist_ok=True)
    robot_file.write_text(to_toml(robot))
    (root / "run/forerun").chmod(0o750)
    (root / "run/forerun/operator.sock").chmod(0o660)

    def ask(command: Sequence[str]) -> Answer:
        name = command[0].rpartition("/")[2]
        return answers["python" if name.startswith("python") else name]

    return Patient(
        root=root, robot_file=robot_file, robot=robot, robot_trouble="", folder=root / "run/forerun", heard=Heard(), ask=ask,
        ask_long=lambda _command: answers["bundle"], now=NOW,
    )  # fmt: skip
