"""docs/metaworld.md says what is so: how the package is installed, which tasks are played, and by which commands."""

from pathlib import Path

from forerun.__main__ import COMMANDS
from sim.metaworld.package import INSTALL
from sim.metaworld.targets import ACTION_M, LEAD_M
from sim.metaworld.tasks import STEP_NS, STEPS_MAX, TASKS

PAGE = (Path(__file__).parents[2] / "docs/metaworld.md").read_text(encoding="utf-8")


def test_the_page_says_how_to_install_it() -> None:
    assert INSTALL in PAGE


def test_the_page_has_every_task_once() -> None:
    rows = [line.split("|")[1].strip() for line in PAGE.splitlines() if line.startswith("| ")]
    assert tuple(rows[1:]) == TASKS


def test_the_page_has_the_code_s_numbers_and_commands() -> None:
    told = (f"{STEP_NS / 1e6:g} ms", f"{STEPS_MAX} steps", f"{1000 * ACTION_M:g} mm", f"{1000 * LEAD_M:g} mm ahead")
    assert [each for each in told if each not in PAGE] == []
    assert "eval metaworld" in COMMANDS
    assert "forerun eval metaworld" in PAGE
