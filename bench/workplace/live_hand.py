"""A hand for the simulated robot in real time: leads the limp arm of `forerun world` through what a calibration asks for.

    python -m bench.workplace.live_hand RUN_FOLDER sweep hold-pose wander

With it a calibration program runs against the simulated robot in another process, over its port and camera, and nobody has to
sit beside it. RUN_FOLDER is where `forerun world` runs. Steps, in the order given:

    sweep      every joint to both stops, one after the other
    positive   every joint to its positive side, one after the other
    hold-pose  to all joints' zero; --pose for another, in rad
    wander     from pose to pose, for --seconds
    show-board waves the board of calibration/board before the camera in front, for --seconds
    board-away takes it away
    let-go     lets go

The board's picture must be known to the world when it starts: `picture` in the truth's table [board]; `--write-board FILE` before
that writes it.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from bench.workplace.board_places import between, shown_boards
from bench.workplace.simulated_operator import (
    AT_STOP_TICKS,
    BEYOND_RAD,
    MOVE_TICKS,
    POSITIVE_RATIO,
    SHOW_TICKS,
    STANCE_RAD,
    STANCES_RAD,
    TICK_NS,
)
from bench.workplace.simulated_workplace import PX_PER_SQUARE
from calibration.board.board import BoardSpec, board_picture
from interfaces.errors import ForerunError
from interfaces.request_socket import JsonObject, RequestClient
from sim.kinematics import Array, so101_kinematics
from sim.truth import DESIGNED_HEIGHT_PX, DESIGNED_WIDTH_PX, BoardPlace
from sim.world import World as SimulatedWorld
from sim.world_process import WORLD_SOCKET

TICK_S = TICK_NS * 1e-9
SETTLE_S = 0.6
N_JOINTS = 6


class World(Protocol):
    """What answers as the world's socket does."""

    def request(self, request: JsonObject) -> JsonObject:
        """Return the reply."""
        ...


class LiveHand:
    """The hand, by requests to the world's socket."""

    def __init__(self, world: World, pose_rad: Array, seconds: float, seed: int) -> None:
        """`pose_rad` (6,) is where hold-pose goes; `seconds` is how long it wanders."""
        self._world, self._pose_rad, self._seconds = world, pose_rad, seconds
        self.pause: Callable[[float], None] = time.sleep
        self._rng = np.random.default_rng(seed)
        self._limits_rad: Array = so101_kinematics().limits_rad
        self.steps: dict[str, Callable[[], Iterator[Array]]] = {
            "sweep": self._sweep,
            "positive": self._positive,
            "hold-pose": lambda: iter([self._pose_rad]),
            "wander": self._wander,
            "let-go": lambda: iter([np.full(N_JOINTS, np.nan)]),
            "show-board": self._show_board,
            "board-away": self._board_away,
        }

    def do(self, step: str) -> None:
        """Lead the arm through one step; returns once the hand is there."""
        for goal_rad in self.steps[step]():
            self._world.request({"hand": [None if np.isnan(angle) else float(angle) for angle in goal_rad]})
            while not self._world.request({"status": True})["hand"]:
                self.pause(TICK_S)
            self.pause(SETTLE_S)

    def _stances(self) -> Iterator[tuple[int, Array]]:
        for i_joint in range(N_JOINTS):
            yield i_joint, np.array(STANCES_RAD.get(i_joint, STANCE_RAD))

    def _sweep(self) -> Iterator[Array]:
        for i_joint, stance_rad in self._stances():
            yield stance_rad
            for stop_rad in (self._limits_rad[i_joint, 0] - BEYOND_RAD, self._limits_rad[i_joint, 1] + BEYOND_RAD):
                yield _with(stance_rad, i_joint, stop_rad)
                self.pause(AT_STOP_TICKS * TICK_S)
            yield stance_rad
        yield np.array(STANCE_RAD)

    def _positive(self) -> Iterator[Array]:
        for i_joint, stance_rad in self._stances():
            low_rad, high_rad = self._limits_rad[i_joint]
            yield stance_rad
            yield _with(stance_rad, i_joint, low_rad + POSITIVE_RATIO * (high_rad - low_rad))

    def _wander(self) -> Iterator[Array]:
        t_end_ns = time.monotonic_ns() + round(self._seconds * 1e9)
        while time.monotonic_ns() < t_end_ns:
            yield np.array(STANCE_RAD) + self._rng.uniform(-0.5, 0.5, N_JOINTS)

    def _show_board(self) -> Iterator[Array]:
        size_px = DESIGNED_WIDTH_PX, DESIGNED_HEIGHT_PX
        last = None
        n_shows = math.ceil(self._seconds / ((MOVE_TICKS + SHOW_TICKS) * TICK_S))
        places = shown_boards(BoardSpec(), SimulatedWorld().base_from_camera(), size_px, self._rng)
        for place in itertools.islice(places, n_shows):
            for k in range(1, MOVE_TICKS + 1):
                self._put(place if last is None else between(last, place, k / MOVE_TICKS))
                self.pause(TICK_S)
            self.pause(SHOW_TICKS * TICK_S)
            last = place
        yield from ()  # the arm is left alone

    def _board_away(self) -> Iterator[Array]:
        self._put(None)
        yield from ()

    def _put(self, place: BoardPlace | None) -> None:
        self._world.request({"board": None if place is None else asdict(place)})


def _with(pose_rad: Array, i_joint: int, angle_rad: float) -> Array:
    changed = pose_rad.copy()
    changed[i_joint] = angle_rad
    return changed


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where forerun world runs")
    parser.add_argument("steps", nargs="*", metavar="STEP", help="what to do, in order")
    parser.add_argument("--write-board", type=Path, metavar="FILE", help="write the board's picture, for the truth")
    parser.add_argument("--pose", type=float, nargs=N_JOINTS, default=[0.0] * N_JOINTS, help="rad, for hold-pose")
    parser.add_argument("--seconds", type=float, default=20.0, help="for wander; default 20")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.write_board:
        cv2.imwrite(str(arguments.write_board), board_picture(BoardSpec(), PX_PER_SQUARE))
    if not arguments.steps:
        return 0
    try:
        world = RequestClient(arguments.folder / WORLD_SOCKET)
        hand = LiveHand(world, np.array(arguments.pose), arguments.seconds, arguments.seed)
        for step in arguments.steps:
            if step not in hand.steps:
                parser.error(f"no step {step}; there are {', '.join(hand.steps)}")
            hand.do(step)
    except ForerunError as error:
        sys.stderr.write(f"hand: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
