"""Replay a flight record: tell the command stage everything again that it was told then, and compare its commands, bit by bit.

With --bundle the inference is run again, too. With --robot another robot file's limits are tried on what was measured then.
Exit status: 0 where nothing differs by more than the limit, 1 where something does or nothing could be compared.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from forerun.progress import followed, progress
from interfaces.errors import RefusedError

if TYPE_CHECKING:
    from runtime.flight.record import FlightRecord
    from runtime.flight.replay import Difference, ReplayResult
    from runtime.flight.replay_inference import GraphReplay


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("record", type=Path, help="a flight record: one .mcap file, or a folder of them")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER", help="run the inference of this bundle again, too")
    parser.add_argument(
        "--robot", type=Path, metavar="ROBOT.toml", help="limits of this file instead of the recorded one"
    )
    parser.add_argument(
        "--limit-rad", type=float, default=1e-9, metavar="RAD", help="a difference up to this is none; default 1e-9"
    )
    parser.add_argument("--show", type=int, default=20, metavar="N", help="list the first N differences; default 20")


def run(arguments: argparse.Namespace) -> int:
    """Replay, and print what differs."""
    from interfaces.robot_config import load_robot
    from runtime.flight.reader import read_flight
    from runtime.flight.replay import replay

    record = read_flight(arguments.record, progress("reading"))
    config = record.robot if arguments.robot is None else load_robot(arguments.robot)
    if config.arm.joint_names != record.robot.arm.joint_names:
        names = ", ".join(record.robot.arm.joint_names)
        raise RefusedError(f"{arguments.robot}: moves {', '.join(config.arm.joint_names)}; the record is of {names}")
    result = replay(
        followed(record.cycles, "deciding again"), config, limit_rad=arguments.limit_rad, keep=arguments.show
    )
    _print_commands(record, result, arguments.robot)
    graphs = _graphs(record, arguments.bundle)
    for graph in graphs:
        _print_graph(graph)
    same = result.same and all(graph.same for graph in graphs)
    print("same" if same else "DIFFERENT")
    return 0 if same else 1


def _graphs(record: FlightRecord, bundle_folder: Path | None) -> list[GraphReplay]:
    if bundle_folder is None:
        return []
    from runtime.flight.replay_inference import replay_action, replay_foresight
    from runtime.policy.bundle import open_bundle

    bundle = open_bundle(bundle_folder, record.robot)
    return [
        replay_action(record, bundle, progress("acting again")),
        replay_foresight(record, bundle, progress("foreseeing again")),
    ]


def _print_commands(record: FlightRecord, result: ReplayResult, robot: Path | None) -> None:
    for note in record.notes:
        print(f"note: {note}")
    whose = "the recorded robot file" if robot is None else str(robot)
    print(f"{record.robot.name}, {len(record.files)} file(s), {result.cycles} cycles, replayed with {whose}")
    print(f"commands: {result.compared} compared, {result.identical} bit-identical, {result.different} cycles differ")
    for why, count in result.not_compared:
        print(f"  {count} not compared: {why}")
    for gap in result.gaps:
        print(f"  gap after cycle {gap.after}: {gap.missing} missing")
    if result.compared:
        print(f"largest difference, limit {result.limit_rad:g} rad:")
        for name, off_rad in zip(result.joint_names, result.largest_rad, strict=True):
            print(f"  {name:<16}{off_rad:.3g} rad")
    if result.first:
        _print_differences(record, result.first)


def _print_differences(record: FlightRecord, differences: tuple[Difference, ...]) -> None:
    t_start_ns = record.cycles[0].t_woke_ns
    print(f"first differences:\n  {'cycle':>9}  {'time':>10}  {'what':<16}{'recorded':>16}{'replayed':>16}  off")
    for one in differences:
        time_s = (one.t_ns - t_start_ns) * 1e-9
        off = "" if one.off_rad != one.off_rad else f"{one.off_rad:.3g} rad"
        print(f"  {one.sequence:>9}  {time_s:>8.3f} s  {one.what:<16}{one.recorded:>16}{one.replayed:>16}  {off}")


def _print_graph(graph: GraphReplay) -> None:
    verdict = ", which says little: its pictures are jpeg" if graph.lossy else ""
    print(
        f"{graph.graph} graph: {graph.runs} runs, {graph.compared} compared, {graph.identical} bit-identical;"
        f" largest difference {graph.largest_ratio:.3g} of the bundle's parity limit, {graph.beyond} beyond it{verdict}"
    )
    for why, count in graph.not_compared:
        print(f"  {count} not compared: {why}")
