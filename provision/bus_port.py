"""What the robot file's `port` is to the machine: a device file of some class, or a CAN interface."""

from __future__ import annotations

from dataclasses import dataclass

from interfaces.arm_config import ArmConfig, DynamixelConfig, FeetechConfig

# By number where Linux fixes it (Documentation/admin-guide/devices.txt): a name is unknown to the kernel, and systemd then
# allows nothing, until the first adapter of its kind was plugged in. A whole class, because an adapter that is plugged in
# again may come back under another minor number.
TTY_ACM, TTY_USB, PTY, TTY_S = "char-166", "char-188", "char-136", "char-4"
_CLASSES = (("ttyACM", (TTY_ACM,)), ("ttyUSB", (TTY_USB,)), ("ttyTHS", ("char-ttyTHS",)), ("ttyAMA", ("char-ttyAMA",)))
_UART = (("ttyS", (TTY_S,)), ("pts/", (PTY,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BusPort:
    """The arm's port. Of `path` and `interface`, one is empty; both are for a bus that lives inside the process."""

    path: str = ""  # a device file, or a name in the processes' working directory
    interface: str = ""  # a network interface of kind CAN
    bitrate_hz: int = 0  # of the interface

    @classmethod
    def of(cls, arm: ArmConfig) -> BusPort:
        """Return the port of an arm, as drivers/can/open_port.py and drivers/serial/port.py understand it."""
        if isinstance(arm, (FeetechConfig, DynamixelConfig)):
            return cls(path=arm.port)
        kind, colon, rest = arm.port.partition(":")
        if not colon:
            return cls(interface=arm.port, bitrate_hz=arm.baud_hz)
        return cls(path=rest.partition("@")[0]) if kind == "slcan" else cls()

    @property
    def device_classes(self) -> tuple[str, ...]:
        """Return the classes of device files that the port may be, for DeviceAllow."""
        if not self.path:
            return ()
        if not self.path.startswith("/dev/"):
            return (PTY,)  # what the simulated robot puts into the working directory
        name = self.path.removeprefix("/dev/")
        for prefix, classes in (*_CLASSES, *_UART):
            if name.startswith(prefix):
                return classes
        return (TTY_ACM, TTY_USB)  # a link, as those of /dev/serial/by-id: to an adapter on USB
