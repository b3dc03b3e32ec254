"""What a policy process follows from its start: by the robot file, the command line, and before these by the last word of a person."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.policy_rig import CommandPeer
from bench.policy_service_rig import ROOT, write_robot
from bench.service_rig import StartService
from interfaces.request_socket import RequestClient
from interfaces.robot_config import RobotConfig
from runtime.bundles.shelf_file import Entry, Shelf, write_shelf


@pytest.fixture
def peer(folder: Path, robot: RobotConfig) -> Iterator[CommandPeer]:
    """A command process that listens."""
    peer = CommandPeer(folder / robot.runtime.command_socket, len(robot.arm.joints))
    yield peer
    peer.close()


def test_it_follows_what_the_robot_file_says_from_the_start(
    peer: CommandPeer, start: StartService, control: Path
) -> None:
    service = start("no: robot file", follow='"lift"')
    peer.wait_for_chunks(3)
    with RequestClient(control) as asking:
        assert asking.request({"status": True})["instruction"] == "lift"
    assert service.end() == 0


def test_what_a_person_said_holds_over_crashes_until_an_ordered_end(
    peer: CommandPeer, start: StartService, control: Path
) -> None:
    def asked(**request: str | bool | None) -> Any:
        with RequestClient(control) as asking:
            return asking.request(request)["instruction"]

    service = start("no: robot file", follow='"lift"')
    peer.wait_for_chunks(3)
    assert asked(follow=None) is None
    # Killed outright, by its watchdog, and with another instruction on the command line: it stays as it was told.
    ends = ((signal.SIGKILL, "no: robot file"), (signal.SIGABRT, "no: robot file"), (signal.SIGKILL, ""))
    for times, (number, hangs) in enumerate(ends, 1):
        assert service.end(number) == -number
        count = len(peer.chunks)
        service = start(hangs, follow='"lift"')
        service.wait_ready()
        assert asked(status=True) is None
        assert service.said.count("follows nothing: a person said so before this start") == times
        assert len(peer.chunks) == count
    assert asked(follow="push") == "push"
    assert service.end(signal.SIGKILL) == -signal.SIGKILL
    service = start("no: robot file", follow='"lift"')
    service.wait_ready()
    assert asked(status=True) == "push"
    assert service.end() == 0
    service = start("no: robot file", follow='"lift"')
    service.wait_ready()
    assert asked(status=True) == "lift"
    # A note that is damaged is nobody's leave to move.
    assert service.end(signal.SIGKILL) == -signal.SIGKILL
    control.with_name("control.sock.told").write_text("nonsense")
    service = start("no: robot file", follow='"lift"')
    service.wait_ready()
    assert asked(status=True) is None
    assert "follows nothing: what a person said last cannot be read" in service.said
    assert service.end() == 0


def test_told_to_end_while_it_opens_its_bundle_it_ends_and_forgets(start: StartService, control: Path) -> None:
    told = control.with_name("control.sock.told")
    told.write_text("nonsense")
    service = start("")
    service.wait_for(lambda: "opens the bundle" in service.statuses, "opening its bundle")
    assert service.end() == 0
    assert not told.exists()


def test_what_it_falls_back_to_follows_nothing_where_it_does_not_know_the_instruction(
    peer: CommandPeer, start: StartService, folder: Path, control: Path
) -> None:
    shutil.copytree(ROOT / "tests/data/tiny_bundle", folder / "state/bundles/old")
    old = Entry(folder="old", trial="old-1", proven=True)
    write_shelf(folder / "state", Shelf(active=Entry(folder="gone", trial="gone-1"), previous=old))
    service = start("no: robot file", follow='"dance"')
    service.wait_ready()
    with RequestClient(control) as asking:
        status = asking.request({"status": True})
    assert (status["instruction"], status["bundle"]["fallback"]) == (None, True)
    assert "follows nothing: this bundle is run because another cannot be, and does not know 'dance'" in service.said
    assert peer.chunks == []
    assert service.end() == 0


def test_an_unknown_instruction_in_the_robot_file_is_refused_with_the_list(folder: Path, robot_file: Path) -> None:
    path = write_robot(folder, robot_file, follow='"dance"')
    done = forerun("policy", str(path), folder=folder)
    assert done.returncode == 2
    said = f"{path}: policy.follow is 'dance'; expected one of reach, push, press, lift, rest"
    assert said in done.stderr
    done = forerun("policy", str(path), "--follow", "hop", folder=folder)
    assert done.returncode == 2
    assert "instruction 'hop'; the policy knows reach, push, press, lift, rest" in done.stderr


def test_a_bundle_comes_from_one_place(folder: Path, robot_file: Path) -> None:
    done = forerun("policy", str(robot_file), "--bundle", "b", "--shelf", "s", folder=folder)
    assert done.returncode == 2
    assert "not allowed with argument" in done.stderr


def forerun(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "-m", "forerun", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=60)
