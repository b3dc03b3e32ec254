"""What outlives the command process: damage counts as latched, another boot as nothing, and what was noted first stays readable."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interfaces.messages import CommandState
from runtime.command.latch import LATCH_BYTES, Latch

BOOT, OTHER_BOOT = "00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"
UNKNOWN = "-" * 36
PREFIX = "stopped before it was started again: "
UNREADABLE = PREFIX + "what was noted of it is unreadable"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "operator.sock.latch"


def left_by(path: Path, *states: CommandState, why: str = "the cat", boot_id: str = BOOT) -> None:
    """Leave behind what a process leaves that went through some states and was killed."""
    latch = Latch(path, boot_id)
    for state in states:
        latch.note(state, why)
    latch.close()


def begun(path: Path, boot_id: str = BOOT) -> str | None:
    latch = Latch(path, boot_id)
    latch.close()
    return latch.take_over()


def test_where_there_was_nothing_nothing_is_latched_and_the_file_has_its_size(path: Path) -> None:
    assert begun(path) is None
    assert path.stat().st_size == LATCH_BYTES
    assert path.stat().st_mode & 0o777 & ~0o640 == 0
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert begun(path) is None


def test_a_stop_and_a_fault_outlive_the_process_and_what_is_cleared_does_not(path: Path) -> None:
    left_by(path, CommandState.READY, CommandState.ESTOP)
    assert begun(path) == PREFIX + "the cat"
    left_by(path, CommandState.READY, CommandState.FAULT, why="bus lost")
    assert begun(path) == PREFIX + "FAULT: bus lost"
    left_by(path, CommandState.READY, CommandState.ESTOP, CommandState.READY, CommandState.FOLLOWING)
    assert begun(path) is None


def test_states_that_are_not_latched_are_never_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latch, written = Latch(path, BOOT), list[bytes]()

    def write(_fd: int, data: bytes, _at: int) -> None:
        written.append(data)

    monkeypatch.setattr(os, "pwrite", write)
    for state in (CommandState.READY, CommandState.FOLLOWING, CommandState.HOLDING, CommandState.FOLLOWING):
        latch.note(state, "")
    assert written == []
    latch.note(CommandState.FAULT, "hot")
    latch.note(CommandState.FAULT, "hotter")
    assert len(written) == 1
    assert len(written[0]) == LATCH_BYTES
    latch.close()


def test_the_reason_of_the_first_is_kept_over_any_number_of_starts(path: Path) -> None:
    left_by(path, CommandState.ESTOP)
    for _ in range(3):
        latch = Latch(path, BOOT)
        why = latch.take_over() or ""
        assert why == PREFIX + "the cat"
        assert latch.take_over() is None  # once
        latch.note(CommandState.READY, "armed")
        latch.note(CommandState.ESTOP, why)
        latch.close()


def test_it_is_latched_for_the_next_process_from_the_start_on(path: Path) -> None:
    left_by(path, CommandState.FAULT, why="bus lost")
    assert begun(path) == begun(path) == PREFIX + "FAULT: bus lost"  # killed before the arm was found
    left_by(path, CommandState.READY)  # armed, and killed before it could be told to stop
    assert begun(path) == PREFIX + "FAULT: bus lost"


def test_after_what_was_taken_over_is_cleared_the_same_reason_counts_anew(path: Path) -> None:
    left_by(path, CommandState.ESTOP)
    latch = Latch(path, BOOT)
    why = latch.take_over() or ""
    for state in (CommandState.ESTOP, CommandState.READY, CommandState.ESTOP):
        latch.note(state, why)
    latch.close()
    assert begun(path) is not None


def test_an_ordered_end_forgets_it(path: Path) -> None:
    latch = Latch(path, BOOT)
    latch.note(CommandState.ESTOP, "the cat")
    latch.forget()
    latch.close()
    assert not path.exists()
    assert begun(path) is None


def test_another_boot_counts_as_nothing_and_a_boot_that_is_not_known_as_this_one(path: Path) -> None:
    left_by(path, CommandState.ESTOP, boot_id=OTHER_BOOT)
    assert begun(path) is None
    for before, now in ((UNKNOWN, BOOT), (BOOT, UNKNOWN), (UNKNOWN, UNKNOWN)):
        path.unlink()
        left_by(path, CommandState.ESTOP, boot_id=before)
        assert begun(path, now) == PREFIX + "the cat"


def test_this_boot_is_found_by_itself(path: Path) -> None:
    latch = Latch(path)
    latch.note(CommandState.ESTOP, "the cat")
    latch.close()
    again = Latch(path)
    assert again.take_over() == PREFIX + "the cat"
    again.close()


@pytest.mark.parametrize("why", ["", "x" * 10_000, "ß" * 400, "two\nlines\0and\tmore", "\udcff", "ESTOP\nnone "])
def test_any_reason_is_cut_to_the_size_and_read_again(path: Path, why: str) -> None:
    left_by(path, CommandState.ESTOP, why=why)
    assert path.stat().st_size == LATCH_BYTES
    told = begun(path)
    assert told is not None
    assert told.startswith(PREFIX)
    assert told != UNREADABLE
    assert begun(path) == told


@pytest.mark.parametrize("data", [b"", b"\0" * LATCH_BYTES, b"none ", b"x" * 100_000])
def test_what_is_no_latch_counts_as_latched(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    assert begun(path) == UNREADABLE
    assert begun(path) == UNREADABLE  # a start does not mend it; a person who clears does
    left_by(path, CommandState.ESTOP, CommandState.READY)
    assert begun(path) is None


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), state=st.sampled_from([CommandState.ESTOP, CommandState.FAULT]))
def test_no_damage_of_a_latched_file_makes_it_nothing(path: Path, data: st.DataObject, state: CommandState) -> None:
    """One changed byte, or an end cut off: only the boot may become another that looks like one."""
    left_by(path, state)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, LATCH_BYTES - 1))
    boot_begins = whole.index(BOOT.encode())
    if data.draw(st.booleans()):
        path.write_bytes(whole[:at])
    elif not boot_begins <= at < boot_begins + len(BOOT):
        path.write_bytes(whole[:at] + bytes([data.draw(st.integers(0, 255))]) + whole[at + 1 :])
    assert begun(path) is not None


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, LATCH_BYTES), cleared=st.booleans())
def test_half_of_a_write_is_nothing_only_where_it_clearly_says_so(path: Path, *, cut: int, cleared: bool) -> None:
    left_by(path, CommandState.ESTOP)
    latched = path.read_bytes()
    left_by(path, CommandState.FAULT, CommandState.READY)
    nothing = path.read_bytes()
    before, after = (latched, nothing) if cleared else (nothing, latched)
    half = after[:cut] + before[cut:]
    path.write_bytes(half)
    assert (begun(path) is None) == (half.split(b"\n")[2] == b"none ")
    path.unlink()


def test_a_pipe_a_link_or_a_folder_in_its_place_is_latched_and_not_waited_for(path: Path) -> None:
    os.mkfifo(path)
    assert begun(path) == UNREADABLE
    path.unlink()
    path.symlink_to(path.with_name("elsewhere"))
    assert begun(path) == UNREADABLE
    assert not path.with_name("elsewhere").exists()
    path.unlink()
    path.mkdir()
    latch = Latch(path, BOOT)
    assert latch.take_over() == UNREADABLE
    assert latch.lack is not None
    latch.close()


def test_where_it_cannot_be_made_that_is_said_and_the_process_goes_on(tmp_path: Path) -> None:
    latch = Latch(tmp_path / "nowhere" / "operator.sock.latch", BOOT)
    assert latch.take_over() is None
    assert "will be forgotten" in (latch.lack or "")
    assert "No such file or directory" in (latch.lack or "")
    latch.note(CommandState.ESTOP, "the cat")
    latch.note(CommandState.READY, "cleared")
    latch.forget()
    latch.close()


def test_a_file_cut_short_while_it_is_in_use_is_written_again(path: Path) -> None:
    latch = Latch(path, BOOT)
    os.truncate(path, 0)
    latch.note(CommandState.ESTOP, "the cat")  # through a mapping this would be the end of the process
    latch.close()
    assert begun(path) == PREFIX + "the cat"


def test_a_write_that_fails_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    latch = Latch(path, BOOT)

    def fails(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", fails)
    latch.note(CommandState.ESTOP, "the cat")
    assert "No space left on device" in (latch.lack or "")
    latch.close()
