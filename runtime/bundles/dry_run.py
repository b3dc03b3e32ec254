"""A bundle beside the running robot: it foresees and acts on what the robot really sees, and nothing of it is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import BundleError, DeviceError
from interfaces.messages import ActionChunk, Frame, JointState, JointVector
from interfaces.robot_config import RobotConfig
from runtime.policy.action_stage import ActionStage
from runtime.policy.bundle import LoadedBundle
from runtime.policy.foresight_stage import ForesightStage
from runtime.policy.frame_history import as_first
from runtime.policy.frame_pairing import FrameSet

# What is a little beyond a limit is no fault: networks reach for what lies past a stop, the shipped one by 0.09 rad where the scene
# is not its instruction's, and the gate keeps the limit. Positions of other units or other joints are off by far more.
LIMIT_MARGIN_RAD = 0.25
FIRST_ROW_MARGIN_RAD = 0.05  # beyond what the joint can turn until then

Clock = Callable[[], int]


@dataclass(frozen=True, slots=True)
class LiveSample:
    """What the robot saw and felt at one instant."""

    rgb: dict[str, NDArray[np.uint8]]  # (height, width, 3) by camera
    joints_rad: JointVector  # (joint,)


@dataclass(frozen=True, slots=True)
class DryRun:
    """How a bundle did on live samples."""

    n_samples: int
    foresight_ms: float  # median
    action_ms: float  # median
    first_row_off_rad: float  # the farthest that a chunk began from the measured joints
    instructions: tuple[str, ...]

    def told(self) -> str:
        """Return it as one line."""
        return (
            f"{self.n_samples} live pictures, {', '.join(self.instructions)}: foresight {self.foresight_ms:.1f} ms,"
            f" action {self.action_ms:.1f} ms (medians), no position far beyond the joint limits,"
            f" chunks begin within {self.first_row_off_rad:.3f} rad of the arm"
        )


def dry_run(bundle: LoadedBundle, robot: RobotConfig, samples: Iterable[LiveSample], clock: Clock) -> DryRun:
    """Let `bundle` foresee and act on each sample, for each of its instructions in turn; `clock` tells monotonic nanoseconds.

    Raises BundleError when it gives nothing finite, leaves the joint limits, begins a chunk away from the arm, or takes more time
    than its rates leave: what it said of which joint, and the limit.
    """
    foresees, acts = ForesightStage(bundle), ActionStage(bundle, robot.policy)
    instructions = bundle.manifest.instructions
    foresight_ns: list[int] = []
    action_ns: list[int] = []
    off_rad = 0.0
    for number, sample in enumerate(samples):
        instruction = instructions[number % len(instructions)]
        t_begin_ns = clock()
        try:
            foresight = foresees.foresee(_frames(bundle, sample, t_begin_ns), instruction, t_begin_ns)
            t_foreseen_ns = clock()
            # The age of the foresight is one of its inputs: as if made at once, whatever this busy machine takes now.
            acts.forget()
            chunk = acts.act(foresight, _joints(sample, t_begin_ns), instruction, t_begin_ns)
        except DeviceError as error:
            raise BundleError(f"dry run of {bundle.manifest.name}, {instruction}: {error}") from error
        action_ns.append(clock() - t_foreseen_ns)
        foresight_ns.append(t_foreseen_ns - t_begin_ns)
        what = f"dry run of {bundle.manifest.name}, {instruction}, picture {number + 1}"
        if chunk is None:
            raise BundleError(f"{what}: {', '.join(acts.refusals)}")
        off_rad = max(off_rad, _require_sane(what, chunk, sample, bundle, robot))
    if not foresight_ns:
        raise BundleError(f"dry run of {bundle.manifest.name}: there was no picture to try it on")
    result = DryRun(
        n_samples=len(foresight_ns),
        foresight_ms=float(np.median(foresight_ns)) * 1e-6,
        action_ms=float(np.median(action_ns)) * 1e-6,
        first_row_off_rad=off_rad,
        instructions=instructions[: len(foresight_ns)],
    )
    _require_quick(result, robot)
    return result


def _require_sane(what: str, chunk: ActionChunk, sample: LiveSample, bundle: LoadedBundle, robot: RobotConfig) -> float:
    """Return how far from the measured joints a chunk begins, rad; raises BundleError where that, or a position, cannot be."""
    arm = robot.arm
    low, high = arm.vector("position_min_rad"), arm.vector("position_max_rad")
    beyond = np.maximum(low - chunk.position_rad, chunk.position_rad - high)  # (horizon, joint)
    row, joint = np.unravel_index(int(np.argmax(beyond)), beyond.shape)
    if beyond[row, joint] > LIMIT_MARGIN_RAD:
        raise BundleError(
            f"{what}: row {row} sends {arm.joint_names[joint]} to {chunk.position_rad[row, joint]:.3f} rad;"
            f" its limits are {low[joint]:.3f} .. {high[joint]:.3f}"
        )
    # An arm that rests at a stop, or beyond, is brought back inside first: that is no jump of the policy's.
    off = np.abs(chunk.position_rad[0] - np.clip(sample.joints_rad, low, high))
    first_s = bundle.manifest.chunk.first_ms * 1e-3
    most = arm.vector("velocity_max_rad_s") * first_s + FIRST_ROW_MARGIN_RAD
    joint = int(np.argmax(off - most))
    if off[joint] > most[joint]:
        raise BundleError(
            f"{what}: the first row is {off[joint]:.3f} rad from where {arm.joint_names[joint]} is;"
            f" the arm can turn {most[joint]:.3f} rad until then"
        )
    return float(np.max(off))


def _require_quick(result: DryRun, robot: RobotConfig) -> None:
    policy = robot.policy
    for graph, median_ms, rate_hz in (
        ("foresight", result.foresight_ms, policy.foresight_rate_hz),
        ("action", result.action_ms, policy.action_rate_hz),
    ):
        if median_ms > 1e3 / rate_hz:
            raise BundleError(
                f"dry run: {graph} takes {median_ms:.1f} ms beside the running policy;"
                f" policy.{graph}_rate_hz of {rate_hz:g} leaves it {1e3 / rate_hz:.1f} ms"
            )


def _frames(bundle: LoadedBundle, sample: LiveSample, t_ns: int) -> FrameSet:
    missing = [camera.name for camera in bundle.cameras if camera.name not in sample.rgb]
    if missing:
        raise BundleError(
            f"dry run of {bundle.manifest.name}: it sees through camera {', '.join(missing)}; the running policy only through"
            f" {', '.join(sample.rgb)}: --skip-dry-run leaves this out"
        )
    frames = tuple(
        Frame(camera=name, number=1, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb, depth_mm=None)
        for name, rgb in sample.rgb.items()
    )
    return as_first(frames, bundle.cameras)


def _joints(sample: LiveSample, t_ns: int) -> JointState:
    nothing = np.zeros_like(sample.joints_rad)
    return JointState(
        t_measured_ns=t_ns,
        position_rad=sample.joints_rad,
        velocity_rad_s=nothing,
        effort_ratio=nothing,
        voltage_v=nothing,
        temperature_degc=nothing,
    )
