"""The policy process as a service: ready when it is, watched by the turns its loops end, and killed where one hangs, which it says."""

import itertools
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.policy_rig import CommandPeer, wait_until
from bench.policy_service_rig import ROOT, write_robot
from bench.service_rig import StartService, WatchedService
from interfaces.request_socket import RequestClient
from interfaces.robot_config import RobotConfig
from runtime.bundles.shelf_file import Entry, Shelf, write_shelf


@pytest.fixture
def peer(folder: Path, robot: RobotConfig) -> Iterator[CommandPeer]:
    """A command process that listens."""
    peer = CommandPeer(folder / robot.runtime.command_socket, len(robot.arm.joints))
    yield peer
    peer.close()


def test_it_is_ready_once_it_sees_and_is_fed_by_its_work(peer: CommandPeer, start: StartService) -> None:
    service = start()
    service.wait_ready()
    assert service.told[0].status == "opens the bundle"
    t_fed_ns = service.t_fed_ns
    peer.wait_for_chunks(5)
    service.wait_for(lambda: service.t_fed_ns > t_fed_ns + 3e9, "fed for 3 s")
    service.wait_for(lambda: any(re.search(r"^push \| camera \d+, ", told) for told in service.statuses), "a status")
    assert service.end() == 0
    assert service.told[-1].text == "STOPPING=1\nSTATUS=ends: told to"
    assert re.search(r"ready \d+\.\d s after its start \(imports \d+\.\d s, bundle ", service.said)


def test_its_status_is_told_when_it_changes_much_and_not_otherwise(
    peer: CommandPeer, start: StartService, control: Path
) -> None:
    service = start()
    service.wait_ready()
    peer.wait_for_chunks(30)
    with RequestClient(control) as asking:
        asking.request({"follow": None})
    service.wait_for(lambda: "follows nothing" in service.statuses[-1], "the change told")
    times = [told.t_ns for told in service.told if told.status and "READY" not in told.text][1:]
    assert all(later - earlier > 0.7e9 for earlier, later in itertools.pairwise(times))


@pytest.mark.parametrize(
    ("hangs", "patience_s", "where"),
    [("foresight", 4, "_turn"), ("action", 4, "_chunk"), ("camera front", 3, "_stream")],
)
def test_a_loop_that_hangs_is_said_and_gets_the_process_killed(
    peer: CommandPeer, start: StartService, control: Path, hangs: str, patience_s: int, where: str
) -> None:
    says = f"{hangs} has not ended a turn for {patience_s} s"
    service = start(hangs)
    service.wait_ready()
    peer.wait_for_chunks(3)
    control.with_name("hang").touch()
    service.wait_for(lambda: says in service.said, "said which loop hangs")
    assert says in service.statuses
    assert f"{says}; unless it does, systemd ends this process and starts it again" in service.said
    with RequestClient(control) as asking:
        status = asking.request({"status": True})
    assert status["hanging"] == [hangs]
    assert says in status["faults"][f"{hangs} hangs"]
    assert service.watch() == -signal.SIGABRT
    # faulthandler tells where every thread stood: that which hangs, and what called it.
    assert "Fatal Python error: Aborted" in service.said
    assert "in hang" in service.said
    assert f"in {where}" in service.said
    assert "in tend" in service.said
    wait_until(lambda: peer.n_gone == 1, "the news that the policy is gone")


def test_a_call_that_keeps_pythons_lock_gets_the_process_killed_too(
    peer: CommandPeer, start: StartService, folder: Path
) -> None:
    service = start("foresight, with Python's lock")
    service.wait_ready()
    peer.wait_for_chunks(3)
    (folder / "hang").touch()
    assert service.watch() == -signal.SIGABRT
    assert "in hang_and_keep_the_lock" in service.said


@pytest.mark.usefixtures("peer")
def test_a_camera_whose_opening_never_returns_is_told_and_gets_the_process_killed(
    start: StartService, folder: Path
) -> None:
    (folder / "hang").touch()
    service = start("camera front, opened")
    service.wait_ready()  # without it: a boot does not wait for ever
    assert "FAULT: camera front" in service.statuses[-1]
    assert service.watch() == -signal.SIGABRT
    assert "camera front has not ended a turn for 3 s" in service.said
    assert "in hang" in service.said


def test_a_loop_that_goes_on_again_in_time_is_forgiven(peer: CommandPeer, start: StartService, control: Path) -> None:
    service = start("foresight", watchdog_s=None)
    service.wait_ready()
    peer.wait_for_chunks(3)
    control.with_name("hang").touch()
    service.wait_for(lambda: "foresight has not ended a turn for 4 s\n" in service.said, "said that it hangs")
    control.with_name("hang").unlink()
    service.wait_for(lambda: "foresight hangs: works again" in service.said, "said that it works again")
    with RequestClient(control) as asking:
        status = asking.request({"status": True})
    assert (status["hanging"], status["faults"], status["ready"]) == ([], {}, True)
    peer.wait_for_chunks(3)
    assert service.end() == 0


def test_a_missing_camera_holds_up_no_boot_and_is_named(peer: CommandPeer, start: StartService, folder: Path) -> None:
    (folder / "missing").touch()
    service = start()
    service.wait_ready()
    ready = next(told for told in service.told if "READY=1" in told.text)
    assert ready.status.startswith("FAULT: camera front | push | camera 0")
    assert "camera front: no device connected" in service.said
    assert peer.chunks == []
    (folder / "missing").unlink()
    peer.wait_for_chunks(3)
    assert service.end() == 0


@pytest.mark.usefixtures("peer")
def test_the_program_itself_names_the_camera_it_misses_and_tells_where_it_stood(folder: Path, robot_file: Path) -> None:
    path = write_robot(folder, robot_file)
    path.write_text(path.read_text().replace('driver = "simulated"', 'driver = "realsense"'))
    command = (sys.executable, "-I", "-m", "forerun", "policy", str(path))
    with WatchedService(command, folder, watchdog_s=10.0) as service:
        # It is ready after 15 s of patience, as above after 2; nobody waits for that here.
        service.wait_for(lambda: "camera front: " in service.said, "the camera named")
        assert service.end(signal.SIGABRT) == -signal.SIGABRT
        assert "Fatal Python error: Aborted" in service.said
        assert "in tend" in service.said


def test_the_bundle_of_the_shelf_is_run_and_one_that_computes_nonsense_is_not_run_again(
    peer: CommandPeer, start: StartService, folder: Path, control: Path
) -> None:
    state = folder / "state"
    for name in ("new", "old"):
        shutil.copytree(ROOT / "tests/data/tiny_bundle", state / "bundles" / name)
    old = Entry(folder="old", trial="old-1", proven=True)
    write_shelf(state, Shelf(active=Entry(folder="new", trial="new-1"), previous=old))
    service = start("")
    peer.wait_for_chunks(3)
    with RequestClient(control) as asking:
        assert asking.request({"status": True})["bundle"] == {
            "name": "tiny", "runs_as": "fp32 on ONNX Runtime", "on_trial": True, "fallback": False,
        }  # fmt: skip
    assert service.end() == 0
    service = start("")
    service.wait_for(lambda: service.said.count("runs bundle new, on trial: start 1 of 3") == 2, "its start back")
    peer.wait_for_chunks(3)
    assert service.end(signal.SIGKILL) == -signal.SIGKILL
    service = start("no: not finite")
    peer.wait_for_chunks(3)
    assert "runs bundle new, on trial: start 2 of 3" in service.said
    (folder / "hang").touch()
    assert service.process.wait(60) == 1
    assert "bundle new failed its trial" in service.said
    service = start("")
    peer.wait_for_chunks(3)
    assert "runs the previous bundle old: new is not run" in service.said
    with RequestClient(control) as asking:
        assert asking.request({"status": True})["bundle"] == {
            "name": "tiny", "runs_as": "fp32 on ONNX Runtime", "on_trial": False, "fallback": True,
        }  # fmt: skip
