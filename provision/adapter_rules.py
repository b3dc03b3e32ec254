"""udev rules of this very robot: a name that stays for its serial adapter, its CAN queue, its emergency stop's line."""

from __future__ import annotations

import re

from interfaces.errors import ConfigError
from interfaces.robot_config import RobotConfig
from provision.bus_port import BusPort

ARM_LINK = "forerun-arm"
_OURS = "/dev/forerun-"
# As udev's 60-serial.rules makes it: bus, ID_SERIAL, the interface, and on adapters with several ports which of them.
_BY_ID = re.compile(
    r"/dev/serial/by-id/usb-(?P<serial>[\w#+\-.:=@]+)-if(?P<interface>[0-9a-f]{2})(-port(?P<port>\d+))?", re.ASCII
)
_QUEUE = 128  # frames; the usual ten hold no full cycle of an arm with seven joints


def adapter_rules(robot: RobotConfig, port: BusPort, adapter: str | None, file: str) -> str:
    """Return the rules; nothing where the robot needs none.

    Raises ConfigError for a port "/dev/forerun-..." when nobody says which adapter has that name, or names it wrongly.
    """
    rules = ""
    if port.interface:
        rules += f'ACTION!="remove", SUBSYSTEM=="net", KERNEL=="{port.interface}", ATTR{{tx_queue_len}}="{_QUEUE}"\n'
    chip = gpio_chip(robot, file).removeprefix("/dev/")
    if chip:
        rules += f'SUBSYSTEM=="gpio", KERNEL=="{chip}", GROUP="gpio", MODE="0660"\n'
    return rules + _link_rule(port.path, adapter, file)


def gpio_chip(robot: RobotConfig, file: str) -> str:
    """Return the device file of the emergency stop's line, as "/dev/gpiochip0", or nothing; raises ConfigError for no such name."""
    line = robot.runtime.estop_gpio
    chip = line.rpartition(":")[0]
    if chip and not re.fullmatch(r"/dev/[\w\-]+", chip, re.ASCII):
        raise ConfigError(
            file, "runtime.estop_gpio", line, 'a chip right below /dev and a line, as "/dev/gpiochip0:106"'
        )
    return chip


def _link_rule(path: str, adapter: str | None, file: str) -> str:
    """Return the rule that gives the arm's adapter its name: that of the port, or /dev/forerun-arm beside the port's."""
    if path.startswith(_OURS):
        return _named(path.removeprefix("/dev/"), adapter, path, file)
    return _named(ARM_LINK, path, path, file) if _BY_ID.fullmatch(path) else ""


def _named(link: str, adapter: str | None, port: str, file: str) -> str:
    found = _BY_ID.fullmatch(adapter or "")
    if found is None:
        raise ConfigError(
            file,
            "arm.port",
            port,
            "with --adapter /dev/serial/by-id/usb-... the adapter that has this name; `forerun devices` lists them",
        )
    if not re.fullmatch(r"[\w\-.]+", link, re.ASCII):
        raise ConfigError(file, "arm.port", port, "a name of letters, digits, - and _")
    number = found["port"]
    which = f', ATTRS{{port_number}}=="{number}"' if number else ""
    return (
        f'SUBSYSTEM=="tty", ENV{{ID_BUS}}=="usb", ENV{{ID_SERIAL}}=="{found["serial"]}",'
        f' ENV{{ID_USB_INTERFACE_NUM}}=="{found["interface"]}"{which}, SYMLINK+="{link}", TAG+="systemd"\n'
    )
