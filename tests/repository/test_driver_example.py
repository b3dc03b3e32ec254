"""docs/drivers.md is true: its robot file works, its excerpts are the code's own, its example runs, its table is computed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.arm_rigs import RIGS
from bench.bus_rates import written_into
from drivers.feetech.arm import FeetechArm
from drivers.open_devices import bus_budget, open_arm
from interfaces.arm_config import FeetechConfig
from interfaces.robot_config import RobotConfig, load_robot
from sim.feetech.bus_process import rigid_servo_bus
from sim.serial.lockstep import LockstepSerial

FILE_LINES_MAX = 300
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "drivers.md").read_text(encoding="utf-8")


@pytest.fixture
def robot(page: str, tmp_path: Path) -> RobotConfig:
    """The robot file of the page, saved as it says."""
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    path = tmp_path / "head.toml"
    path.write_text(text, encoding="utf-8")
    return load_robot(path)


def test_one_file_is_a_new_arm(robot: RobotConfig) -> None:
    config = robot.arm
    assert isinstance(config, FeetechConfig)
    assert isinstance(open_arm(config), FeetechArm)
    servos = rigid_servo_bus(len(config.joints))
    arm = FeetechArm(config, LockstepSerial(servos, lambda: 10**9).open_port)
    opened = arm.open()
    # The emulated servos stand at 2048 ticks; the file's second joint is mounted elsewhere, and the other way round.
    np.testing.assert_allclose(opened.position_rad, [0.0, -(2048 - 1900) * 2 * np.pi / 4096], atol=1e-9)
    held = arm.hold()
    np.testing.assert_allclose(arm.exchange(held.position_rad + 0.1).position_rad, held.position_rad + 0.1, atol=1e-3)


def test_excerpts_are_the_code(root: Path, page: str) -> None:
    excerpts = [block for block in PYTHON.findall(page) if block.startswith("# ")]
    assert len(excerpts) >= 6
    for excerpt in excerpts:
        name, code = excerpt.removeprefix("# ").split("\n", 1)
        assert code in (root / name).read_text(encoding="utf-8"), f"docs/drivers.md quotes {name}, which has changed"


def test_the_example_runs(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = [block for block in PYTHON.findall(page) if not block.startswith("# ")]
    there: dict[str, object] = {}
    exec(compile(example, "docs/drivers.md", "exec"), there)  # what a reader would do
    rig = RIGS["robstride"]()
    assert "[48. 48. 48. 48. 48. 48. 48.]" in capsys.readouterr().out
    np.testing.assert_allclose(there["rig"].angles_rad(), there["held"].position_rad + 0.1, atol=rig.resolution_rad)  # pyright: ignore


def test_a_family_is_as_small_as_the_page_says(root: Path, page: str) -> None:
    links = re.findall(r"\]\(\.\./([\w./]+)\)", page)
    assert [link for link in links if not (root / link).exists()] == []
    family = [link for link in links if "robstride" in link and link.endswith(".py") and not link.startswith("tests")]
    assert len(family) == 4
    lines = {name: len((root / name).read_text(encoding="utf-8").splitlines()) for name in family}
    assert max(lines.values()) < FILE_LINES_MAX, lines


def test_every_driver_is_in_the_tables(page: str) -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert rows - {"driver"} == {*RIGS, "realsense", "uvc"}


def test_every_message_in_the_table_is_one_of_ours(root: Path, page: str) -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in sorted((root / "drivers").rglob("*.py")))
    table = page.split("| it says |")[1].split("\n\n")[0]
    messages = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(messages) >= 10
    # What varies from case to case is left out: names, numbers, and whatever the page abbreviates.
    parts = [part.strip(" :") for message in messages for part in re.split(r"\.\.\.|can0|\d+|\(\w*\)|servo ", message)]
    assert [part for part in parts if len(part) > 3 and part not in code] == []


def test_the_table_of_rates_is_computed(page: str) -> None:
    assert page == written_into(page), "old: python -m bench.bus_rates docs/drivers.md writes it anew"


def test_what_the_page_says_of_damiao_and_the_wire() -> None:
    config = RIGS["damiao"]().config
    seven = replace(config, joints=config.joints[:7], rate_hz=250.0)
    assert len(seven.joints) == 7
    assert bus_budget(seven).rate_max_hz > 250.0
    eight_hz = bus_budget(seven).rate_max_hz * 7 / 8
    assert eight_hz < 500.0
