"""What of forerun-command follows from the robot file: its bus and nothing else, its core and priority, its sockets."""

from __future__ import annotations

from interfaces.robot_config import RobotConfig
from provision.adapter_rules import gpio_chip
from provision.bus_port import BusPort
from provision.machine_file import quoted
from provision.run_paths import RUN, run_path, writable_line

_OPERATOR, _COMMAND = "operator.sock", "command.sock"


def command_drop_in(robot: RobotConfig, port: BusPort, file: str) -> str:
    """Return the drop-in of the service."""
    runtime = robot.runtime
    operator = run_path(runtime.operator_socket, "runtime.operator_socket", file)
    chip = gpio_chip(robot, file)
    text = "[Service]\n# Of all devices, these.\nDeviceAllow=\n"
    devices = [*port.device_classes, *([chip] if chip else [])]
    text += "".join(f"DeviceAllow={device} rw\n" for device in devices)
    if port.interface:
        text += "# The CAN interface; netlink tells whether it is up, and its bit rate.\n"
        text += "RestrictAddressFamilies=AF_CAN AF_NETLINK\n"
    text += _realtime(robot)
    places = [operator]
    if runtime.estop_pipe:
        places.append(run_path(runtime.estop_pipe, "runtime.estop_pipe", file))
    text += writable_line(*places)
    if operator != RUN / _OPERATOR:
        text += f"ExecStopPost=-+/bin/rm -f {quoted(str(operator))}\n"
    return text


def socket_drop_in(robot: RobotConfig, file: str) -> str:
    """Return the drop-in of the socket; nothing where it lies where it usually does."""
    path = run_path(robot.runtime.command_socket, "runtime.command_socket", file)
    if path == RUN / _COMMAND:
        return ""
    escaped = str(path).replace("%", "%%")
    return f"[Socket]\nListenSequentialPacket=\nListenSequentialPacket={escaped}\n"


def _realtime(robot: RobotConfig) -> str:
    runtime = robot.runtime
    if runtime.realtime == "off":
        return "LimitRTPRIO=0\nRestrictRealtime=yes\n"
    text = f"LimitRTPRIO={runtime.realtime_priority}\n"
    return text if runtime.command_cpu is None else text + f"CPUAffinity={runtime.command_cpu}\n"
