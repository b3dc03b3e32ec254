"""The machine and the robot that are examined: what every group of checks starts from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bench.doctor.asking import Ask
from bench.doctor.reading import below, text
from interfaces.command_report import CommandReport
from interfaces.installed import Installation
from interfaces.robot_config import RobotConfig

_CAN_NAME = re.compile(r"[a-z]+[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the robot's command process told, if it runs."""

    report: CommandReport | None = None
    silence: str = ""  # why it told nothing, though it runs, or may run
    remedy: str = ""
    hung: bool = False  # it listens, and does not answer

    @property
    def may_run(self) -> bool:
        """Return whether the robot runs, or may for all that is known: then it is not to be disturbed."""
        return self.report is not None or bool(self.silence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """One machine, whose files lie below `root`, for one robot."""

    root: Path
    robot_file: Path
    robot: RobotConfig | None  # None where its file does not load
    robot_trouble: str  # why it does not
    folder: Path  # where its sockets lie
    heard: Heard  # of its command process
    ask: Ask
    ask_long: Ask  # for what may take long: a bundle's inference
    now: datetime  # UTC

    @property
    def installation(self) -> Installation:
        """Return the places of an installation on this machine, whether there is one or not."""
        return Installation(self.root)

    @property
    def is_installed(self) -> bool:
        """Return whether install.sh was here; what an uninstallation leaves, the files of people, does not count."""
        return self.installation.code.is_dir()

    @property
    def runs_from_shelf(self) -> bool:
        """Return whether it is the robot that this machine's units run."""
        try:
            return self.robot_file.samefile(self.installation.robot_file)
        except OSError:
            return False

    @property
    def board(self) -> str:
        """Return what the board calls itself: "NVIDIA Jetson AGX Orin Developer Kit"; empty on a PC."""
        return text(self.root / "proc/device-tree/model") or ""

    @property
    def is_jetson(self) -> bool:
        """Return whether it is one of NVIDIA's boards."""
        return "jetson" in self.board.lower() or (self.root / "etc/nv_tegra_release").is_file()

    @property
    def can_name(self) -> str:
        """Return the CAN interface that the arm hangs on; empty where it is another bus."""
        port = self.robot.arm.port if self.robot else ""
        return port if _CAN_NAME.fullmatch(port) else ""

    @property
    def serial_port(self) -> str:
        """Return the device file of the serial port that the arm hangs on; empty where it is another bus, or simulated."""
        port = self.robot.arm.port if self.robot else ""
        path = port.removeprefix("slcan:").partition("@")[0]
        return path if path.startswith("/") else ""

    def path(self, path: str | Path) -> Path:
        """Return where an absolute path lies below this machine's root."""
        return below(self.root, path)
