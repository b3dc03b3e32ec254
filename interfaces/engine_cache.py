"""Where engines are kept, and which of them are believed: those with a record of ours beside them, unchanged, for this very board.

    <cache>/<key>/record.toml            written last, in one step: without it the plans beside it are never opened
    <cache>/<key>/foresight-<hash>.plan  an engine as TensorRT serialises it
    <cache>/<key>/action-<hash>.plan

On an installed robot the cache is root's (/var/cache/forerun/engines): deserialising a plan is running native code, so only who may
change the robot's programs may write there. A person without root has one of their own, ~/.cache/forerun/engines, mode 0700, which only
their own processes read: another user's plans are refused by their owner (interfaces/trusted_path.py).

The build settings are in the record, not in the name: the runtime cannot know them, and must find one answer and not several.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from interfaces.bundle_manifest import BundleManifest
from interfaces.engine_record import RECORD_FILE, EngineKey, EngineRecord, Plan, parse_record
from interfaces.errors import BundleError
from interfaces.graph_contract import ACTION_GRAPH, FORESIGHT_GRAPH, specs_of
from interfaces.installed import Installation
from interfaces.trusted_path import Trust, read_trusted

OWN_CACHE = ".cache/forerun/engines"  # below a person's home
_RECORD_MAX_BYTES = 1_000_000  # it has ten kB


def cache_folder(installation: Installation | None = None, home: Path | None = None) -> Path:
    """Return the cache that this user builds into: the robot's for root, else their own."""
    if os.geteuid() == 0:
        return (installation or Installation()).engines
    return (home or Path.home()) / OWN_CACHE


def cache_folders(installation: Installation | None = None, home: Path | None = None) -> tuple[Path, ...]:
    """Return the caches that this user's engines may lie in, nearest first; one's own only where there is one.

    A service has no home to look into: systemd hides it.
    """
    robots = (installation or Installation()).engines
    try:
        own = cache_folder(installation, home)
        return (own, robots) if own != robots and own.is_dir() else (robots,)
    except (OSError, RuntimeError):  # not for its eyes, or nowhere
        return (robots,)


@dataclass(frozen=True, slots=True)
class Entry:
    """The two engines of one bundle on this board."""

    folder: Path
    record: EngineRecord

    def plan(self, graph: str) -> Plan:
        """Return what the record says of a graph's engine."""
        return {FORESIGHT_GRAPH: self.record.foresight, ACTION_GRAPH: self.record.action}[graph]

    def read_plan(self, graph: str) -> bytes:
        """Return the engine of a graph, as it was hashed; raises BundleError when it is not the one that was built here."""
        plan = self.plan(graph)
        path = self.folder / plan.file
        try:
            data = read_trusted(path, Trust(root=self.folder.parent), plan.size_bytes)
        except OSError as error:
            raise BundleError(f"{path}: {error.strerror}; {_ANEW}") from error
        if len(data) != plan.size_bytes:
            raise BundleError(f"{path}: {len(data)} bytes; its record says {plan.size_bytes}; {_ANEW}")
        found = hashlib.sha256(data).hexdigest()
        if found != plan.sha256.lower():
            raise BundleError(f"{path}: its sha256 is {found}; its record says {plan.sha256}; {_ANEW}")
        return data


_ANEW = "it is not opened; `forerun build --rebuild` builds it anew"


@dataclass(frozen=True, slots=True)
class EngineCache:
    """A folder of engines."""

    folder: Path

    def find(self, key: EngineKey, manifest: BundleManifest) -> Entry | None:
        """Return the engines of a bundle for `key`; None where none were built.

        Raises BundleError or ConfigError where there is an entry that is not to be believed: others may write it, it is damaged, was
        written by a newer forerun, is another board's or version's under this one's name, or its tensors are not the bundle's.
        """
        entry = self.read(key.name)
        if entry is None:
            return None
        if entry.record.key != key:
            raise BundleError(f"{entry.folder}: its record is that of {_difference(entry.record.key, key)}; {_ANEW}")
        for graph, spec in specs_of(manifest).items():
            if entry.plan(graph).spec != spec:
                raise BundleError(
                    f"{entry.folder}: the tensors of its {graph} engine are not those of bundle {manifest.name}; {_ANEW}"
                )
        return entry

    def read(self, name: str) -> Entry | None:
        """Return the entry in the folder `name`, whatever it is for; None where it has no record. Raises as `find`."""
        folder = self.folder / name
        path = folder / RECORD_FILE
        try:
            data = read_trusted(path, Trust(root=self.folder), _RECORD_MAX_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise BundleError(f"{path}: {error.strerror}") from error
        return Entry(folder, parse_record(data, str(path)))


def _difference(has: EngineKey, wanted: EngineKey) -> str:
    if has.tensorrt != wanted.tensorrt:
        return f"TensorRT {has.tensorrt}, and this is {wanted.tensorrt}"
    if has.board != wanted.board:
        return f"another board ({has.board}), and this is {wanted.board}"
    return "other graphs"
