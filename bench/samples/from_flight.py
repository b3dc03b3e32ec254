"""Samples from flight records: what the robot saw and felt while it worked, pictures in jpeg or png as they were recorded.

Where the policy acted on a recorded picture, everything is as it was: instruction, joints, foresight age and noise. Such samples are taken
first; a record keeps only some of the camera's pictures, and not always those that the policy looked at. Of the others the joints are those
measured nearest in time, and the instruction is the one that was followed then; the rest is drawn (bench/samples/drawn_inputs.py), as is
what another bundle, with other instructions or chunks, was given. A committed prefix is in no record, and is always drawn.

Of a policy that looks back, the record tells which earlier pictures went with each. Where one of them was not recorded, and where the
policy did not look, they are chosen among the recorded ones as the runtime chooses, and the sample does not count as wholly recorded.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from bench.samples.drawn_inputs import DrawnInputs
from bench.samples.sample_rows import evenly, stacked
from interfaces.bundle_manifest import BundleManifest, CameraSpec
from interfaces.engine import Tensors
from interfaces.errors import RefusedError, UnfitError
from interfaces.flight import ActionInference
from interfaces.graph_contract import FORESIGHT_AGE, INSTRUCTION, JOINTS, NOISE
from interfaces.messages import Foresight, JointState
from interfaces.progress import Progress
from interfaces.sample_file import Samples
from runtime.flight.reader import read_flight
from runtime.flight.record import FlightRecord, RecordedFrame
from runtime.policy.frame_history import FrameHistory

_APART_MAX_NS = (
    100_000_000  # of a picture and the joints or other pictures beside it: further apart, something was lost
)
_FOLLOWED_MAX_NS = 500_000_000  # from a foresight: the instruction is still the same, or was already

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FlightSamples:
    """What was gathered, and how much of it is wholly as it was."""

    samples: Samples
    n_as_recorded: int  # of the samples; what the others lack is drawn


def gather_from_flight(
    path: Path, manifest: BundleManifest, n_samples: int, seed: int, progress: Progress
) -> FlightSamples:
    """Return up to `n_samples` samples, evenly over the flight at `path`, a file or a folder; the same seed gives the same.

    Raises ConfigError where it is no flight record, UnfitError where it is of another robot than the bundle is for, RefusedError where
    it holds no picture with joints.
    """
    record = read_flight(path)
    _check_fits(record, manifest)
    found = _Flight(record, manifest)
    drawn = DrawnInputs(manifest, seed)
    rows: list[Tensors] = []
    n_as_recorded = 0
    chosen = found.chosen(n_samples)
    for number, moment in enumerate(chosen):
        pictures = found.pictures(moment)
        progress(number + 1, len(chosen), f"picture {number + 1} of {len(chosen)}")
        if pictures is not None:
            recorded = found.given(moment, number)
            n_as_recorded += NOISE in recorded
            rows.append({**drawn.draw(recorded[JOINTS]), **recorded, **pictures})
    return FlightSamples(stacked(str(path), rows, manifest), n_as_recorded)


@dataclass(frozen=True, slots=True)
class _Moment:
    frames: tuple[RecordedFrame, ...]  # one of each camera of the bundle, its first camera's first
    earlier: tuple[tuple[RecordedFrame, ...], ...]  # those before, of each camera that has a history
    joints: JointState

    @property
    def t_ns(self) -> int:
        """Return when the first camera took its picture."""
        return self.frames[0].t_capture_ns


class _Flight:
    """Finds what belongs together."""

    def __init__(self, record: FlightRecord, manifest: BundleManifest) -> None:
        self._manifest = manifest
        measured = (cycle.joints for cycle in record.cycles if cycle.joints is not None)
        states = {one.t_measured_ns: one for one in measured if self._whole(one.position_rad)}
        self._joints = [states[t_ns] for t_ns in sorted(states)]
        self._foresights = sorted((run.foresight for run in record.foresights), key=lambda one: one.t_capture_ns)
        self._earlier = _Earlier(record.frames, manifest.cameras)
        as_seen = [one for one in self._foresights if self._earlier.as_told(one) is not None]
        self._acted = _acted_on(as_seen, record.inferences)
        self._moments = self._with_joints(record.frames)

    def pictures(self, moment: _Moment) -> Tensors | None:
        """Return the pictures by camera; None where the bytes of one are damaged."""
        found: dict[str, NDArray[np.uint8]] = {}
        for camera, frame, earlier in zip(self._manifest.cameras, moment.frames, moment.earlier, strict=True):
            shown = [one.rgb() for one in (*earlier, frame)]
            whole = [rgb for rgb in shown if rgb is not None and rgb.shape == (camera.height_px, camera.width_px, 3)]
            if len(whole) < len(shown):
                return None
            found[camera.name] = whole[0] if camera.n_history == 1 else np.stack(whole)
        return found

    def chosen(self, n_samples: int) -> list[_Moment]:
        """Return up to so many moments, evenly over the flight; first those in which the policy acted on the picture."""
        acted = [moment for moment in self._moments if moment.t_ns in self._acted]
        others = [moment for moment in self._moments if moment.t_ns not in self._acted]
        taken = [acted[index] for index in evenly(len(acted), n_samples)]
        taken += [others[index] for index in evenly(len(others), n_samples - len(taken))]
        return sorted(taken, key=lambda moment: moment.t_ns)

    def given(self, moment: _Moment, number: int) -> Tensors:
        """Return what the graphs were given then, as far as it is known: always the joints.

        Of several actions on one picture, with a foresight that ages, sample after sample takes another.
        """
        foresight = _nearest(self._foresights, moment.t_ns, lambda one: one.t_capture_ns, _FOLLOWED_MAX_NS)
        if foresight is None or foresight.instruction not in self._manifest.instructions:
            return {JOINTS: moment.joints.position_rad.astype(np.float32)}
        one_hot = np.zeros(len(self._manifest.instructions), np.float32)
        one_hot[self._manifest.instructions.index(foresight.instruction)] = 1.0
        chunk_shape = (self._manifest.chunk.horizon, len(self._manifest.joints))
        usable = [
            action
            for action in self._acted.get(moment.t_ns, ())
            if action.noise.shape == chunk_shape and np.isfinite(action.noise).all() and self._whole(action.joints_rad)
        ]
        if not usable:
            return {INSTRUCTION: one_hot, JOINTS: moment.joints.position_rad.astype(np.float32)}
        action = usable[number % len(usable)]
        return {
            INSTRUCTION: one_hot,
            JOINTS: action.joints_rad.astype(np.float32),
            FORESIGHT_AGE: np.array(max(0, action.t_state_ns - moment.t_ns) * 1e-9, np.float32),
            NOISE: action.noise.astype(np.float32),
        }

    def _whole(self, position_rad: NDArray[np.float64]) -> bool:
        return position_rad.shape == (len(self._manifest.joints),) and bool(np.isfinite(position_rad).all())

    def _with_joints(self, frames: Sequence[RecordedFrame]) -> list[_Moment]:
        by_camera = [[frame for frame in frames if frame.camera == camera.name] for camera in self._manifest.cameras]
        first, *others = by_camera
        told = {one.t_capture_ns: self._earlier.as_told(one) for one in self._foresights}
        moments: list[_Moment] = []
        for frame in first:
            beside = [_nearest(other, frame.t_capture_ns, lambda one: one.t_capture_ns) for other in others]
            joints = _nearest(self._joints, frame.t_capture_ns, lambda one: one.t_measured_ns)
            together = [one for one in beside if one is not None]
            if joints is not None and len(together) == len(others):
                of_one = (frame, *together)
                earlier = told.get(frame.t_capture_ns) or self._earlier.as_chosen(of_one)
                moments.append(_Moment(of_one, earlier, joints))
        return moments


class _Earlier:
    """Finds what each camera showed before a frame."""

    def __init__(self, frames: Sequence[RecordedFrame], cameras: Sequence[CameraSpec]) -> None:
        self._cameras = cameras
        self._recorded = {(frame.camera, frame.t_capture_ns): frame for frame in frames}
        self._chosen: dict[tuple[str, int], tuple[RecordedFrame, ...]] = {}
        for camera in cameras:
            history = FrameHistory[RecordedFrame](camera.n_history, camera.history_step_ms)
            for frame in (one for one in frames if one.camera == camera.name):
                history.add(frame, frame.t_capture_ns)
                self._chosen[camera.name, frame.t_capture_ns] = history.earlier(frame, frame.t_capture_ns)

    def as_told(self, foresight: Foresight) -> tuple[tuple[RecordedFrame, ...], ...] | None:
        """Return what the record says that a foresight saw; None where one was not recorded, or it saw more or fewer."""
        instants = iter(foresight.t_earlier_ns)
        told = [(camera.name, t_ns) for camera in self._cameras for t_ns in islice(instants, camera.n_history - 1)]
        found = iter([self._recorded[one] for one in told if one in self._recorded])
        earlier = tuple(tuple(islice(found, camera.n_history - 1)) for camera in self._cameras)
        n_wanted = sum(camera.n_history - 1 for camera in self._cameras)
        return earlier if len(foresight.t_earlier_ns) == n_wanted == sum(map(len, earlier)) else None

    def as_chosen(self, frames: Sequence[RecordedFrame]) -> tuple[tuple[RecordedFrame, ...], ...]:
        """Return what the runtime would choose out of what was recorded, for one frame of each camera."""
        return tuple(self._chosen[frame.camera, frame.t_capture_ns] for frame in frames)


def _acted_on(foresights: Sequence[Foresight], actions: Sequence[ActionInference]) -> dict[int, list[ActionInference]]:
    """Return by a frame's instant of capture all actions on its foresight."""
    by_sequence: dict[int, list[Foresight]] = {}
    for foresight in foresights:
        by_sequence.setdefault(foresight.sequence, []).append(foresight)
    found: dict[int, list[ActionInference]] = {}
    for action in actions:
        # A policy that starts again counts from the beginning: the last one done before is meant.
        done = [one for one in by_sequence.get(action.foresight_sequence, ()) if one.t_done_ns <= action.t_done_ns]
        if done:
            found.setdefault(max(done, key=lambda one: one.t_done_ns).t_capture_ns, []).append(action)
    return found


def _nearest(
    things: Sequence[T], t_ns: int, instant: Callable[[T], int], apart_max_ns: int = _APART_MAX_NS
) -> T | None:
    """Return what is nearest in time in a row in order of time; None where that is far."""
    at = bisect_left(things, t_ns, key=instant)
    near = min(things[max(at - 1, 0) : at + 1], key=lambda one: abs(instant(one) - t_ns), default=None)
    return near if near is not None and abs(instant(near) - t_ns) <= apart_max_ns else None


def _check_fits(record: FlightRecord, manifest: BundleManifest) -> None:
    names = record.robot.arm.joint_names
    if not manifest.cameras:
        raise RefusedError(f"bundle {manifest.name} sees through no camera")
    if names != manifest.joints:
        told = f"a flight of {', '.join(names)}"
        raise UnfitError(f"{told}; bundle {manifest.name} moves {', '.join(manifest.joints)}")
    sizes = {camera.name: (camera.width_px, camera.height_px) for camera in record.robot.cameras}
    for wanted in manifest.cameras:
        size = (wanted.width_px, wanted.height_px)
        if sizes.get(wanted.name) != size:
            raise UnfitError(
                f"bundle {manifest.name} sees through camera {wanted.name} at {size}; robot {record.robot.name} has {sizes}"
            )
