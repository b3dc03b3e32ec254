"""Writing the machine's files: each in one step, nothing twice, and what was written earlier and is needed no more is removed.

Which files are ours is noted in /var/lib/forerun/machine-files, a path a line, before anything is written: whenever this is cut
off, the next run knows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from interfaces.durable import write_whole
from interfaces.installed import Installation
from provision.machine_file import MachineFile

_ADAPTER = "adapter "


@dataclass(frozen=True, slots=True)
class Change:
    """What is done about one file: "new", "changed" or "removed"."""

    what: str
    path: Path  # as the robot sees it


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What the list says: the files of earlier runs, and the adapter that was named then."""

    paths: tuple[Path, ...] = ()
    adapter: str | None = None


def read_noted(root: Path) -> Noted:
    """Return what earlier runs wrote below `root`."""
    try:
        lines = _list_file(root).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return Noted()
    adapters = [line.removeprefix(_ADAPTER) for line in lines if line.startswith(_ADAPTER)]
    return Noted(
        paths=tuple(Path(line) for line in lines if line.startswith("/")), adapter=adapters[0] if adapters else None
    )


def pending(files: Sequence[MachineFile], root: Path) -> tuple[Change, ...]:
    """Return what `write` would do."""
    changes = [Change(what, file.path) for file in files if (what := _difference(file, root))]
    wanted = {file.path for file in files}
    changes += [
        Change("removed", path) for path in read_noted(root).paths if path not in wanted and below(root, path).exists()
    ]
    return tuple(changes)


def write(files: Sequence[MachineFile], root: Path, adapter: str | None = None) -> tuple[Change, ...]:
    """Bring the files below `root` to what they should be, and return what was done; raises OSError where that cannot be."""
    changes = pending(files, root)
    wanted = [file.path for file in files]
    earlier = [path for path in read_noted(root).paths if path not in wanted]
    _note([*wanted, *earlier], adapter, root)
    for file in files:
        if _difference(file, root):
            _put(below(root, file.path), file.text, file.mode)
    for path in earlier:
        below(root, path).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others have drop-ins there, too
            if path.parent.name.endswith(".d") and path.parent.parent.name == "system":
                below(root, path).parent.rmdir()
    _note(wanted, adapter, root)
    return changes


def below(root: Path, path: Path) -> Path:
    """Return where `path` of the robot lies in a tree at `root`."""
    return root / path.relative_to("/")


def _difference(file: MachineFile, root: Path) -> str:
    target = below(root, file.path)
    try:
        same = target.read_text(encoding="utf-8") == file.text and target.stat().st_mode & 0o7777 == file.mode
    except FileNotFoundError:
        return "new"
    except UnicodeDecodeError:
        return "changed"
    return "" if same else "changed"


def _list_file(root: Path) -> Path:
    return Installation(root).state / "machine-files"


def _note(paths: Sequence[Path], adapter: str | None, root: Path) -> None:
    lines = ["# Files that `python -m provision` made from the robot file.", *map(str, paths)]
    if adapter:
        lines.append(_ADAPTER + adapter)
    text = "\n".join(lines) + "\n"
    target = _list_file(root)
    if not target.exists() or target.read_text(encoding="utf-8") != text:
        _put(target, text, 0o644)


def _put(target: Path, text: str, mode: int) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, text.encode(), mode)
