"""Who has a device open: other processes, found by what they have open, whatever name it was opened by."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from drivers.holders import Holder, find_holders


def test_another_process_is_named(tmp_path: Path) -> None:
    device, alias = tmp_path / "device", tmp_path / "by-id"
    device.touch()
    alias.symlink_to(device)
    script = "import sys; file = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(device)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        holders = find_holders(str(alias))
        process.communicate("")
    assert [holder.pid for holder in holders] == [process.pid]
    assert holders[0].shown().endswith(f"(process {process.pid})")
    assert find_holders(str(alias)) == []


def test_we_ourselves_do_not_count(tmp_path: Path) -> None:
    with (tmp_path / "device").open("w") as file:
        assert find_holders(file.name) == []


def test_processes_that_may_not_be_looked_at_are_left_out(tmp_path: Path) -> None:
    proc = tmp_path / "proc"
    for pid, name in ((7, "cheese"), (9, "")):
        (proc / str(pid) / "fd").mkdir(parents=True)
        (proc / str(pid) / "fd" / "3").symlink_to("/dev/video0")
        if name:
            (proc / str(pid) / "comm").write_text(name + "\n")
    (proc / "8").mkdir()
    (proc / "self").mkdir()
    assert os.getpid() not in {7, 9}
    assert find_holders("/dev/video0", proc) == [Holder(7, "cheese"), Holder(9, "a process that just ended")]
