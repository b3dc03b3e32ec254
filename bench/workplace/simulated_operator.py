"""The person beside a simulated robot: does by hand what a program asks for, and knows no more than a person would.

What is done goes by the step's name; each is a script of moves, one a tenth of a second:

    support-arm   takes the arm where it is, and carries it; let-go the same
    sweep         leads each joint to both stops, one after the other, with the other joints out of the way
    hold-pose     leads the arm to `reference_pose_rad`, and holds it there
    pose-arm      leads the arm to another pose from which the camera sees the board, and holds it there
    many-poses    goes on so from pose to pose
    place-board   puts the board where the truth has one; without one, on the table, or in the hand before a camera in front
    show-arm      leads the arm from pose to pose, anywhere over the table, for as long as it is asked to
    show-board    waves the board before the camera
    clear-table   takes the tasks' objects away
    direction-... turns the joint of that name to its positive side, well past its middle
    arm-moves     lets go of the arm
    move-arm      leads the arm to where it asks for, one place after the other; where it is watched, all over the workspace
    push-camera   pushes the camera back to where it was when the operator came

Any other is waited for, and nothing is done; `scripts[STEP] = ...` teaches another.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, RenderableType

from bench.workplace.board_places import between, board_in_hand, board_on_table, shown_boards
from bench.workplace.seeing_poses import SeeingPoses
from bench.workplace.simulated_time import SimulatedTime
from calibration.board.board import BoardSpec
from sim.robot_model import JOINT_NAMES
from sim.scene import CAMERA_NAME
from sim.world import World

TICK_NS = 100_000_000
PATIENCE_TICKS = 50  # so long it looks on with nothing left to do, before it says that it is done
HOLD_TICKS = 8  # beyond that, where it is to be photographed
SETTLE_TICKS = 6  # a hand that is there holds still for so long
MOVE_TICKS, SHOW_TICKS = 6, 8  # of the board: on its way, and held
BEYOND_RAD = 0.3  # a hand pushes on where it feels a stop
AT_STOP_TICKS = 6
INSIDE_RAD = 0.1  # of a joint's stops, where nobody leads an arm without need
OVER_TABLE_M = 0.06
ASIDE_RAD = (0.0, -0.7, 0.7)  # of the first joint: where the arm may stay, well to one side, well to the other
PUSH_TICKS = 30
POSITIVE_RATIO = 0.8  # of a joint's travel

# Out of the way of the table and of the arm itself; per joint where another stance is needed for its whole travel.
STANCE_RAD = (0.0, -1.3, 0.9, 0.0, 0.0, 0.3)
STANCES_RAD = {1: (0.0, -1.3, -1.62, 0.0, 0.0, 0.3), 2: (0.0, -1.5, 0.9, 0.0, 0.0, 0.3)}

Array = NDArray[np.float64]
Script = Callable[[], Iterator[None]]


class SimulatedOperator:
    """The Operator of calibration/session/person.py."""

    def __init__(
        self, world: World, clock: SimulatedTime, spec: BoardSpec, size_px: tuple[int, int], seed: int
    ) -> None:
        """Stand beside a world, with a board in the bag and the camera's picture on the screen."""
        self._world, self._clock, self._spec, self._size_px = world, clock, spec, size_px
        self._rng = np.random.default_rng((seed, 23))
        self._poses: SeeingPoses | None = None
        self._meanwhile: Callable[[], None] | None = None
        self._console = Console(width=100, record=True, file=io.StringIO())
        self.requests: list[tuple[str, str]] = []  # (step, what was asked), of every confirm, wait and watch
        self.answers: dict[str, bool] = {"let-go": True}  # by step, where it is not the default
        self.interrupt_at: int | None = None  # KeyboardInterrupt at this request, counted from 0
        self.interrupt_ticks = 0  # so many tenths of a second into it
        self.reference_pose_rad: Array = np.zeros(6)
        self.scripts: dict[str, Script] = {
            "support-arm": self._support,
            "sweep": self._sweep,
            "hold-pose": self._hold_pose,
            "pose-arm": self._pose_arm,
            "show-arm": self._show_arm,
            "many-poses": self._many_poses,
            "let-go": self._support,
            "place-board": self._place_board,
            "show-board": self._show_board,
            "clear-table": self._clear_table,
            "arm-moves": self._let_go,
            "move-arm": self._aside,
            "push-camera": self._push_camera,
            **{f"direction-{name}": partial(self._turn, i) for i, name in enumerate(JOINT_NAMES)},
        }

        self.watched_scripts: dict[str, Script] = {"move-arm": self._wander}  # instead, where a step is watched
        camera = world.model.camera(CAMERA_NAME)
        self._camera_then = camera.pos.copy(), camera.quat.copy()
        self._n_aside = 0

    @property
    def name(self) -> str:
        """Return who it is."""
        return "simulated operator"

    @property
    def said(self) -> str:
        """Return everything that was said, shown and asked so far, as text."""
        return self._console.export_text(clear=False)

    def say(self, text: RenderableType) -> None:
        """Hear it."""
        self._console.print(text)

    def confirm(self, step: str, question: str, *, default: bool) -> bool:
        """Do what the step is about, and answer."""
        self._ask(step, question)
        answer = self.answers.get(step, default)
        if answer:
            self._act(step)
        return answer

    def wait(self, step: str, instruction: str) -> None:
        """Do it."""
        self._ask(step, instruction)
        self._act(step)

    def watch(self, step: str, instruction: str, look: Callable[[], RenderableType], done: Callable[[], bool]) -> None:
        """Do it, until the program finds that it is done, or there has been nothing left to do for a while."""
        self._ask(step, instruction)
        script = self.watched_scripts[step]() if step in self.watched_scripts else self._script(step)
        idle_ticks = 0
        shown = look()
        while not done() and idle_ticks < PATIENCE_TICKS:
            idle_ticks += next(script, "at its end") is not None
            self._tick()
            shown = look()
        self._console.print(shown)

    def meanwhile(self, do: Callable[[], None] | None) -> None:
        """Remember what is to be done while it works."""
        self._meanwhile = do

    def progress(self, what: str, share: float) -> None:
        """See it."""
        if share >= 1.0:
            self._console.print(what)

    def _ask(self, step: str, text: str) -> None:
        self._console.print(f"{text} [{step}]", markup=False)
        self.requests.append((step, text))
        if self.interrupt_at == len(self.requests) - 1:
            script = self._script(step)
            for _ in range(self.interrupt_ticks):
                next(script, None)
                self._tick()
            raise KeyboardInterrupt

    def _script(self, step: str) -> Iterator[None]:
        script = self.scripts.get(step)
        return iter(()) if script is None else script()

    def _act(self, step: str) -> None:
        for _ in self._script(step):
            self._tick()

    def _tick(self) -> None:
        t_end_ns = self._clock.now_ns() + TICK_NS
        while self._meanwhile is not None and (t_now_ns := self._clock.now_ns()) < t_end_ns:
            self._meanwhile()
            if self._clock.now_ns() == t_now_ns:
                break
        self._clock.wait_until(t_end_ns)

    def _support(self) -> Iterator[None]:
        self._world.hand.guide(self._world.joint_positions_rad)
        yield

    def _sweep(self) -> Iterator[None]:
        limits_rad = self._world.model.jnt_range[:6]
        for i_joint in range(6):
            stance_rad = np.array(STANCES_RAD.get(i_joint, STANCE_RAD))
            yield from self._lead(stance_rad)
            for stop_rad in (limits_rad[i_joint, 0] - BEYOND_RAD, limits_rad[i_joint, 1] + BEYOND_RAD):
                pushed_rad = stance_rad.copy()
                pushed_rad[i_joint] = stop_rad
                yield from self._lead(pushed_rad)
                yield from (None for _ in range(AT_STOP_TICKS))
            yield from self._lead(stance_rad)
        yield from self._lead(np.array(STANCE_RAD))

    def _turn(self, i_joint: int) -> Iterator[None]:
        low_rad, high_rad = self._world.model.jnt_range[i_joint]
        turned_rad = np.array(STANCES_RAD.get(i_joint, STANCE_RAD))
        yield from self._lead(turned_rad)
        turned_rad[i_joint] = low_rad + POSITIVE_RATIO * (high_rad - low_rad)
        yield from self._lead(turned_rad)

    def _hold_pose(self) -> Iterator[None]:
        yield from self._lead(self.reference_pose_rad)

    def _pose_arm(self) -> Iterator[None]:
        yield from self._lead(self._find_poses().next())

    def _many_poses(self) -> Iterator[None]:
        while True:
            yield from self._pose_arm()
            yield from (None for _ in range(HOLD_TICKS))

    def _aside(self) -> Iterator[None]:
        aside_rad = np.array(STANCE_RAD)
        aside_rad[0] = ASIDE_RAD[self._n_aside % len(ASIDE_RAD)]
        self._n_aside += 1
        yield from self._lead(aside_rad)

    def _wander(self) -> Iterator[None]:
        poses = self._find_poses()
        while True:
            yield from self._lead(poses.free())

    def _push_camera(self) -> Iterator[None]:
        camera = self._world.model.camera(CAMERA_NAME)
        for left in range(PUSH_TICKS, 0, -1):
            position_m, orientation = self._camera_then
            camera.pos += (position_m - camera.pos) / left
            camera.quat += (orientation - camera.quat) / left
            camera.quat /= np.linalg.norm(camera.quat)
            yield

    def _find_poses(self) -> SeeingPoses:
        if self._poses is None:
            self._poses = SeeingPoses(self._world, self._size_px, self._rng)
        return self._poses

    def _show_arm(self) -> Iterator[None]:
        limits_rad: Array = self._world.model.jnt_range[:6]
        while True:
            pose_rad = self._rng.uniform(limits_rad[:, 0] + INSIDE_RAD, limits_rad[:, 1] - INSIDE_RAD)
            way_rad = np.linspace(self._world.joint_positions_rad, pose_rad, 8)[1:]
            if self._world.tip_path_m(way_rad)[:, 2].min() > OVER_TABLE_M:
                yield from self._lead(pose_rad)

    def _place_board(self) -> Iterator[None]:
        truth = self._world.truth
        if truth.board is not None:
            self._world.board = truth.board
        elif truth.camera_mount == "wrist":
            self._world.board = board_on_table(self._spec)
        else:
            self._world.board = board_in_hand(self._spec)
        yield

    def _show_board(self) -> Iterator[None]:
        last = None
        for place in shown_boards(self._spec, self._world.base_from_camera(), self._size_px, self._rng):
            for k in range(1, MOVE_TICKS + 1):
                self._world.board = place if last is None else between(last, place, k / MOVE_TICKS)
                yield
            yield from (None for _ in range(SHOW_TICKS))
            last = place

    def _clear_table(self) -> Iterator[None]:
        self._world.clear_table()
        yield

    def _let_go(self) -> Iterator[None]:
        self._world.hand.let_go()
        yield

    def _lead(self, goal_rad: Array) -> Iterator[None]:
        """Lead the arm by hand, and hold it there for a moment."""
        self._world.hand.guide(goal_rad)
        while not self._world.hand.is_idle and not self._world.hand.is_there:
            yield
        yield from (None for _ in range(SETTLE_TICKS))
