"""Records are saved whole or not at all, and the ones before are kept."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.record_rig import BAD, LANDMARKS, RecordRig
from calibration.records.store import RecordStore
from interfaces.calibration.camera import ViewRecord
from interfaces.calibration.joints import JointsRecord
from interfaces.calibration.record_file import unseal
from interfaces.errors import CalibrationError, ConfigError, RefusedError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def test_what_is_saved_is_read_back_as_it_was(rig: RecordRig) -> None:
    for record in rig.all_records():
        rig.save(record)
        read = rig.store.current(record.kind, record.header.subject)
        if isinstance(record, ViewRecord) and isinstance(read, ViewRecord):
            assert (rig.folder / read.landmarks_file).read_bytes() == LANDMARKS
            assert read.landmarks_sha256 == hashlib.sha256(LANDMARKS).hexdigest()
            read = replace(read, landmarks_file=record.landmarks_file, landmarks_sha256="")
        assert read == record
    assert rig.store.current("camera", "side") is None


def test_files_are_named_after_kind_and_camera(rig: RecordRig) -> None:
    rig.save(*rig.all_records())
    digest = hashlib.sha256(LANDMARKS).hexdigest()[:12]
    assert names(rig.folder) == [
        "camera-front.toml", "hand_eye-front.toml", "joints.toml", "latency-front.toml", "servo.toml",
        "view-front.toml", f"view-front@{digest}.npz",
    ]  # fmt: skip


def test_the_record_before_goes_to_the_history_with_its_date(rig: RecordRig) -> None:
    for shift in (1.0, 2.0, 3.0):
        rig.save(rig.joints(shift))
    history = rig.store.history("joints")
    assert [path.name for path in history] == ["joints@20261120T100000Z.toml", "joints@20261120T100000Z.2.toml"]
    assert "home = 2049.0" in history[0].read_text()
    assert "home = 2050.0" in history[1].read_text()
    assert rig.store.history("servo") == []


def test_histories_of_cameras_with_like_names_are_kept_apart(rig: RecordRig) -> None:
    for subject in ("front", "front-left", "front"):
        rig.save(replace(rig.camera(), header=rig.header(subject)))
    rig.save(replace(rig.camera(), header=rig.header("front-left")))
    assert len(rig.store.history("camera", "front")) == len(rig.store.history("camera", "front-left")) == 1


def test_the_files_beside_a_record_follow_it_into_the_history(rig: RecordRig) -> None:
    rig.store.save(rig.view(), {"landmarks.npz": b"old"})
    rig.store.save(rig.view(), {"landmarks.npz": b"new"})
    current = rig.store.current("view", "front")
    assert isinstance(current, ViewRecord)
    assert (rig.folder / current.landmarks_file).read_bytes() == b"new"
    assert len(list(rig.folder.glob("*.npz"))) == 1
    old = (rig.folder / "history").glob("*.npz")
    assert [path.read_bytes() for path in old] == [b"old"]


def test_a_damaged_record_is_replaced_and_kept(rig: RecordRig) -> None:
    rig.save(rig.joints())
    path = rig.store.path("joints")
    path.write_bytes(b"damaged")
    with pytest.raises(CalibrationError):
        rig.store.current("joints")
    rig.save(rig.joints())
    assert [kept.read_bytes() for kept in rig.store.history("joints")] == [b"damaged"]


def test_a_failed_record_replaces_no_good_one_but_may_be_the_first(rig: RecordRig) -> None:
    failed = replace(rig.joints(), header=rig.header(check=BAD))
    rig.save(failed)
    rig.save(rig.joints())
    with pytest.raises(RefusedError, match="does not replace one that passed"):
        rig.save(failed)
    assert rig.store.current("joints") == rig.joints()


def nan_home(record: JointsRecord) -> JointsRecord:
    return replace(record, joints=(replace(record.joints[0], home=float("nan")), *record.joints[1:]))


def test_a_record_that_could_not_be_read_back_is_not_written(rig: RecordRig) -> None:
    rig.save(rig.joints())
    before = rig.store.path("joints").read_bytes()
    half = replace(rig.joints(), header=replace(rig.header(), operator="\ud800"))
    for record in (nan_home(rig.joints()), half):
        with pytest.raises(ConfigError):
            rig.save(record)
    assert rig.store.path("joints").read_bytes() == before
    assert rig.store.history("joints") == []


def test_a_record_about_a_camera_names_it_and_no_other_does(rig: RecordRig) -> None:
    with pytest.raises(ConfigError, match=r"header\.subject"):
        rig.save(replace(rig.camera(), header=rig.header("")))
    with pytest.raises(ConfigError, match=r"header\.subject"):
        rig.save(replace(rig.joints(), header=rig.header("front")))


@pytest.mark.parametrize("subject", ["../front", "a/b", ".hidden", "front@2", "", "x" * 65, "a\nb", "fr\0nt"])
def test_a_subject_that_is_no_plain_name_is_refused(rig: RecordRig, subject: str) -> None:
    with pytest.raises((CalibrationError, ConfigError)):
        rig.save(replace(rig.camera(), header=rig.header(subject)))
    assert not rig.folder.exists() or names(rig.folder) == []


def test_files_beside_a_record_are_those_it_names(rig: RecordRig) -> None:
    for files in ({}, {"other.npz": b""}, {"landmarks.npz": b"", "more.npz": b""}):
        with pytest.raises(ConfigError, match="side files"):
            rig.store.save(rig.view(), files)


def test_a_folder_that_cannot_be_written_is_said(rig: RecordRig) -> None:
    rig.folder.parent.write_text("a file, no folder")
    with pytest.raises(RefusedError, match="cannot be written"):
        rig.save(rig.joints())


def test_whether_a_record_could_be_saved_is_known_before(rig: RecordRig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.store.require_writable()
    assert not rig.folder.exists()
    rig.save(rig.joints())
    rig.store.require_writable()
    denied = rig.folder / ".lock"
    monkeypatch.setattr(os, "access", lambda path, _: path != denied)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    with pytest.raises(RefusedError, match="by this user"):
        rig.store.require_writable()
    denied = rig.folder
    with pytest.raises(RefusedError, match="by this user"):
        rig.store.require_writable()


def die_at(step: int) -> None:
    """Have this process killed before its call number `step` that touches the disk."""
    calls = itertools.count()

    def dying(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if next(calls) == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for place, name in [(os, "fsync"), *((Path, name) for name in ("replace", "unlink", "open", "mkdir"))]:
        setattr(place, name, dying(getattr(place, name)))


def save_in_a_process_killed_at(step: int, rig: RecordRig) -> int:
    """Return how it ended: 0 where it had fewer steps."""
    pid = os.fork()
    if pid == 0:
        try:
            die_at(step)
            rig.store.save(rig.view(), {"landmarks.npz": b"new landmarks"})
            os._exit(0)  # no test framework in this process
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")  # the child touches no lock
def test_killed_at_any_step_the_present_record_is_whole(rig: RecordRig) -> None:
    """Every call that touches the disk is one step; the program is killed before each, in turn."""
    found: list[bytes] = []
    ended = -signal.SIGKILL
    while ended == -signal.SIGKILL:
        shutil.rmtree(rig.folder, ignore_errors=True)
        rig.store.save(rig.view(), {"landmarks.npz": b"old landmarks"})
        ended = save_in_a_process_killed_at(len(found), rig)
        current = rig.store.current("view", "front")
        assert isinstance(current, ViewRecord)
        found.append((rig.folder / current.landmarks_file).read_bytes())
        rig.save(rig.servo())  # goes on as if nothing had been
        assert_history_whole(rig)
    assert ended == 0
    assert len(found) > 20
    assert set(found) == {b"old landmarks", b"new landmarks"}
    assert len(list(rig.folder.glob("*.npz"))) == 1


def assert_history_whole(rig: RecordRig) -> None:
    assert not list(rig.folder.rglob(".*.tmp"))
    place = rig.store.place("view", "front")
    for kept in rig.store.history("view", "front"):
        record = unseal(kept.read_bytes(), place)
        assert isinstance(record, ViewRecord)
        assert hashlib.sha256((kept.parent / record.landmarks_file).read_bytes()).hexdigest() == record.landmarks_sha256


def test_an_error_in_the_middle_leaves_the_old_record_and_no_scraps(
    rig: RecordRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.save(rig.joints(1.0))

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RefusedError, match="No space left on device; the record before is untouched"):
        rig.save(rig.joints(2.0))
    assert rig.store.current("joints") == rig.joints(1.0)
    assert not list(rig.folder.glob(".*.tmp"))


def test_two_programs_that_save_at_once_wait_for_each_other(rig: RecordRig) -> None:
    def save(store: RecordStore, shift: float) -> None:
        for _ in range(5):
            store.save(rig.joints(shift))

    threads = [threading.Thread(target=save, args=(RecordStore(rig.folder), float(n))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert isinstance(rig.store.current("joints"), JointsRecord)
    kept = {path.read_bytes() for path in rig.store.history("joints")}
    assert len(kept) == len(rig.store.history("joints"))
    assert len(kept | {rig.store.path("joints").read_bytes()}) == 4


def test_a_half_written_file_of_a_killed_program_is_cleared_away(rig: RecordRig) -> None:
    rig.save(rig.joints())
    (rig.folder / ".joints.toml.tmp").write_bytes(b"half")
    rig.save(rig.servo())
    assert not list(rig.folder.glob(".*.tmp"))
