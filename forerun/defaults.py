"""What the sub-commands take when they are told nothing."""

from __future__ import annotations

from pathlib import Path

EXAMPLE_ROBOT = Path(__file__).parents[1] / "robots" / "so101.toml"
SIMULATED_ROBOT = Path(__file__).parents[1] / "robots" / "simulated.toml"
TASKS = ("reach", "push", "press", "lift")
BUSES = ("feetech", "dynamixel", "damiao", "robstride", "odrive", "cia402")  # families of motors with a driver
