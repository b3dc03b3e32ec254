"""The device files of this machine's GPU, for the policy's service: a Jetson has many, and their classes have no fixed names."""

from __future__ import annotations

from pathlib import Path

_PATTERNS = ("nvhost-*", "nvmap", "nvgpu/**/*", "nvidia*", "nvidia-caps/*", "host1x-fence", "nvsciipc")


def find_accelerators(dev: Path) -> tuple[str, ...]:
    """Return the character devices of a GPU in the folder `dev`, as the robot names them: "/dev/nvmap"."""
    found = {path for pattern in _PATTERNS for path in dev.glob(pattern)}
    return tuple(sorted(f"/dev/{path.relative_to(dev)}" for path in found if path.is_char_device()))
