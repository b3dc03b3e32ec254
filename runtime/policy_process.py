"""The policy process: sees through its cameras, foresees and acts at two rates of their own, and sends chunks to the command process.

    camera threads -frames-> foresight thread --foresight--> action thread --chunk--> command process
                                                             action thread <--joints-- command process

The newest wins everywhere. Foresight and action run at the same time: the engines work outside Python's lock. Whatever is missing
(camera, foresight, instruction, command process) means no chunk, and the command process then holds the arm.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

from drivers.camera import Camera
from interfaces.camera_config import CameraConfig
from interfaces.errors import CalibrationError, ForerunError, RefusedError
from interfaces.request_socket import JsonObject, RequestServer
from interfaces.robot_config import RobotConfig
from runtime.bundles.open_run import open_run
from runtime.calibrated_robot import CAMERA_KINDS, load_calibrated
from runtime.known_camera import known_camera
from runtime.link import PolicyLink
from runtime.policy.action_loop import ActionLoop
from runtime.policy.action_stage import ActionStage
from runtime.policy.board import PolicyBoard
from runtime.policy.bundle import LoadedBundle, bundle_folder, open_bundle
from runtime.policy.bundle_trial import BundleTrial
from runtime.policy.camera_loop import CameraLoop
from runtime.policy.control import Follow, ShowForesight, ShowPicture, TakeSnapshot, parse_request
from runtime.policy.feed import PolicyFeed, RecordedLog
from runtime.policy.foresight_loop import Foresees, ForesightLoop
from runtime.policy.foresight_stage import ForesightStage
from runtime.policy.frame_gathering import FrameGathering
from runtime.policy.last_word import LastWord, followed_first
from runtime.policy.look import Look
from runtime.policy.progress_watch import LOOK_S, Loop, ProgressWatch
from runtime.policy.rest_stage import REST, RestStage
from runtime.policy.snapshot import save_snapshot
from runtime.policy.status import describe
from runtime.policy.view.known_views import view_guards
from runtime.policy.view.view_guard import ViewGuard
from runtime.service.end_order import EndOrder
from runtime.service.notifier import Notifier
from runtime.service.start_clock import StartClock

_log = logging.getLogger(__name__)
_JOIN_S = 10.0
_NICE = -20

CameraFactory = Callable[[CameraConfig], Camera]


def run(
    robot_file: Path,
    make_camera: CameraFactory,
    *,
    follow: str | None = None,
    bundle_path: Path | None = None,
    shelf: Path | None = None,
) -> int:
    """Run the policy of a robot until SIGTERM or SIGINT; return the exit status.

    1 when a thread failed, or a bundle its trial; 2 when a camera is another than the one that was calibrated.

    `make_camera` builds each camera the bundle sees through; `follow` is the instruction from the start, instead of the robot
    file's, where no person said another before this start (runtime/policy/last_word.py); `bundle_path` is another bundle than
    that of the robot file, and `shelf` the folder with bundles of which one is in charge (runtime/bundles). Raises ConfigError,
    CalibrationError, BundleError or RefusedError before anything is opened.
    """
    clock, notifier, now = StartClock(), Notifier(), datetime.now(timezone.utc)
    clock.done("imports")
    calibrated = load_calibrated(robot_file, now=now)
    for warning in calibrated.warned_of(CAMERA_KINDS):
        _log.warning("%s", warning)
    robot = calibrated.robot
    with EndOrder() as order, LastWord(Path(robot.runtime.control_socket)).until(order) as last_word:
        notifier.status("opens the bundle")
        opened = None if shelf is None else open_run(shelf, robot, now)
        bundle_run, bundle = opened or (None, open_bundle(bundle_path or bundle_folder(robot_file, robot), robot))
        _log.info(
            "bundle %s runs as %s and reproduces its references: tokens within %.1e, positions within %.1e rad",
            bundle.manifest.name,
            bundle.running.words,
            bundle.foresight_off,
            bundle.action_off_rad,
        )
        clock.done("bundle")
        cameras = [known_camera(make_camera(camera), calibrated) for camera in seeing_cameras(robot, bundle)]
        guards = view_guards(calibrated, seeing_cameras(robot, bundle))
        trial = BundleTrial(bundle_run)
        process = PolicyProcess(robot, bundle, cameras, guards=guards, trial=trial)
        logging.getLogger().addHandler(RecordedLog(process.feed))
        order.sets(process.stop)
        try:
            word, knows = last_word.read(), process.instructions
            process.follow(followed_first(robot_file, robot, knows, follow=follow, word=word, fallback=trial.fallback))
            process.start(first=robot.runtime.realtime != "off")
            clock.done("threads")
            process.tend(notifier, clock)
        finally:
            process.close()
        if order.came and process.failure is None:
            trial.ended_well()
    return _status_of(process)


def _status_of(process: PolicyProcess) -> int:
    if process.failure is None:
        return 0
    if process.refused:
        _log.error("refused: %s", process.failure)
        return 2
    _log.error("ends, for its supervisor to start it again: %s", process.failure)
    return 1


def go_first() -> None:
    """Put this thread, and those it starts from now on, ahead of ordinary load; said where that is not permitted.

    Measured on two cores with a busy process on each: frame to chunk takes 9 ms longer than inference without, 3 ms with (p95).
    Real time would make it 1 ms, and dangerous: inference that fills a core has the kernel stop all real-time work there for
    50 ms a second, the command process with it. To be real time only while waiting costs inference more than it gains.
    """
    try:
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    except PermissionError:
        _log.warning("not ahead of ordinary load: nice %d is not permitted (give CAP_SYS_NICE or LimitNICE)", _NICE)


def seeing_cameras(robot: RobotConfig, bundle: LoadedBundle) -> tuple[CameraConfig, ...]:
    """Return the cameras of the robot that the bundle sees through, in the bundle's order."""
    by_name = {camera.name: camera for camera in robot.cameras}
    return tuple(by_name[camera.name] for camera in bundle.cameras)


class PolicyProcess:
    """The threads of the policy process, and what they share; `foresight_stage` may replace the bundle's own (fault injection)."""

    def __init__(
        self,
        robot: RobotConfig,
        bundle: LoadedBundle,
        cameras: Sequence[Camera],
        *,
        foresight_stage: Foresees | None = None,
        guards: Mapping[str, ViewGuard] | None = None,
        trial: BundleTrial | None = None,
    ) -> None:
        """Take one camera for each that the bundle sees through, in its order, and who guards its view, by name, where anybody does.

        `trial` is that of the bundle, where it comes from the shelf.
        """
        self._cameras = tuple(cameras)
        self._board = board = PolicyBoard()
        self._look = Look(board)
        self._bundle_name, self._runs_as = bundle.manifest.name, bundle.running.words
        self._trial = trial or BundleTrial()
        self.instructions = (*bundle.manifest.instructions, REST)
        policy, sequence, seeing = robot.policy, itertools.count(1), seeing_cameras(robot, bundle)
        self._action_stage = ActionStage(bundle, policy, sequence=sequence)
        rest_stage = RestStage(robot.arm, bundle.manifest.chunk, sequence=sequence)
        link = PolicyLink(Path(robot.runtime.command_socket))
        self._control = RequestServer(Path(robot.runtime.control_socket), self._answer)
        self._last_word = LastWord(Path(robot.runtime.control_socket))
        stage = foresight_stage or ForesightStage(bundle)
        self.feed = feed = PolicyFeed(Path(robot.record.socket), seeing)
        frames = FrameGathering(seeing, policy.pair_tolerance_ms or 0.0, board, bundle.cameras)
        frame_rate_hz = min(camera.rate_hz for camera in seeing)
        foresight = ForesightLoop(stage, policy.foresight_rate_hz, frame_rate_hz, board, feed)
        foresight.patience_ns = max(foresight.patience_ns, round(policy.foresight_age_max_ms * 2e6))
        self._loops: dict[str, Loop] = {
            **{
                f"camera {config.name}": CameraLoop(
                    camera, config, frames, board, feed, (guards or {}).get(config.name)
                )
                for camera, config in zip(self._cameras, seeing, strict=True)
            },
            "foresight": foresight,
            "action": ActionLoop(self._action_stage, rest_stage, policy.action_rate_hz, link, board, feed),
        }
        self._threads = [
            threading.Thread(target=self._guard, args=(name, loop.run), name=name, daemon=True)
            for name, loop in self._loops.items()
        ]
        self.stop = board.stop  # set it to end the process
        self.failure: str | None = None  # what ended the process, where it was not told to stop
        self.refused = False  # and started again it would end the same way

    def start(self, *, first: bool = False) -> None:
        """Start every thread; those that see and infer `first` of all load, but not the one that answers people."""
        self._control.start()
        if first:
            go_first()
        for thread in self._threads:
            thread.start()

    def tend(self, notifier: Notifier, clock: StartClock) -> None:
        """Look after the threads until somebody says stop: tell systemd how they are, and the shelf how its bundle does."""
        watch = ProgressWatch(self._loops, self._board, notifier, self.status)
        said = False
        while not self.stop.wait(LOOK_S):
            t_now_ns = time.monotonic_ns()
            watch.look(t_now_ns)
            if self._board.ready and not said:
                clock.done("first pictures")
                _log.info("ready %s", clock.words(), extra={"event": "ready"})
                said = True
            works = self._board.ready and self._board.sees(t_now_ns) and not self._board.hanging
            n_not_finite = self._action_stage.refusals["not finite"]
            acted = self._board.foresight_age.count > 0
            why = self._trial.look(t_now_ns, works=works, n_not_finite=n_not_finite, acted=acted)
            if why:
                self._end(f"bundle {self._bundle_name}", why)
        notifier.stopping(f"ends: {self.failure or 'told to'}")

    def close(self) -> None:
        """Stop every thread, and close what each of them owns, and the control socket."""
        self.stop.set()
        for camera in self._cameras:
            camera.interrupt()  # one that is being opened may wait for seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_JOIN_S)
        self._control.close()
        self.feed.close()

    def follow(self, instruction: str | None) -> None:
        """Follow an instruction of the bundle, or "rest", or nothing; raises RefusedError for one that is unknown."""
        if instruction is not None and instruction not in self.instructions:
            raise RefusedError(f"instruction {instruction!r}; the policy knows {', '.join(self.instructions)}")
        if instruction != self._board.instruction:
            self._board.instruction = instruction
            _log.info(
                "follows %s", instruction or "nothing", extra={"event": "follow", "instruction": instruction or ""}
            )

    def status(self) -> JsonObject:
        """Return what the process does, as the control socket tells it."""
        return {
            **describe(self._board, time.monotonic_ns()),
            "instructions": list(self.instructions),
            "refusals": dict(self._action_stage.refusals),
            "bundle": {
                "name": self._bundle_name,
                "runs_as": self._runs_as,
                "on_trial": self._trial.on_trial,
                "fallback": self._trial.fallback,
            },
        }

    def _answer(self, asked: JsonObject) -> JsonObject:
        request = parse_request(asked)
        if isinstance(request, ShowPicture):
            return self._look.picture(request.camera, time.monotonic_ns())
        if isinstance(request, ShowForesight):
            return self._look.foresight(time.monotonic_ns())
        if isinstance(request, Follow):
            self._obey(request.instruction)
        elif isinstance(request, TakeSnapshot):
            save_snapshot(self._board, Path(request.file))
        return self.status()

    def _obey(self, instruction: str | None) -> None:
        """Follow what a person says, and note it for the starts to come."""
        self.follow(instruction)
        try:
            self._last_word.note(instruction)
        except OSError as error:
            self._board.fault("last word", f"what to follow cannot be noted ({error}): it is forgotten at a restart")
        else:
            self._board.over("last word")

    def _guard(self, name: str, loop: Callable[[], None]) -> None:
        """Run a thread; one that ends before it is told to ends the process, for its supervisor to start again."""
        why = "ended"
        try:
            loop()
        except ForerunError as error:
            why = str(error)
            self.refused |= isinstance(error, CalibrationError)
        except BaseException as error:
            why = f"a fault of the program: {error!r}"
            raise  # the log tells where
        finally:
            if not self.stop.is_set():
                self._end(name, why)

    def _end(self, name: str, why: str) -> None:
        """End the process, for its supervisor to start it again."""
        self._board.fault(name, why)
        self.failure = f"{name}: {why}"
        self.stop.set()
