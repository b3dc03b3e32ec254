"""Bundles to install, good and bad, made of the tiny one of the tests; and a program that is killed at a chosen step to the disk."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

TINY = Path(__file__).parents[1] / "tests/data/tiny_bundle"
KILLED = 137
_STEPS = ("fsync", "rename", "replace", "mkdir", "unlink", "rmdir", "fchmod")  # what a change of the disk is made of


def make_bundle(folder: Path, edition: str, *, reproduces: bool = True) -> Path:
    """Write another edition of the tiny bundle to `folder`; on request, one that does not reproduce its own reference outputs."""
    shutil.copytree(TINY, folder)
    manifest = (folder / "manifest.toml").read_text(encoding="utf-8")
    manifest = manifest.replace('trained_on = "', f'trained_on = "edition {edition}: ')
    if not reproduces:
        before = _sha256(folder / "parity.npz")
        with np.load(folder / "parity.npz") as archive:
            arrays: dict[str, Any] = dict(archive)
        arrays["action/positions"] = arrays["action/positions"] + 0.25
        with (folder / "parity.npz").open("wb") as file:
            np.savez_compressed(file, **arrays)
        manifest = manifest.replace(before, _sha256(folder / "parity.npz"))
    (folder / "manifest.toml").write_text(manifest, encoding="utf-8")
    return folder


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do `work` in a process that is gone before its `step`-th change of the disk, as if killed; return whether it got to the end.

    Nothing of its own is run at that moment, no `finally` either.
    """
    pid = os.fork()
    if pid == 0:
        try:
            _arm(step)
            work()
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in {0, KILLED}:
        raise RuntimeError(f"killed at step {step}, the work ended by itself with {code}")
    return code == 0


def _arm(step: int) -> None:
    left = step

    def armed(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                os._exit(KILLED)
            return call(*arguments, **options)

        return counted

    for name in _STEPS:
        setattr(os, name, armed(getattr(os, name)))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
