"""A program that hangs, fails, shouts or is not there is an answer, too."""

from __future__ import annotations

import time
from functools import partial

from bench.doctor.asking import ask, ask_nobody


def test_what_it_says_is_the_answer() -> None:
    assert ask(["echo", "well"]).text == "well\n"
    assert ask(["echo", "well"]).trouble == ""


def test_one_that_is_not_there() -> None:
    assert ask(["no-such-program-of-ours"]).trouble == "there is no no-such-program-of-ours on this machine"


def test_one_that_fails_says_why() -> None:
    answer = ask(["sh", "-c", "echo half; echo first >&2; echo the reason >&2; exit 3"])
    assert (answer.text, answer.trouble) == ("half\n", "sh: the reason")


def test_one_that_hangs_is_left() -> None:
    t_start_ns = time.monotonic_ns()
    answer = partial(ask, timeout_s=0.2)(["sleep", "600"])
    assert answer.trouble == "sleep did not answer within 0.2 s"
    assert time.monotonic_ns() - t_start_ns < 60e9


def test_it_has_no_terminal_and_speaks_english() -> None:
    assert ask(["sh", "-c", "echo $LC_ALL; cat; test -t 0 || echo none"]).text == "C\nnone\n"


def test_another_machine_is_not_asked() -> None:
    assert "is not asked" in ask_nobody(["/usr/bin/systemctl", "show"]).trouble
