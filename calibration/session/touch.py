"""The arm touches something that nobody expected there."""

from __future__ import annotations

from interfaces.errors import DeviceError


class TouchError(DeviceError):
    """The arm pushes against something; it holds where it is."""
