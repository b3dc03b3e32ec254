"""One joint along the chirp, and all that was commanded, measured and seen meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.latency.chirp import amplitude_within, chirp_rad
from calibration.latency.picture_motion import Grey, shrunk
from calibration.session.arm_session import SPEED_RATIO, ArmSession, Beat
from calibration.session.workplace import Workplace
from calibration.signals.lag_fit import Signal
from drivers.camera import Camera
from interfaces.errors import RefusedError
from interfaces.messages import Frame, JointState, JointVector

MARGIN_RAD = 0.02  # to the ends of the joint's travel
TAIL_NS = 400_000_000  # the last pictures arrive so much later at most
GOLDEN = 0.618034  # multiples of it, less their whole part, fill an interval evenly
LOOK_FROM, LOOK_OVER = 0.35, 0.5  # shares of a period: where in it the joint is measured once more
EFFORT_MAX_RATIO = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which joint goes how far, around which pose."""

    joint: int
    pose_rad: JointVector
    amplitude_rad: float
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What there is to tell delays from; all instants in s since the motion began."""

    commands: Signal
    measured: Signal
    pictures: tuple[Grey, ...]
    t_picture_s: tuple[float, ...]
    period_s: float
    lost_frames: int
    last: JointState


def plan_motion(arm: ArmSession, present_rad: JointVector, joint: int, *, degrees: float, duration_s: float) -> Plan:
    """Return the motion around the present pose, moved away from the ends of the joint's travel where it is too near.

    Raises RefusedError where a joint is outside its limits, or the travel is too short.
    """
    config = arm.config
    low, high = config.vector("position_min_rad"), config.vector("position_max_rad")
    if ((present_rad < low) | (present_rad > high)).any():
        outside = [
            name
            for name, off in zip(config.joint_names, (present_rad < low) | (present_rad > high), strict=True)
            if off
        ]
        raise RefusedError(f"{', '.join(outside)}: outside the limits of the robot file; move the arm inside by hand")
    limits = config.joints[joint]
    amplitude = amplitude_within(
        np.radians(degrees), SPEED_RATIO * limits.velocity_max_rad_s, SPEED_RATIO * limits.acceleration_max_rad_s2
    )
    room = amplitude + MARGIN_RAD
    if high[joint] - low[joint] < 2 * room:
        raise RefusedError(f"{limits.name}: its travel is too short for {np.degrees(amplitude):.1f} degrees either way")
    pose_rad = present_rad.copy()
    pose_rad[joint] = np.clip(pose_rad[joint], low[joint] + room, high[joint] - room)
    return Plan(joint=joint, pose_rad=pose_rad, amplitude_rad=amplitude, duration_s=duration_s)


def record_motion(workplace: Workplace, arm: ArmSession, camera: Camera, plan: Plan) -> Recording:
    """Move as planned and return what was recorded; raises TouchError where the arm pushes against something."""
    arm.move(plan.pose_rad)
    recorder = _Recorder(workplace, arm, camera, plan)
    recorder.forget_old_pictures()
    way = chirp_rad(plan.amplitude_rad, plan.duration_s, arm.config.rate_hz)
    still = [0.0] * round(TAIL_NS * 1e-9 * arm.config.rate_hz)
    path: list[JointVector] = []
    for off_rad in [*still, *way.tolist(), *still]:
        target = plan.pose_rad.copy()
        target[plan.joint] += off_rad
        path.append(target)
    arm.follow(path, each_beat=recorder.beat, effort_max_ratio=EFFORT_MAX_RATIO)
    return recorder.recording()


class _Recorder:
    """Gathers what comes in each period."""

    def __init__(self, workplace: Workplace, arm: ArmSession, camera: Camera, plan: Plan) -> None:
        self._workplace, self._arm, self._camera, self._plan = workplace, arm, camera, plan
        self._t_start_ns = workplace.clock.now_ns()
        self._beats: list[Beat] = []
        self._looks: list[JointState] = []
        self._frames: list[tuple[int, int, Grey]] = []  # number, instant, picture

    def forget_old_pictures(self) -> None:
        """Let pictures of before the motion go."""
        self._camera.read(0.0)
        self._t_start_ns = self._workplace.clock.now_ns()

    def beat(self, beat: Beat) -> None:
        """Take one period, the picture that came in it, and a second look at the joint where there is time for it."""
        self._beats.append(beat)
        frame = self._camera.read(0.0)
        if frame is not None:
            self._take(frame)
        # Measured at the same place of every period, a servo that runs in steps would seem to be at the same place of each step.
        period_ns = self._arm.config.period_ns
        share = LOOK_FROM + LOOK_OVER * (len(self._beats) * GOLDEN % 1.0)
        t_look_ns = beat.t_command_ns + round(share * period_ns)
        if self._workplace.clock.now_ns() <= t_look_ns:
            look = self._arm.look(t_look_ns)
            if look is not None:
                self._looks.append(look)
        if len(self._beats) % 50 == 0:
            done_s = len(self._beats) * period_ns * 1e-9
            self._workplace.operator.progress("moving", min(1.0, done_s / (self._plan.duration_s + 2e-9 * TAIL_NS)))

    def recording(self) -> Recording:
        """Return all of it."""
        joint = self._plan.joint
        states = sorted([*(beat.joints for beat in self._beats), *self._looks], key=lambda state: state.t_measured_ns)
        numbers = [number for number, _, _ in self._frames]
        return Recording(
            commands=self._signal([(beat.t_command_ns, float(beat.target_rad[joint])) for beat in self._beats]),
            measured=self._signal([(state.t_measured_ns, float(state.position_rad[joint])) for state in states]),
            pictures=tuple(picture for _, _, picture in self._frames),
            t_picture_s=tuple(self._seconds(t_ns) for _, t_ns, _ in self._frames),
            period_s=self._arm.config.period_ns * 1e-9,
            lost_frames=numbers[-1] - numbers[0] + 1 - len(numbers) if numbers else 0,
            last=self._beats[-1].joints,
        )

    def _take(self, frame: Frame) -> None:
        if frame.t_capture_ns > (self._frames[-1][1] if self._frames else 0):
            self._frames.append((frame.number, frame.t_capture_ns, shrunk(frame.rgb)))

    def _signal(self, samples: list[tuple[int, float]]) -> Signal:
        return Signal(
            t_s=np.array([self._seconds(t_ns) for t_ns, _ in samples]), value=np.array([value for _, value in samples])
        )

    def _seconds(self, t_ns: int) -> float:
        return (t_ns - self._t_start_ns) * 1e-9
