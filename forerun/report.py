"""Report a flight: one HTML page with its timing, ages, tracking, states, and the worst moments with their pictures.

The page needs nothing else: open it from the disk, or send it to somebody. Needs matplotlib: install forerun[report].
"""

from __future__ import annotations

import argparse
from pathlib import Path

from forerun.missing_package import named_where_missing
from forerun.progress import progress
from interfaces.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("record", type=Path, help="a flight record: one .mcap file, or a folder of them")
    parser.add_argument("--out", type=Path, default=Path("report.html"), metavar="FILE", help="default report.html")


def run(arguments: argparse.Namespace) -> int:
    """Read, draw, and write the page."""
    from runtime.flight.reader import read_flight

    with named_where_missing():
        from bench.flight_report.report import report
    record = read_flight(arguments.record, progress("reading"))
    html = report(record, progress("drawing"))
    try:
        arguments.out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(arguments.out), "--out", error.strerror, "a file that can be written") from error
    for note in record.notes:
        print(f"note: {note}")
    print(f"{arguments.out}: {len(record.cycles)} cycles, {len(html) / 1e6:.1f} MB; open it in a browser")
    return 0
