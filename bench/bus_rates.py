"""How fast each bus can be asked: the table in docs/drivers.md, computed from the drivers' own budgets.

python -m bench.bus_rates                     # prints it
python -m bench.bus_rates docs/drivers.md     # writes it into the page, between its two marks
"""

from __future__ import annotations

import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from bench.arm_rigs import RIGS
from drivers.bus_budget import BUDGET_RATIO
from drivers.open_devices import bus_budget
from interfaces.arm_config import ArmConfig

BEGIN, END = "<!-- bus rates: begin -->", "<!-- bus rates: end -->"
MOTORS = (2, 4, 6, 7, 8)
BITRATES_HZ = {"dynamixel": (1_000_000, 2_000_000, 3_000_000, 4_000_000)}  # others run at 1 Mbit/s
MBIT = 1_000_000


def table() -> str:
    """Return the table in markdown: the highest rate that leaves room for losses, by family, bit rate and number of motors."""
    lines = [
        f"| driver | Mbit/s | {' | '.join(f'{n} motors' for n in MOTORS)} |",
        f"|---|---|{'---|' * len(MOTORS)}",
    ]
    for family in sorted(RIGS):
        config = RIGS[family]().config
        for bitrate_hz in BITRATES_HZ.get(family, (MBIT,)):
            rates = [bus_budget(of_size(config, n, bitrate_hz)).rate_max_hz for n in MOTORS]
            lines.append(f"| `{family}` | {bitrate_hz / MBIT:g} | {' | '.join(f'{int(rate)} Hz' for rate in rates)} |")
    return "\n".join(lines)


def of_size(config: ArmConfig, n_motors: int, bitrate_hz: int) -> ArmConfig:
    """Return an arm of the same family with another number of motors and another bit rate."""
    joint: Any = config.joints[0]
    ids = {field.name for field in fields(joint)} & {"servo_id", "motor_id", "node_id"}
    joints: list[Any] = []
    for i in range(n_motors):
        changes: dict[str, Any] = {"name": f"joint_{i}"} | dict.fromkeys(ids, 1 + i)
        if hasattr(joint, "feedback_id"):
            changes["feedback_id"] = 0x11 + i
        joints.append(replace(joint, **changes))
    return replace(config, joints=tuple(joints), baud_hz=bitrate_hz)


def written_into(page: str) -> str:
    """Return the page with the table between its marks."""
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


def main(arguments: list[str]) -> None:
    """Print the table, or write it into a page."""
    if arguments:
        path = Path(arguments[0])
        path.write_text(written_into(path.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(f"{table()}\n\n(a cycle may take {BUDGET_RATIO:.0%} of the period)\n")


if __name__ == "__main__":
    main(sys.argv[1:])
