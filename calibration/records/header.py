"""What every record begins with, filled in at the end of a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import metadata

import numpy as np

from calibration.session.workplace import Workplace
from interfaces.calibration.record import Check, RecordHeader
from interfaces.messages import JointState


def new_header(
    workplace: Workplace,
    checks: Sequence[Check],
    *,
    subject: str = "",
    joints: JointState | None = None,
    note: str = "",
) -> RecordHeader:
    """Return the header of a record made now; `joints`, measured last, tell how warm the motors were (mean of those that say)."""
    return RecordHeader(
        robot=workplace.robot.name,
        subject=subject,
        created=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        operator=_whole(workplace.operator.name),
        tool_version=tool_version(),
        checks=tuple(checks),
        temperature_degc=_temperature_degc(joints),
        note=_whole(note),
    )


def tool_version() -> str:
    """Return the version of forerun that is installed, or "source" where it runs from its source only."""
    try:
        return metadata.version("forerun")
    except metadata.PackageNotFoundError:
        return "source"


def _whole(text: str) -> str:
    """Return text that a file in UTF-8 can hold: the name of an account may have bytes that are none."""
    return text.encode(errors="replace").decode()


def _temperature_degc(joints: JointState | None) -> float | None:
    if joints is None:
        return None
    told = joints.temperature_degc[np.isfinite(joints.temperature_degc)]
    return round(float(told.mean()), 1) if len(told) else None
