"""What install.sh put on this machine, judged: facts in, checks out."""

from __future__ import annotations

from bench.doctor.check import Check, Verdict, good_if, unreadable
from bench.doctor.installed_files import InstalledFacts, Link, Owned

_FOLDER_MODE, _SOCKET_MODE = 0o750, 0o660


def installed_checks(facts: InstalledFacts) -> list[Check]:
    """Return the checks of an installation."""
    return [
        _current(facts.current), _robot_file(facts), *map(_owned, facts.owned), _sockets(facts), _listening(facts),
        _previous(facts.previous),
    ]  # fmt: skip


def _current(link: Link) -> Check:
    broken = f"{link.target}, which is no whole version" if link.there else "/opt/forerun/current is not there"
    return Check(
        name="version that runs",
        value=link.version if link.whole else broken,
        limit="/opt/forerun/current leads to a whole version",
        verdict=good_if(link.whole, Verdict.BAD),
        remedy="`sudo ./install.sh install`",
    )


def _previous(link: Link) -> Check:
    return Check(
        name="version before",
        value=link.version if link.whole else link.target or "none yet",
        limit="whole, or none yet",
        verdict=good_if(link.whole or not link.there),
        remedy="there is nothing to fall back to: `sudo ./install.sh upgrade` makes the present one the previous",
    )


def _robot_file(facts: InstalledFacts) -> Check:
    return Check(
        name="robot of the service",
        value="/etc/forerun/robot.toml" if facts.robot_file else "there is no /etc/forerun/robot.toml",
        limit="/etc/forerun/robot.toml is there",
        verdict=good_if(facts.robot_file, Verdict.BAD),
        remedy="`forerun devices --write robot.toml`, then `sudo cp robot.toml /etc/forerun/`",
    )


def _owned(tree: Owned) -> Check:
    more = f" and {tree.count - len(tree.offenders)} more" if tree.count > len(tree.offenders) else ""
    name, limit = f"who may write: {tree.what}", "root alone"
    if tree.unreadable and not tree.count:
        return unreadable(name, limit, f"{tree.unreadable} folders are not for this user's eyes: ask as root")
    return Check(
        name=name,
        value=f"others may write {', '.join(tree.offenders)}{more}" if tree.count else "root alone",
        limit=limit,
        verdict=good_if(tree.count == 0, Verdict.BAD),
        remedy=f"who wrote it? Then `sudo chown -R root:root {' '.join(tree.offenders)}; sudo chmod -R go-w {' '.join(tree.offenders)}`",
        figures={"offenders": float(tree.count)},
    )


def _sockets(facts: InstalledFacts) -> Check:
    name = "who may reach the sockets"
    limit = f"the service and its group: folder {_FOLDER_MODE:o}, sockets {_SOCKET_MODE:o} at most"
    if facts.run_mode is None:
        return unreadable(name, limit, "/run/forerun is not there, or not for this user's eyes")
    open_ones = [f"{entry} {mode:o}" for entry, mode in facts.sockets.items() if mode & ~_SOCKET_MODE & 0o777]
    wide = [f"/run/forerun {facts.run_mode:o}"] if facts.run_mode & ~_FOLDER_MODE & 0o777 else []
    return Check(
        name=name,
        value=", ".join([*wide, *open_ones]) or "the service and its group",
        limit=limit,
        verdict=good_if(not (wide or open_ones), Verdict.BAD if wide and open_ones else Verdict.WEAK),
        remedy="`sudo systemd-tmpfiles --create; sudo forerun stop; sudo forerun start`",
    )


def _listening(facts: InstalledFacts) -> Check:
    name, limit = "ports open to the network", "none: we listen on this machine only"
    if facts.listeners is None:
        return unreadable(name, limit)
    shown = [f"{listener.address} port {listener.port}" for listener in facts.listeners]
    return Check(
        name=name,
        value=", ".join(shown) or "none",
        limit=limit,
        verdict=good_if(not shown, Verdict.BAD),
        remedy=f"which process is it? `sudo ss -tlnp`; end it, and reach the page by `ssh -L` instead ({len(shown)} ports)",
        figures={"ports": float(len(shown))},
    )
