"""What the arm does while nobody commands it, in one sentence, for the message of the safe state: its motors decide."""

from __future__ import annotations

from interfaces.arm_config import ArmConfig, Cia402Config, DamiaoConfig, DynamixelConfig, OdriveConfig, RobstrideConfig
from interfaces.robot_config import RobotConfig
from provision.machine_file import quoted

SAY_FAILURE = "/opt/forerun/current/systemd/say-failure.sh"
_HOLDS = "Its motors hold where they were told to be last; torque stays on."


def safe_drop_in(robot: RobotConfig) -> str:
    """Return the drop-in of the safe state's service."""
    sentence = quoted(uncommanded(robot.arm))
    return f'[Service]\nExecStart=\nExecStart=/bin/sh {SAY_FAILURE} forerun-command.service "SAFE STATE" {sentence}\n'


def uncommanded(arm: ArmConfig) -> str:
    """Return what the arm does when the command process is gone and nobody told its motors anything."""
    if isinstance(arm, OdriveConfig):
        return f"{_HOLDS} Where their watchdog is set, they let go after its time."
    if isinstance(arm, (DynamixelConfig, DamiaoConfig, RobstrideConfig, Cia402Config)) and arm.motor_timeout_ms > 0:
        after = f"{arm.motor_timeout_ms:g} ms without a word (arm.motor_timeout_ms)"
        if isinstance(arm, (DamiaoConfig, RobstrideConfig)):
            return f"Its motors let go by themselves after {after}: the arm sinks, unless something carries it."
        return f"Its motors stop by themselves after {after}."
    return _HOLDS
