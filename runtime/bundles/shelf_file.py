"""shelf.toml: which bundle is in charge, and which one was before it; both in one file, so that one rename switches both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from interfaces.durable import sync_folder, write_whole
from interfaces.errors import BundleError, ConfigError
from interfaces.toml_loader import parse_toml, require
from interfaces.toml_writer import to_toml
from interfaces.trusted_path import Trust, read_trusted

FORMAT = 1
SHELF_FILE = "shelf.toml"
_SIZE_MAX_BYTES = 10_000
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")


def is_plain(name: str) -> bool:
    """Return whether a name may be that of a folder on the shelf."""
    return _PLAIN.fullmatch(name) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A bundle that was put in charge, and what its trial is called."""

    folder: str  # its name on the shelf
    trial: str  # trials/<trial>.toml tells how it does; a new one with every activation
    proven: bool = (
        False  # it was in charge before there was a shelf: it has passed, unless its trial says that it failed
    )

    def __post_init__(self) -> None:
        """Check that both are names, not paths."""
        require(is_plain(self.folder), "folder", self.folder, "the name of a folder on the shelf")
        require(is_plain(self.trial), "trial", self.trial, "the name of a trial")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Who is in charge, and who was."""

    format: int = FORMAT
    active: Entry
    previous: Entry | None = None

    def __post_init__(self) -> None:
        """Check the format, and that they are two."""
        require(self.format == FORMAT, "format", self.format, f"{FORMAT}, the format this version of forerun reads")
        two = self.previous is None or self.previous.folder != self.active.folder
        require(two, "previous.folder", self.active.folder, "another bundle than the active one")


def bundles_of(state: Path) -> Path:
    """Return the folder of bundles of a robot's state folder."""
    return state / "bundles"


def read_shelf(state: Path) -> Shelf | None:
    """Return who is in charge; None where nobody was ever put in charge.

    Raises BundleError where the file cannot be read, is not this user's or root's own, or says what cannot be. No power cut does
    that: a disk that fails, or a person.
    """
    path = bundles_of(state) / SHELF_FILE
    try:
        data = read_trusted(path, Trust(root=state), _SIZE_MAX_BYTES)
        return parse_toml(data.decode(), Shelf, str(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BundleError(f"{path}: {error.strerror}") from error
    except (ConfigError, UnicodeDecodeError) as error:
        raise BundleError(f"{error}; forerun bundle activate NAME writes a new one ({path})") from error


def write_shelf(state: Path, shelf: Shelf) -> None:
    """Switch: active and previous with one rename. Raises OSError, and then all is as before."""
    folder = bundles_of(state)
    sync_folder(folder)  # the bundles that are named must be on the disk before their names in here are
    write_whole(folder / SHELF_FILE, to_toml(shelf).encode())
