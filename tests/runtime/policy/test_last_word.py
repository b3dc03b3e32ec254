"""What a person said last holds over restarts, and not for longer; what cannot be read means nothing is followed."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.policy_rig import CommandPeer
from interfaces.errors import ConfigError, RefusedError
from interfaces.request_socket import RequestClient
from interfaces.robot_config import RobotConfig
from runtime.policy import last_word
from runtime.policy.last_word import LastWord, Word, followed_first, keep_over_restart
from runtime.policy_process import PolicyProcess
from runtime.service.end_order import EndOrder

KNOWS = ("reach", "push", "rest")
SAID = "a person said so before this start"


@pytest.fixture
def word(tmp_path: Path) -> LastWord:
    """The note beside a control socket."""
    return LastWord(tmp_path / "control.sock")


@pytest.mark.parametrize("instruction", ["push", None, 'as "this" \\ says', "\u00fcben"])
def test_what_was_noted_is_read(word: LastWord, instruction: str | None) -> None:
    assert word.read() is None
    word.note("reach")
    word.note(instruction)
    assert word.read() == Word(instruction, SAID)
    assert [path.name for path in word.path.parent.iterdir()] == ["control.sock.told"]
    word.forget()
    word.forget()
    assert word.read() is None


def test_it_does_not_hold_over_a_boot(word: LastWord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    word.note(None)
    (tmp_path / "boot_id").write_text("another\n")
    monkeypatch.setattr(last_word, "_BOOT_ID", tmp_path / "boot_id")
    assert word.read() is None


def test_it_does_not_hold_for_a_forerun_run_that_was_started_later(
    word: LastWord, monkeypatch: pytest.MonkeyPatch
) -> None:
    word.note(None)
    monkeypatch.setattr(os, "getppid", lambda: 12345)
    assert word.read() is None


@pytest.mark.parametrize("damage", [b"", b"format = 1\n", b"\xff", b"instruction = 3\n", b"a" * 20_000])
def test_a_damaged_one_means_nothing_is_followed(word: LastWord, damage: bytes) -> None:
    word.note("push")
    word.path.write_bytes(damage)
    found = word.read()
    assert found is not None
    assert found.instruction is None
    assert "what a person said last cannot be read" in found.why


def test_one_of_a_newer_format_means_nothing_is_followed(word: LastWord) -> None:
    word.note("push")
    word.path.write_text(word.path.read_text().replace("format = 1", "format = 2"))
    found = word.read()
    assert found is not None
    assert found.instruction is None


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_something_else_in_its_place_means_nothing_is_followed(word: LastWord, kind: str) -> None:
    if kind == "folder":
        word.path.mkdir()
    elif kind == "link":
        word.path.symlink_to("/etc/hostname")
    else:
        os.mkfifo(word.path)
    found = word.read()
    assert found is not None
    assert found.instruction is None
    word.forget()  # whatever it is, no crash


def test_where_it_cannot_be_noted_the_one_before_does_not_count_either(
    word: LastWord, monkeypatch: pytest.MonkeyPatch
) -> None:
    word.note("push")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(last_word, "write_whole", full)
    with pytest.raises(OSError, match="No space"):
        word.note(None)
    found = word.read()
    assert found is not None
    assert found.instruction is None


def test_only_an_ordered_end_forgets(word: LastWord) -> None:
    word.note(None)
    order = EndOrder()
    with pytest.raises(ZeroDivisionError), word.until(order):
        raise ZeroDivisionError
    assert word.read() == Word(None, SAID)
    with word.until(order):
        order.came = True
    assert word.read() is None


def test_it_is_kept_over_one_restart_that_is_for_another_reason(word: LastWord, tmp_path: Path) -> None:
    keep_over_restart(tmp_path)
    assert list(tmp_path.iterdir()) == []  # nobody said anything
    word.note(None)
    keep_over_restart(tmp_path)
    keep_over_restart(tmp_path)
    word.forget()
    assert word.read() == Word(None, SAID)
    word.forget()
    assert list(tmp_path.iterdir()) == []


def test_a_restart_that_came_to_nothing_keeps_it_from_no_later_end(word: LastWord, tmp_path: Path) -> None:
    word.note(None)
    keep_over_restart(tmp_path)
    assert word.read() == Word(None, SAID)  # it crashed instead, and is back
    word.forget()
    assert list(tmp_path.iterdir()) == []


def test_keeping_it_follows_no_link(word: LastWord, tmp_path: Path) -> None:
    word.note(None)
    (tmp_path / "control.sock.told.kept").symlink_to(tmp_path / "elsewhere")
    keep_over_restart(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    ("by_file", "follow", "word", "follows"),
    [
        (None, None, None, None),
        ("reach", None, None, "reach"),
        ("reach", "push", None, "push"),
        ("reach", None, Word(None, SAID), None),
        ("reach", "push", Word(None, SAID), None),
        (None, None, Word("push", SAID), "push"),
        ("reach", "reach", Word("rest", SAID), "rest"),
        ("reach", None, Word("press", SAID), None),  # which this bundle does not know
    ],
)
@pytest.mark.parametrize("fallback", [False, True])
def test_a_person_goes_before_the_command_line_and_that_before_the_file(
    robot: RobotConfig,
    *,
    by_file: str | None,
    follow: str | None,
    word: Word | None,
    follows: str | None,
    fallback: bool,
) -> None:
    assert first(robot, by_file, follow=follow, word=word, fallback=fallback) == follows


def first(robot: RobotConfig, by_file: str | None, **said: Any) -> str | None:
    told = replace(robot, policy=replace(robot.policy, follow=by_file))
    return followed_first(Path("robot.toml"), told, KNOWS, **said)


def test_what_the_bundle_in_charge_does_not_know_is_refused_and_what_it_falls_back_to_follows_nothing(
    robot: RobotConfig, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError, match=r"policy\.follow is 'dance'; expected one of reach, push, rest"):
        first(robot, "dance", follow=None, word=None, fallback=False)
    with pytest.raises(RefusedError, match="'hop'; the policy knows reach, push, rest"):
        first(robot, "reach", follow="hop", word=None, fallback=False)
    for by_file, follow in (("dance", None), (None, "hop")):
        assert first(robot, by_file, follow=follow, word=None, fallback=True) is None
    assert "follows nothing: this bundle is run because another cannot be, and does not know 'dance'" in caplog.text
    assert first(robot, "dance", follow=None, word=Word("push", SAID), fallback=True) == "push"


def test_only_what_was_obeyed_is_noted_and_that_it_cannot_be_is_told(
    peer: CommandPeer, run_folder: Path, robot: RobotConfig, start_policy: Callable[..., PolicyProcess]
) -> None:
    process = start_policy()
    noted = LastWord(run_folder / robot.runtime.control_socket)
    with RequestClient(run_folder / robot.runtime.control_socket) as control:
        assert control.request({"status": True})["instruction"] is None
        assert noted.read() is None
        control.request({"follow": "push"})
        assert noted.read() == Word("push", SAID)
        assert "error" in control.request({"follow": "dance"})
        assert noted.read() == Word("push", SAID)
        noted.path.unlink()
        noted.path.mkdir()
        assert control.request({"follow": None})["instruction"] is None  # obeyed all the same
        assert "cannot be noted" in process.status()["faults"]["last word"]
        noted.path.rmdir()
        control.request({"follow": "push"})
        assert "last word" not in process.status()["faults"]
    peer.wait_for_chunks(1)
