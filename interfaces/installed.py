"""Where everything lies on a robot that was installed: the one place that knows. install.sh and the units use the same paths.

/opt/forerun        root's: versions/<version>/ with its Python and its units, `current` and `previous` point into it
/etc/forerun        root's: robot files of people, never overwritten; keys whose bundles are trusted
/var/lib/forerun    bundles and calibration records (root's), flight records and bundle trials (the service's)
/var/cache/forerun  inference engines, built on this very machine (root's)
/run/forerun        sockets; the working directory of the units
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SERVICE_USER = "forerun"  # the units run as this user; people in the group of this name may stop the robot, and ask it
TARGET_UNIT = "forerun.target"
COMMAND_SOCKET = "forerun-command.socket"
COMMAND_UNIT = "forerun-command.service"
POLICY_UNIT = "forerun-policy.service"
RECORD_UNIT = "forerun-record.service"
PAGE_UNIT = "forerun-page.service"
SERVICES = (COMMAND_UNIT, POLICY_UNIT, RECORD_UNIT, PAGE_UNIT)  # what forerun.target starts
SAFE_UNIT = "forerun-safe.service"  # active: the robot is in its safe state, and a person is needed
OPERATOR_SOCKET = "operator.sock"  # where people reach the command process, as the robot files that come along have it
PAGE_PORT = 8642  # status page and metrics, on loopback


@dataclass(frozen=True, slots=True)
class Installation:
    """The places of an installation below `root`; tests take a folder of theirs."""

    root: Path = Path("/")

    @property
    def code(self) -> Path:
        """Return the folder of versions."""
        return self.root / "opt/forerun"

    @property
    def current(self) -> Path:
        """Return the link to the version that runs."""
        return self.code / "current"

    @property
    def settings(self) -> Path:
        """Return the folder of robot files."""
        return self.root / "etc/forerun"

    @property
    def robot_file(self) -> Path:
        """Return the robot file that the units run."""
        return self.settings / "robot.toml"

    @property
    def trusted_keys(self) -> Path:
        """Return the folder of public keys: where it holds one, only bundles signed by one of them are taken."""
        return self.settings / "trusted-keys"

    @property
    def state(self) -> Path:
        """Return the folder of what is kept."""
        return self.root / "var/lib/forerun"

    @property
    def bundles(self) -> Path:
        """Return the shelf of bundles."""
        return self.state / "bundles"

    @property
    def trials(self) -> Path:
        """Return the folder where the service notes how new bundles do."""
        return self.state / "trials"

    @property
    def engines(self) -> Path:
        """Return the cache of inference engines."""
        return self.root / "var/cache/forerun/engines"

    @property
    def run(self) -> Path:
        """Return the folder of sockets."""
        return self.root / "run/forerun"
