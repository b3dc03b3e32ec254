"""Disks, judged: facts in, checks out. The limits stand here, each with its reason."""

from __future__ import annotations

from bench.doctor.check import Check, Verdict, at_least, at_most, good_if, unreadable
from bench.doctor.disk import DiskFacts, Place
from interfaces.robot_config import RecordConfig

# A bundle of the paper's size has 2.7 GB of graphs; beside it the one before is kept. Small ones have tens of MB.
_BUNDLE_GOOD_MB, _BUNDLE_WEAK_MB = 6000.0, 500.0

_INODES_GOOD_RATIO, _INODES_WEAK_RATIO = 0.1, 0.01

# systemd's own bound is a tenth of the disk, 4 GB at most: on a small disk that is room for hours of records.
_JOURNAL_GOOD_MB, _JOURNAL_WEAK_MB = 1000.0, 4000.0


def disk_checks(facts: DiskFacts, record: RecordConfig | None, *, installed: bool) -> list[Check]:
    """Return the checks for a robot that keeps records as `record` says."""
    places = [place for place in (facts.records, facts.bundles, facts.system) if place is not None]
    found = [_read_only(places)]
    if record is not None:
        found.append(_records(facts, record))
    found += [_bundles(facts), _inodes(places), _kind(facts)]
    return [*found, _journal(facts)] if installed else found


def _read_only(places: list[Place]) -> Check:
    name, limit = "disk takes data", "the file systems of records, bundles and system are not read-only"
    if not places:
        return unreadable(name, limit)
    closed = sorted({str(place.path) for place in places if place.read_only})
    return Check(
        name=name,
        value=f"read-only: {', '.join(closed)}" if closed else "yes",
        limit=limit,
        verdict=good_if(not closed, Verdict.BAD),
        remedy="after errors the kernel closes a disk: `dmesg | grep -i -e ext4 -e i/o`, `sudo fsck`, and another disk if it fails",
    )


def _records(facts: DiskFacts, record: RecordConfig) -> Check:
    name, limit = "room for flight records", f"{record.size_max_mb:.0f} MB, record.size_max_mb, with what is there"
    if facts.records is None:
        return unreadable(name, limit)
    room_mb = facts.records.free_mb + facts.records_mb
    return Check(
        name=name,
        value=f"{facts.records.free_mb:.0f} MB free, {facts.records_mb:.0f} MB of records, at {facts.records.path}",
        limit=limit,
        verdict=at_least(room_mb, record.size_max_mb, 2 * record.segment_mb),
        remedy="`sudo apt clean; sudo journalctl --vacuum-size=500M`, a larger disk, or a smaller record.size_max_mb",
        figures={"free_mb": facts.records.free_mb, "records_mb": facts.records_mb},
    )


def _bundles(facts: DiskFacts) -> Check:
    name, limit = "room for a new bundle", f"{_BUNDLE_GOOD_MB:.0f} MB free"
    if facts.bundles is None:
        return unreadable(name, limit)
    return Check(
        name=name,
        value=f"{facts.bundles.free_mb:.0f} MB free, at {facts.bundles.path}",
        limit=limit,
        verdict=at_least(facts.bundles.free_mb, _BUNDLE_GOOD_MB, _BUNDLE_WEAK_MB),
        remedy="`forerun bundle list` shows those that are kept; `sudo apt clean`, or a larger disk",
        figures={"free_mb": facts.bundles.free_mb},
    )


def _inodes(places: list[Place]) -> Check:
    name, limit = "inodes", f"{_INODES_GOOD_RATIO:.0%} free or more"
    ratios = [(place.inodes_free_ratio, place.path) for place in places if place.inodes_free_ratio is not None]
    if not ratios:
        return unreadable(name, limit)
    ratio, path = min(ratios)
    return Check(
        name=name,
        value=f"{ratio:.0%} free at {path}",
        limit=limit,
        verdict=at_least(ratio, _INODES_GOOD_RATIO, _INODES_WEAK_RATIO),
        remedy=f"some folder holds very many small files: `sudo du --inodes -x {path} | sort -n | tail`",
        figures={"free_ratio": ratio},
    )


def _kind(facts: DiskFacts) -> Check:
    name, limit = "kind of disk", "NVMe, or another that is no SD card"
    if facts.records is None or not facts.records.disk_kind:
        return unreadable(name, limit)
    kind = facts.records.disk_kind
    return Check(
        name=name,
        value=f"records go to {kind}" + (f" ({facts.records.disk})" if facts.records.disk else ""),
        limit=limit,
        verdict=good_if(kind not in {"SD card", "network"}),
        remedy="an SD card stands still for seconds and wears out, a network fails: have the system, or record.folder, on NVMe",
    )


def _journal(facts: DiskFacts) -> Check:
    name, limit = "size of the journal", f"{_JOURNAL_GOOD_MB:.0f} MB at most, and kept over a restart"
    if facts.journal_mb is None:
        return Check(
            name=name,
            value="lost at every restart",
            limit=limit,
            verdict=Verdict.WEAK,
            remedy="`sudo mkdir -p /var/log/journal; sudo systemctl restart systemd-journald`",
        )
    return Check(
        name=name,
        value=f"{facts.journal_mb:.0f} MB",
        limit=limit,
        verdict=at_most(facts.journal_mb, _JOURNAL_GOOD_MB, _JOURNAL_WEAK_MB),
        remedy="`sudo journalctl --vacuum-size=500M`; for good, SystemMaxUse=500M in /etc/systemd/journald.conf",
        figures={"journal_mb": facts.journal_mb},
    )
