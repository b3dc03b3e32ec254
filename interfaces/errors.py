"""The errors of forerun.

ForerunError
├── ConfigError        a robot file, manifest or record says something that cannot be (exit status 2)
├── CalibrationError   a calibration record is missing, failed, foreign, expired or damaged (exit status 2)
├── BundleError        a bundle is corrupt, foreign to the robot, or fails its parity check (exit status 2)
│   └── UnfitError         it is whole, and made for another robot than the robot file tells of
├── DeviceError        a device answers wrongly or not at all
│   ├── DeviceLostError    it is gone: unplugged, closed, powered off
│   └── BusTimeoutError    it did not answer in time; one such is not a fault, a row of them is
├── ProtocolError      bytes that are not what the protocol says (bad checksum, wrong length)
└── RefusedError       something is asked that is not safe or not possible now, and so is not done

Raised narrowly, naming the device, the value and the limit; caught only where the reaction is decided.
"""

from __future__ import annotations

_SHOWN_MAX = 500  # characters of a value


class ForerunError(Exception):
    """Base of every error that forerun raises on purpose."""


class ConfigError(ForerunError):
    """A file says something that cannot be: names file, key, value and what was expected."""

    def __init__(self, file: str, key: str, value: object, expected: str) -> None:
        shown = f"{key} is missing" if value is None else f"{key} is {_shortly(value)}"
        if key == "file" and value is not None:  # the file itself, and why it cannot be read
            shown = str(value)
        super().__init__(f"{file}: {shown}; expected {expected}")
        self.file = file
        self.key = key
        self.value = value
        self.expected = expected


def _shortly(value: object) -> str:
    """Return a value as people can read it: a file may hold a table of a megabyte in the place of a number."""
    try:
        text = repr(value)
    except ValueError:  # Python shows no whole number of more than 4300 digits
        return "a number of thousands of digits"
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


class BundleError(ForerunError):
    """A bundle is corrupt, does not belong to this robot, or does not reproduce its own reference outputs."""


class UnfitError(BundleError):
    """A bundle is made for another robot than the robot file tells of; which of the two is wrong, a person must say."""


class CalibrationError(ForerunError):
    """A calibration record is missing, failed, foreign to the robot, expired or damaged: names the command that makes a new one."""


class DeviceError(ForerunError):
    """A device answered wrongly or not at all."""


class DeviceLostError(DeviceError):
    """The device is gone: unplugged, closed or powered off."""


class BusTimeoutError(DeviceError):
    """A device on a bus did not answer in time."""


class ProtocolError(ForerunError):
    """Bytes that break the wire format: bad checksum, wrong length, impossible field."""


class RefusedError(ForerunError):
    """Something was asked for that is unsafe or impossible now, and was not done."""
