"""The emulated YAM on its bus: seven Damiao motors, ids 1 to 7 from base to gripper."""

from __future__ import annotations

from collections.abc import Sequence

from sim.damiao.emulator import EmulatedDamiao
from sim.motors.springs import MitMotors
from sim.yam.links import MODELS

FEEDBACK_OFFSET = 0x10  # i2rt's motors answer with their own id and so much more


def damiao_motors(models: Sequence[str], motors: MitMotors) -> list[EmulatedDamiao]:
    """Return emulated motors of these models, ids from 1, as nodes of a bus."""
    return [
        EmulatedDamiao(model, number, FEEDBACK_OFFSET + number, number - 1, motors)
        for number, model in enumerate(models, start=1)
    ]


def yam_nodes(motors: MitMotors) -> list[EmulatedDamiao]:
    """Return the seven motors of a YAM."""
    return damiao_motors(MODELS, motors)
