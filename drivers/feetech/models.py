"""The models of Feetech servos: which the driver knows, and which it knows it cannot drive.

The STS and SMS series have one memory table (drivers/feetech/registers.py): 4096 ticks a turn, 0.1 V, 0.001 of load and torque limit,
sign and magnitude, little endian. What differs between them is mechanical, but for the highest speed, which only matters for
a servo whose phase takes a goal speed of 0 for "stand still". A model number is read at address 3, two bytes that the
vendor's debugging tool shows as two numbers: STS3215 is "9.3".

Sources: LeRobot, motors/feetech/tables.py (777, 2825, 11272, 1284; all of the STS and SMS series under one table); rustypot
1.13.1 (777, 2825, 11272, and 521 as STS3036, which its pull request 113 and public tools call STS3032); public tools that
scan a bus (2057, 2569); a LeRobot fork with the table of the HLS series (3338). Nothing here was read off a servo of ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from interfaces.errors import DeviceError


@dataclass(frozen=True, slots=True, kw_only=True)
class ServoModel:
    """One model the driver can drive."""

    number: int
    name: str
    speed_max_ticks_s: int = 3400  # the STS3215's, where no other is known


MODELS = {
    model.number: model
    for model in (
        ServoModel(number=777, name="STS3215"),
        ServoModel(number=521, name="STS3032 or STS3036"),
        ServoModel(number=2057, name="STS3235"),
        ServoModel(number=2569, name="STS3095"),
        ServoModel(number=2825, name="STS3250", speed_max_ticks_s=5130),  # 0.133 s for 60 degrees, data sheet A/0
        ServoModel(number=11272, name="SM8512BL"),
    )
}

# Known by name, and why they are refused.
OTHER_MODELS = {
    1284: ("SCS0009", "the SCS series is big endian, has 1024 ticks over 300 degrees and another memory table"),
    3338: ("HLS3625", "the HLS series has a memory table of its own"),
}


def require_model(servo: str, number: int) -> ServoModel:
    """Return the model with a number; raises DeviceError, naming `servo`, where the driver cannot drive it."""
    model = MODELS.get(number)
    if model is not None:
        return model
    if number in OTHER_MODELS:
        name, reason = OTHER_MODELS[number]
        raise DeviceError(f"{servo} is model {number}, {name}, which this driver cannot drive: {reason}")
    known = ", ".join(f"{model.number} {model.name}" for model in MODELS.values())
    raise DeviceError(f"{servo} is model {number}, which this driver does not know; it knows {known}")
