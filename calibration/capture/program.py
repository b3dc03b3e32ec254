"""Frames and joint states all over the workspace, for quantisation during export.

The arm goes by itself from pose to pose, slowly, where the robot file's [chain] says that it is clear of the table; or a person
moves it limp (--by-hand). A picture is kept where the joints are far enough from all that is kept already. Ctrl-C keeps what is
there, and the same command goes on with it.

Steps asked of the operator: "clear-table" (wait) and "arm-moves" (confirm), or "support-arm" (wait) and "show-arm" (watch).
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Generator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from calibration.capture.balance import Balance
from calibration.capture.by_hand import HandShow
from calibration.capture.by_itself import SelfShow
from calibration.capture.collector import Collector
from calibration.capture.folder import CaptureFolder
from calibration.capture.picture import draw_coverage
from calibration.capture.room import Room
from calibration.capture.tables import coverage_table
from calibration.geometry.chain import Chain, chain_of
from calibration.records.header import tool_version
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from drivers.camera import Camera
from interfaces.calibration.camera import HandEyeRecord
from interfaces.camera_config import CameraConfig
from interfaces.capture_file import FORMAT, CaptureCamera, CaptureFacts
from interfaces.errors import RefusedError

DEFAULT_FRAMES = 400
DEFAULT_CLEARANCE_M = 0.04
COVERED_MIN_RATIO = 0.6  # of each joint's range
PASSED, FAILED = 0, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--frames", type=int, default=DEFAULT_FRAMES, help="samples, each one picture a camera")
    parser.add_argument("--out", type=Path, help="folder to write; default capture/ beside the records")
    parser.add_argument("--camera", action="append", help="only this camera; may be given several times")
    parser.add_argument("--by-hand", action="store_true", help="a person moves the limp arm")
    parser.add_argument("--png", action="store_true", help="pictures without any loss, five times as large")
    parser.add_argument(
        "--table-z", type=float, default=0.0, metavar="M", help="height of the table over the base's frame"
    )
    parser.add_argument("--clearance", type=float, default=DEFAULT_CLEARANCE_M, metavar="M", help="kept from the table")
    parser.add_argument(
        "--ceiling", type=float, metavar="M", help="fingers no higher over the table; default 0.6 of the arm's reach"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the poses")


def run(workplace: Workplace, arguments: argparse.Namespace) -> int:
    """Capture; returns 0, or 1 where there are fewer samples than wanted or a joint's range is hardly covered."""
    if arguments.frames < 1:
        raise RefusedError(f"--frames {arguments.frames}: 1 or more")
    chain = None if workplace.robot.chain is None else chain_of(workplace.robot)
    room = None if arguments.by_hand else _room(workplace, chain, arguments)
    configs = _cameras(workplace, arguments.camera)
    with _opened(workplace, configs) as cameras:
        facts = _facts(workplace, cameras, configs, arguments)
        folder = CaptureFolder(arguments.out or workplace.records / "capture", facts)
        balance = Balance(workplace.robot.arm, folder.facts.wanted, folder.positions_before_rad)
        if folder.n_before:
            workplace.operator.say(f"Going on with {folder.folder}: {folder.n_before} samples are there.")
        collector = Collector(cameras, configs, workplace.clock, balance, folder)
        try:
            if not balance.is_complete and not _show(workplace, collector, room, arguments.seed + folder.n_before):
                return FAILED
        finally:
            collector.write_all()
            _draw(workplace, folder, balance, chain)
    return _judged(workplace, folder, balance)


def _show(workplace: Workplace, collector: Collector, room: Room | None, seed: int) -> bool:
    """Let the arm be shown; return whether the operator let it."""
    operator = workplace.operator
    if room is not None:
        operator.wait(
            "clear-table",
            "Take everything off the table that the arm could touch; leave what it works with out of reach.",
        )
        question = "The arm will move by itself all over its workspace, slowly, for some minutes. Hands away: may it?"
        if not operator.confirm("arm-moves", question, default=True):
            operator.say("Nothing was moved. --by-hand lets you move it yourself.")
            return False
    with workplace.arm_session() as session:
        if room is None:
            HandShow(workplace, session, collector).run()
        else:
            SelfShow(session, collector, room, operator, np.random.default_rng(seed)).run()
    return True


def _room(workplace: Workplace, chain: Chain | None, arguments: argparse.Namespace) -> Room:
    if chain is None:
        raise RefusedError(
            f"robot {workplace.robot.name} has no table [chain], so nobody knows where its hand is: the arm does not move by"
            " itself. Move it with --by-hand, or add the table (docs/calibration.md)"
        )
    store = RecordStore(workplace.records)
    known = [store.current("hand_eye", camera.name) for camera in workplace.robot.cameras]
    beside = [
        record.parent_from_camera.translation_m
        for record in known
        if isinstance(record, HandEyeRecord) and record.mounting == "eye_to_hand"
    ]
    return Room(
        chain=chain,
        table_z_m=arguments.table_z,
        clearance_m=arguments.clearance,
        ceiling_m=arguments.ceiling,
        cameras_m=np.array(beside, np.float64).reshape(-1, 3),
    )


def _cameras(workplace: Workplace, names: list[str] | None) -> list[CameraConfig]:
    if not workplace.robot.cameras:
        raise RefusedError(f"robot {workplace.robot.name} has no camera")
    return [workplace.camera_config(name) for name in names] if names else list(workplace.robot.cameras)


@contextlib.contextmanager
def _opened(workplace: Workplace, configs: list[CameraConfig]) -> Generator[list[Camera], None, None]:
    with contextlib.ExitStack() as opened:
        cameras: list[Camera] = []
        for config in configs:
            camera = workplace.make_camera(config)
            opened.callback(camera.close)
            camera.open()
            cameras.append(camera)
        yield cameras


def _facts(
    workplace: Workplace, cameras: list[Camera], configs: list[CameraConfig], arguments: argparse.Namespace
) -> CaptureFacts:
    told = [camera.facts() for camera in cameras]
    return CaptureFacts(
        format=FORMAT,
        robot=workplace.robot.name,
        joints=workplace.robot.arm.joint_names,
        pictures="png" if arguments.png else "jpeg",
        wanted=arguments.frames,
        operator=workplace.operator.name,
        created=datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        tool_version=tool_version(),
        cameras=tuple(
            CaptureCamera(
                name=config.name,
                width_px=config.width_px,
                height_px=config.height_px,
                model=each.model,
                serial=each.serial,
            )
            for config, each in zip(configs, told, strict=True)
        ),
    )


def _draw(workplace: Workplace, folder: CaptureFolder, balance: Balance, chain: Chain | None) -> None:
    path = draw_coverage(workplace.pictures / "capture-coverage.png", folder.read(), balance, chain)
    workplace.operator.say(f"{folder.n_samples} samples in {folder.folder}; where they lie: {path}")


def _judged(workplace: Workplace, folder: CaptureFolder, balance: Balance) -> int:
    operator, names = workplace.operator, workplace.robot.arm.joint_names
    operator.say(coverage_table(names, balance))
    covered = balance.coverage().covered_ratio
    poor = [f"{name} {ratio:.0%}" for name, ratio in zip(names, covered, strict=True) if ratio < COVERED_MIN_RATIO]
    missing = folder.facts.wanted - folder.n_samples
    if missing > 0:
        operator.say(f"[red]{missing} samples are missing[/]: the same command goes on with what is there.")
    if poor:
        operator.say(
            f"[red]Hardly covered[/]: {', '.join(poor)} of the joint's range; expected {COVERED_MIN_RATIO:.0%} or more."
        )
    return FAILED if missing > 0 or poor else PASSED
