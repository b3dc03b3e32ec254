"""The page as a person sees it: a real browser, a real simulated robot behind it, its camera's picture decoded, no complaint.

Needs Debian's chromium (`apt-get install --no-install-recommends chromium`); elsewhere it skips. It opens no other address.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.closed_loop.processes import RobotProcesses
from bench.run_rig import StartedForerun
from bench.status_rig import ROBOT, ROBOT_FILE

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no chromium here: apt-get install --no-install-recommends chromium"
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="forerun", ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.fixture
def page(folder: Path) -> Iterator[StartedForerun]:
    """Return the page's process of the robot in `folder`, which need not run."""
    with StartedForerun(folder, "page", str(ROBOT_FILE), "--folder", str(folder), "--port", "0") as made:
        made.wait_for(r"http://127\.0\.0\.1:\d+/")
        yield made


def shown(page: StartedForerun, folder: Path, *options: str) -> tuple[str, dict[str, Any]]:
    """Return the page as the browser has it after some seconds of its own clock, and what the page says of itself."""
    address = re.search(r"http://127\.0\.0\.1:\d+/", page.said)
    assert address is not None
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        f"--user-data-dir={folder / 'browser'}", "--virtual-time-budget=4000", *options, "--dump-dom", address[0],
    ]  # fmt: skip
    dom = subprocess.run(command, capture_output=True, text=True, timeout=170, check=True).stdout
    check = re.search(r'<output id="self-check"[^>]*>(.*?)</output>', dom)
    assert check is not None, dom
    return dom, json.loads(html.unescape(check[1]))


def banner(dom: str) -> tuple[str, str]:
    """Return the banner's colour and its word."""
    found = re.search(r'<section id="banner" class="(\w+)".*?<strong id="state">(.*?)</strong>', dom, re.DOTALL)
    assert found is not None, dom
    return found[1], found[2]


def test_a_running_robot_is_seen(folder: Path, page: StartedForerun) -> None:
    with RobotProcesses(ROBOT_FILE, ROBOT, folder) as robot:
        robot.ask_policy({"follow": "push"})
        dom, check = shown(page, folder, "--window-size=390,844")  # as narrow as a phone
    assert check["faults"] == []
    assert check["drawn"] > 1
    assert check["joints"] == len(ROBOT.arm.joints)
    assert check["picture_px"] == ROBOT.cameras[0].width_px  # decoded by the browser
    assert check["tokens"] > 0
    assert banner(dom)[1] in {"FOLLOWING", "HOLDING"}  # a busy machine may be late, and must be seen to be
    for joint in ROBOT.arm.joint_names:
        assert f"<td>{joint}</td>" in dom or f">{joint}<" in dom
    assert len(re.findall(r'class="place" style="left: [\d.]+%;"', dom)) == len(ROBOT.arm.joints)
    assert re.search(r'<path d="M[\d.]+ [\d.]+', dom)


def test_a_robot_that_does_not_run_is_said_not_to(folder: Path, page: StartedForerun) -> None:
    dom, check = shown(page, folder)
    assert check["faults"] == []
    assert check["picture_px"] == 0
    assert banner(dom) == ("waiting", "NOT RUNNING")
    assert "forerun run" in dom
