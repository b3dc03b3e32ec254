"""One joint after the other: slow ways to and fro, slower ones, and then quicker and quicker as long as it follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from calibration.servo.following import Rung, best_of, rung_of
from calibration.servo.friction import Friction, find_friction
from calibration.servo.motions import Pace, speed_possible, to_and_fro
from calibration.servo.play import Play, find_play
from calibration.servo.samples import Samples, joined
from calibration.session.arm_session import ArmSession, Beat
from calibration.session.clock import Clock
from interfaces.arm_config import JointConfig
from interfaces.calibration.motion import ServoJoint
from interfaces.errors import RefusedError
from interfaces.messages import JointState, JointVector

MARGIN_RAD = 0.03  # to the ends of the joint's travel
EVEN_RAD_S = (
    0.3,
    0.6,
    0.9,
)  # for friction, where the robot file allows it; slower, a stiff servo trembles from tick to tick
EVEN_SHARE_MAX = 0.5  # of the robot file's velocity
N_EVEN = 4  # times to and fro at each
LOOP_RAD_S, LOOP_HALF_RAD, N_LOOP = 0.06, 0.035, 2  # a slow triangle of two degrees
RUNGS = (0.25, 0.5, 0.75, 0.98)  # of the robot file's limits; at all of it the gate has nothing left to catch up with
EFFORT_MAX_RATIO = 0.7  # pushing harder for a while is a touch
ROOM_RAD = 0.1  # less to either side, and nothing can be told
PAUSE_S = 0.1
NEARLY_ALL = 0.9  # of a limit: where there is no room for more, more would not be tried
GOLDEN = 0.618034  # multiples of it, less their whole part, fill an interval evenly
LOOK_FROM, LOOK_OVER = 0.25, 0.6  # shares of a period: where in it the joint is measured once more

Told = Callable[[str, float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class JointFound:
    """All that was measured of one joint."""

    config: JointConfig
    friction: Friction
    play: Play
    velocities: tuple[Rung, ...]
    accelerations: tuple[Rung, ...]
    even: Samples
    loop: Samples

    @property
    def velocity(self) -> Rung | None:
        """Return the quickest motion that it followed."""
        return best_of(self.velocities, self.config.effort_fault_ratio)

    @property
    def acceleration(self) -> Rung | None:
        """Return the steepest motion that it followed."""
        return best_of(self.accelerations, self.config.effort_fault_ratio)

    def record(self) -> ServoJoint:
        """Return it as records keep it."""
        tried = self.velocity or self.velocities[0]
        return ServoJoint(
            name=self.config.name,
            friction_ratio=round(max(0.0, self.friction.slow_ratio.value), 5),
            backlash_rad=round(self.play.play_rad.value, 6),
            following_error_rad=round(tried.error_rad, 6),
            speed_tried_rad_s=round(tried.velocity_rad_s, 4),
            velocity_suggested_rad_s=_suggested(self.velocity, "velocity_rad_s", self.config.velocity_max_rad_s),
            acceleration_suggested_rad_s2=_suggested(
                self.acceleration, "acceleration_rad_s2", self.config.acceleration_max_rad_s2
            ),
        )


class JointTrial:
    """Moves one joint of an arm that is held, and tells what it is like; the others stand."""

    def __init__(self, arm: ArmSession, clock: Clock, index: int, middle_rad: JointVector, half_rad: float) -> None:
        self._arm, self._clock, self._index, self._middle_rad, self._half_rad = arm, clock, index, middle_rad, half_rad
        self._n_looks = 0
        self._config = arm.config.joints[index]
        self._period_s = arm.config.period_ns * 1e-9
        self._t_zero_ns: int | None = None

    def find(self, told: Told) -> JointFound:
        """Return what the joint is like; raises TouchError where it pushes against something."""
        config = self._config
        even_speeds = [v for v in EVEN_RAD_S if v <= EVEN_SHARE_MAX * config.velocity_max_rad_s] or [
            EVEN_SHARE_MAX * config.velocity_max_rad_s
        ]
        gentle = 0.25 * config.acceleration_max_rad_s2
        even: list[Samples] = []
        for k, speed in enumerate(even_speeds):
            told(f"{config.name}: friction", 0.1 + 0.1 * k)
            even.append(self._run(speed, gentle, N_EVEN))
        friction = self._arm.while_computing(lambda: find_friction(even))
        told(f"{config.name}: play", 0.4)
        loop = self._run(LOOP_RAD_S, gentle, N_LOOP, half_rad=min(LOOP_HALF_RAD, self._half_rad))
        told(f"{config.name}: following", 0.6)
        steep = self._steeper()
        play = self._arm.while_computing(lambda: find_play(joined([*even, loop, *steep[:2]]), friction.dry_ratio.value))
        accelerations = tuple(rung_of(run, play.lag_s.value, play.play_rad.value) for run in steep)
        best = best_of(accelerations, config.effort_fault_ratio)
        told(f"{config.name}: following", 0.8)
        quick = self._quicker(best.acceleration_rad_s2 if best else gentle, play)
        told(f"{config.name}: done", 1.0)
        return JointFound(
            config=config,
            friction=friction,
            play=play,
            velocities=tuple(quick),
            accelerations=accelerations,
            even=joined(even),
            loop=loop,
        )

    def _steeper(self) -> list[Samples]:
        """Return motions of ever more acceleration, until one takes more strength than there should be left."""
        config, runs = self._config, list[Samples]()
        for share in RUNGS:
            acceleration = share * config.acceleration_max_rad_s2
            runs.append(self._run(0.5 * config.velocity_max_rad_s, acceleration, 2))
            if not rung_of(runs[-1], 0.0, np.inf).good(config.effort_fault_ratio):
                break
        return runs

    def _quicker(self, acceleration_rad_s2: float, play: Play) -> list[Rung]:
        """Return motions of ever more speed, until one is not followed or there is no room."""
        config, rungs = self._config, list[Rung]()
        most = speed_possible(self._half_rad, acceleration_rad_s2)
        speeds = [share * config.velocity_max_rad_s for share in RUNGS if share * config.velocity_max_rad_s <= most]
        for speed in speeds or [most]:
            rungs.append(rung_of(self._run(speed, acceleration_rad_s2, 1), play.lag_s.value, play.play_rad.value))
            if not rungs[-1].good(config.effort_fault_ratio):
                break
        return rungs

    def _run(self, velocity: float, acceleration: float, n_times: int, half_rad: float | None = None) -> Samples:
        """Go to and fro `n_times` and return what was measured on the way."""
        half_rad = self._half_rad if half_rad is None else half_rad
        pace = Pace(velocity_rad_s=velocity, acceleration_rad_s2=acceleration, jerk_rad_s3=self._config.jerk_max_rad_s3)
        way = to_and_fro(half_rad, pace, self._period_s)
        self._arm.move(self._target(-half_rad), effort_max_ratio=EFFORT_MAX_RATIO)
        still = np.full(round(PAUSE_S / self._period_s), -half_rad)
        path = [self._target(off) for off in (*still, *np.tile(way, n_times), *still)]
        looks: list[JointState] = []
        beats = self._arm.follow(
            path, each_beat=lambda beat: self._look(beat, looks), effort_max_ratio=EFFORT_MAX_RATIO
        )
        return self._samples(beats, looks, min(velocity, speed_possible(half_rad, acceleration)), acceleration)

    def _target(self, off_rad: float) -> JointVector:
        target = self._middle_rad.copy()
        target[self._index] += off_rad
        return target

    def _look(self, beat: Beat, looks: list[JointState]) -> None:
        """Measure once more within a period, always elsewhere in it: the push after each order is over before the next."""
        self._n_looks += 1
        share = LOOK_FROM + LOOK_OVER * (self._n_looks * GOLDEN % 1.0)
        t_look_ns = beat.t_command_ns + round(share * self._arm.config.period_ns)
        if self._clock.now_ns() <= t_look_ns:
            look = self._arm.look(t_look_ns)
            if look is not None:
                looks.append(look)

    def _samples(self, beats: list[Beat], looks: list[JointState], velocity: float, acceleration: float) -> Samples:
        if self._t_zero_ns is None:
            self._t_zero_ns = beats[0].t_command_ns
        zero_ns, joint = self._t_zero_ns, self._index
        states = sorted([*(beat.joints for beat in beats), *looks], key=lambda state: state.t_measured_ns)
        return Samples(
            velocity_rad_s=velocity,
            acceleration_rad_s2=acceleration,
            t_s=np.array([(state.t_measured_ns - zero_ns) * 1e-9 for state in states]),
            t_command_s=np.array([(beat.t_command_ns - zero_ns) * 1e-9 for beat in beats]),
            commanded_rad=np.array([beat.target_rad[joint] for beat in beats]),
            measured_rad=np.array([state.position_rad[joint] for state in states]),
            effort_ratio=np.array([state.effort_ratio[joint] for state in states]),
        )


def middle_of(arm: ArmSession, index: int, pose_rad: JointVector, half_rad: float) -> tuple[JointVector, float]:
    """Return around which pose, and how far to either side, a joint can go; raises RefusedError where there is no room."""
    config = arm.config.joints[index]
    room = (config.position_max_rad - config.position_min_rad) / 2 - MARGIN_RAD
    if room < ROOM_RAD:
        raise RefusedError(f"{config.name}: its travel is too short to tell how it moves")
    half_rad = min(half_rad, room)
    low, high = config.position_min_rad + MARGIN_RAD + half_rad, config.position_max_rad - MARGIN_RAD - half_rad
    middle = pose_rad.copy()
    middle[index] = np.clip(middle[index], low, high)
    return middle, half_rad


def _suggested(rung: Rung | None, key: str, most: float) -> float:
    """Return what was followed; the robot file's own limit where that is nearly all of it, 0 where nothing was."""
    if rung is None:
        return 0.0
    value: float = getattr(rung, key)
    return round(most if value >= NEARLY_ALL * most else value, 3)
