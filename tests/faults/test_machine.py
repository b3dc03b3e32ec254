"""The machine runs out of disk, memory or time, and the recorder dies: the arm follows, and what is lost is said."""

import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.command_loop import load
from bench.command_rig import PATIENCE_S, end, start
from bench.faults.process_rig import FaultRig
from interfaces.messages import CommandState

SILENCE_MAX_MS = (
    200.0  # between two goals at the servos, with both cores busy besides: the pty's kernel thread is an ordinary one
)


def resident_kb(pid: int, key: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(f"{key}:"))


def major_faults(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[9])


def test_a_full_disk_costs_the_log_and_is_said(rig: FaultRig) -> None:
    (rig.folder / "commands.npz.partial").symlink_to("/dev/full")  # ENOSPC at the first write, as on a full disk
    rig.hand.swing_fast()
    rig.command.process.terminate()
    _, said = rig.command.process.communicate(timeout=PATIENCE_S)
    assert rig.command.process.returncode == 1
    assert "FOLLOWING -> HOLDING: asked to stop" in said  # the arm was brought to rest all the same
    assert "the log is not saved: commands.npz: No space left on device" in said
    assert "Traceback" not in said


def test_a_machine_that_gives_no_more_memory_goes_unnoticed(rig: FaultRig) -> None:
    rig.hand.swing_fast()
    before_kb = resident_kb(rig.pid, "VmSize")
    free = resource.prlimit(rig.pid, resource.RLIMIT_AS)
    resource.prlimit(rig.pid, resource.RLIMIT_AS, (before_kb * 1024, free[1]))
    rig.hand.swing_for(1.0)
    rig.servos.tell("unplug")  # errors, reopening and what they say also get by
    rig.hand.swing_until(CommandState.FAULT)
    rig.servos.tell("plug")
    rig.command.clear()
    rig.hand.swing_fast()
    assert resident_kb(rig.pid, "VmSize") <= before_kb
    resource.prlimit(rig.pid, resource.RLIMIT_AS, free)  # writing the log takes some
    rig.evidence().assert_all_is_within_limits(lost_on_the_way=1)


def test_its_pages_are_locked_and_it_takes_no_page_fault_from_the_disk(rig: FaultRig) -> None:
    if resident_kb(rig.pid, "VmLck") == 0:
        pytest.skip("this machine does not let memory be locked")
    rig.hand.swing_for(0.5)
    before, locked_kb = major_faults(rig.pid), resident_kb(rig.pid, "VmLck")
    assert locked_kb >= resident_kb(rig.pid, "VmRSS") * 0.9
    hog = bytearray(256 << 20)  # every page is written by this
    rig.hand.swing_for(0.5)
    assert major_faults(rig.pid) == before
    del hog
    rig.evidence().assert_all_is_within_limits()


def test_both_cores_busy_delay_no_command_for_long(rig: FaultRig) -> None:
    rig.hand.swing_fast()
    with load(rig.folder, 2 * (os.cpu_count() or 1)):
        time.sleep(0.5)
        policy = rig.swinging_policy()
        rig.wait_for(CommandState.FOLLOWING)
        t_from_ns = time.monotonic_ns()
        time.sleep(1.5)
        t_until_ns = time.monotonic_ns()
        end(policy)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    assert "FAULT" not in evidence.said
    assert evidence.silence_ms(t_from_ns, t_until_ns) <= SILENCE_MAX_MS


def test_a_recorder_that_dies_hangs_or_comes_back_changes_nothing(rig: FaultRig) -> None:
    def recorder() -> Callable[[], str]:
        process = start(rig.folder, "runtime.flight.recorder_process", "robot.toml")
        t_end_ns = time.monotonic_ns() + round(PATIENCE_S * 1e9)
        while not list((rig.folder / "flight").glob("*.mcap*")):
            assert time.monotonic_ns() < t_end_ns
            assert process.poll() is None, end(process)
            rig.hand.swing_for(0.05)
        rig.hand.swing_for(0.7)  # senders look for it twice a second
        stack.append(process.pid)
        return lambda: end(process)

    stack = list[int]()
    rig.hand.swing_fast()
    kill = recorder()
    t_from_ns = time.monotonic_ns()
    os.kill(stack[-1], signal.SIGSTOP)
    rig.hand.swing_for(0.7)
    os.kill(stack[-1], signal.SIGCONT)
    rig.hand.swing_for(0.2)
    kill()
    rig.hand.swing_for(0.5)
    t_until_ns = time.monotonic_ns()
    kill = recorder()
    kill()
    assert rig.hand.swing_for(0.1).state is CommandState.FOLLOWING
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    assert evidence.silence_ms(t_from_ns, t_until_ns) <= SILENCE_MAX_MS
    assert "FAULT" not in evidence.said
