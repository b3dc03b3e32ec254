"""The page's process, as its unit runs it: says READY once it listens, feeds the watchdog by looks, ends when asked to."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

from bench.run_rig import StartedForerun
from bench.status_rig import ROBOT_FILE


def silent(systemd: socket.socket) -> bool:
    """Return whether nothing comes any more, once what was on its way is heard."""
    for _ in range(20):
        if not select.select((systemd,), (), (), 1.0)[0]:
            return True
        systemd.recv(4096)
    return False


def test_systemd_hears_of_it_and_of_every_look(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(folder / "notify"))
        systemd.settimeout(60)
        told = {"NOTIFY_SOCKET": str(folder / "notify"), "WATCHDOG_USEC": "400000"}
        command = [
            sys.executable,
            "-I",
            "-m",
            "forerun",
            "page",
            str(ROBOT_FILE),
            "--folder",
            str(folder),
            "--port",
            "0",
        ]
        with subprocess.Popen(command, env={**os.environ, **told}, stderr=subprocess.PIPE, text=True) as process:
            try:
                heard = [systemd.recv(4096).decode() for _ in range(5)]
                assert heard.count("WATCHDOG=1") == 4, heard
                ready = next(each for each in heard if each.startswith("READY=1"))
                with urlopen(f"{ready.partition('STATUS=')[2].strip()}healthz") as reply:
                    assert reply.read() == b"ok\n"
                process.send_signal(signal.SIGSTOP)  # it hangs, and nothing feeds the watchdog any more
                assert silent(systemd)
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
            finally:
                process.kill()


def test_a_wrong_robot_file_and_a_taken_port_are_refused(folder: Path) -> None:
    wrong = folder / "robot.toml"
    wrong.write_text("format = 1\n")
    with StartedForerun(folder, "page", str(wrong)) as page:
        assert page.wait() == 2
        assert "robot.toml" in page.said
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        with StartedForerun(folder, "page", str(ROBOT_FILE), "--port", port) as page:
            assert page.wait() == 2
            assert "cannot listen" in page.said
