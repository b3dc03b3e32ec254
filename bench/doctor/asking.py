"""Other programs, asked what they know: each has a time to answer in, and none of them can hang the doctor."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_BYTES_MAX = 1 << 22
_TIMEOUT_S = 2.0
# Words in the programs' own language would be read as garbage; a pager would wait for a person.
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin", "SYSTEMD_PAGER": "cat"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a program said, or why it said nothing."""

    text: str = ""
    trouble: str = ""  # "there is no ip on this machine"; empty where it answered


Ask = Callable[[Sequence[str]], Answer]


def ask(command: Sequence[str], timeout_s: float = _TIMEOUT_S) -> Answer:
    """Run a program that only tells something, and return its answer."""
    name = command[0].rpartition("/")[2]
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
    except FileNotFoundError:
        return Answer(trouble=f"there is no {name} on this machine")
    except OSError as error:
        return Answer(trouble=f"{name} cannot be started: {error.strerror}")
    try:
        said, complaint = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()  # and not waited for: what hangs in the kernel does not end by being killed
        return Answer(trouble=f"{name} did not answer within {timeout_s:g} s")
    if process.returncode != 0:
        why = complaint.decode("utf-8", "replace").strip().splitlines() or [f"status {process.returncode}"]
        return Answer(text=said[:_BYTES_MAX].decode("utf-8", "replace"), trouble=f"{name}: {why[-1][:200]}")
    return Answer(text=said[:_BYTES_MAX].decode("utf-8", "replace"))


def ask_nobody(command: Sequence[str]) -> Answer:
    """Answer for a machine that is only a folder of files."""
    return Answer(trouble=f"{command[0].rpartition('/')[2]} is not asked about another machine")


def within(timeout_s: float) -> Ask:
    """Return an `ask` that waits so long."""
    return lambda command: ask(command, timeout_s)
