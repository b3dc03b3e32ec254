"""Users and groups of a machine, out of its passwd and group files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.doctor.reading import lines, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Who there is."""

    users: dict[str, tuple[int, int]]  # name -> user id, id of the first group
    groups: dict[str, tuple[int, frozenset[str]]]  # name -> group id, members

    def name_of(self, gid: int) -> str:
        """Return the name of a group; its number where it has none."""
        return next((name for name, (known, _) in self.groups.items() if known == gid), str(gid))

    def groups_of(self, user: str) -> set[str]:
        """Return the names of the groups that a user is in."""
        first = self.users[user][1] if user in self.users else None
        return {name for name, (gid, members) in self.groups.items() if user in members or gid == first}

    def user_of(self, uid: int) -> str:
        """Return the name of a user; their number where they have none."""
        return next((name for name, (known, _) in self.users.items() if known == uid), str(uid))


def read_accounts(root: Path) -> Accounts:
    """Return what is told below `root`."""
    users: dict[str, tuple[int, int]] = {}
    for line in lines(root / "etc/passwd"):
        fields = line.split(":")
        uid, gid = (whole(field) for field in (*fields, "", "", "", "")[2:4])
        if uid is not None and gid is not None:
            users[fields[0]] = (uid, gid)
    groups: dict[str, tuple[int, frozenset[str]]] = {}
    for line in lines(root / "etc/group"):
        fields = line.split(":")
        gid = whole((*fields, "", "", "")[2])
        if gid is not None:
            groups[fields[0]] = (gid, frozenset(filter(None, (*fields, "", "", "", "")[3].split(","))))
    return Accounts(users=users, groups=groups)
