"""One sequence of faults on the simulated arm: the real stage, guard, driver and bytes, in lockstep with physics.

The loop is that of runtime/command/loop.py on a virtual clock: listen, exchange, and open a lost bus again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bench.faults.faulty_policy import MS, FaultyPolicy, Mode
from bench.faults.script import LAST_MS, Event, Fault
from bench.faults.simulated_arm import SimulatedArm
from bench.faults.watch import Findings, Period, Watch
from interfaces.messages import ActionChunk, CommandState, JointCommand, JointState, StageInput, StageInputKind
from interfaces.robot_config import RobotConfig
from runtime.command.stage import CommandStage
from sim.world import World

RECOVERY_MS = 20_000  # a bus that was lost again and again is opened ever less often, up to 8 s apart
THINK_EVERY = 3  # periods between two chunks
# What the servo's own control adds to a command that keeps the limits; measured, see docs/faults.md.
OVERSHOOT_RAD = 0.05
OVERSHOOT_RAD_S = 3.0
_FELL_NS = 500 * MS  # after power came back, or the arm left what it touched: its motion is not the commands'


@dataclass(slots=True)
class Physics:
    """What the arm really did, while it was powered and touched nothing."""

    outside_rad: float = 0.0
    velocity_over_rad_s: float = 0.0
    free_periods: int = 0
    other_periods: int = 0  # unpowered, falling, or in contact


@dataclass(slots=True)
class Result:
    """What became of a sequence."""

    seed: int
    events: tuple[Event, ...]
    findings: Findings
    recovered_ms: float  # from mending everything until it followed again; NaN where it never did
    physics: Physics = field(default_factory=Physics)

    @property
    def violations(self) -> list[str]:
        """Return everything that must not have been."""
        physics, found = self.physics, list(self.findings.violations)
        if not self.recovered_ms <= RECOVERY_MS:
            found.append(f"mended and cleared, it did not follow again within {RECOVERY_MS} ms")
        if physics.outside_rad > OVERSHOOT_RAD:
            found.append(f"a joint was {physics.outside_rad:.3f} rad outside its limits, tolerated {OVERSHOOT_RAD}")
        if physics.velocity_over_rad_s > OVERSHOOT_RAD_S:
            found.append(
                f"a joint was {physics.velocity_over_rad_s:.2f} rad/s above its limit, tolerated {OVERSHOOT_RAD_S}"
            )
        return found


class Trial:
    """Plays one script."""

    def __init__(self, robot: RobotConfig, world: World, seed: int, events: tuple[Event, ...]) -> None:
        """Set up the arm as the seed says; `world` may have served another trial before."""
        self._robot, self._seed, self._events = robot, seed, events
        self._arm = SimulatedArm(robot, world, seed)
        self._policy = FaultyPolicy(robot.arm, seed)
        self._stage = CommandStage(robot)
        self._watch = Watch(robot)
        self._physics = Physics()
        self._joints: JointState | None = None
        self._told: list[StageInput] = []
        self._back_ns = 0
        self._t_ns = self._t_fell_ns = self._arm.t_now_ns
        self._t_start_ns = self._t_ns
        self._n_periods = 0
        self._low_rad = robot.arm.vector("position_min_rad")
        self._high_rad = robot.arm.vector("position_max_rad")
        self._velocity_max_rad_s = robot.arm.vector("velocity_max_rad_s")
        self._was_rad, self._t_was_ns = self._arm.position_rad(), self._t_ns
        arm, policy = self._arm, self._policy
        self._happens: dict[Fault, Callable[[int], object]] = {
            Fault.POLICY: lambda amount: setattr(policy, "mode", Mode.of(amount)),
            Fault.POLICY_GONE: lambda _: self._policy_gone(),
            Fault.DROP: lambda amount: setattr(arm.faults, "n_drop", amount),
            Fault.CORRUPT: lambda amount: setattr(arm.faults, "n_corrupt", amount),
            Fault.GARBAGE: lambda amount: setattr(arm.faults, "garbage", self._garbage(amount)),
            Fault.SERVO_GONE: arm.faults.silent_ids.add,
            Fault.SERVO_BACK: lambda _: arm.faults.silent_ids.clear(),
            Fault.DELAY: lambda amount: setattr(arm.faults, "delay_ns", amount * MS),
            Fault.PROMPT: lambda _: setattr(arm.faults, "delay_ns", 0),
            Fault.ECHO: lambda amount: setattr(arm.faults, "echo", bool(amount)),
            Fault.UNPLUG: lambda _: arm.cable.pull(),
            Fault.POWER_CUT: lambda _: self._power_cut(),
            Fault.PLUG: lambda _: arm.cable.plug(),
            Fault.HOT: lambda amount: arm.heat(1 + amount % len(robot.arm.joints), amount),
            Fault.COOL: lambda _: arm.cool(),
            Fault.SUPPLY: lambda amount: arm.supply(0.1 * amount),
            Fault.ESTOP: lambda _: self._take(StageInputKind.ESTOP, why="a person"),
            Fault.CLEAR: lambda _: self._clear(),
            Fault.STALL: self._stall,
            Fault.CLOCK_BACK: lambda amount: setattr(self, "_back_ns", amount * MS),
        }

    def run(self) -> Result:
        """Play it, mend everything, and see whether the arm follows again."""
        events = list(self._events)
        while self._t_ns - self._t_start_ns < LAST_MS * MS:
            due: list[Event] = []
            while events and (self._t_ns - self._t_start_ns) >= events[0].t_ms * MS:
                due.append(events.pop(0))
            self._period(due)
        recovered_ms = self._recover()
        return Result(
            seed=self._seed,
            events=self._events,
            findings=self._watch.close(),
            recovered_ms=recovered_ms,
            physics=self._physics,
        )

    def _recover(self) -> float:
        t_mended_ns = self._t_ns
        self._arm.mend()
        self._policy.mode = Mode.RIGHT
        clear = Event(t_ms=0, fault=Fault.CLEAR, amount=0)
        while self._t_ns - t_mended_ns < RECOVERY_MS * MS:
            latched = self._stage.state in {CommandState.FAULT, CommandState.ESTOP}
            self._period([clear] if latched else [])
            if self._stage.state is CommandState.FOLLOWING:
                return (self._t_ns - t_mended_ns) / MS
        return float("nan")

    def _period(self, due: list[Event]) -> None:
        self._t_ns += self._robot.arm.period_ns
        self._n_periods += 1
        self._told.clear()
        self._back_ns = 0
        lost = self._arm.guarded.lost
        if lost:
            self._take(StageInputKind.BUS_LOST, why=self._arm.guarded.fault)
        for event in due:
            self._happens[event.fault](event.amount)
        self._arm.let_pass(self._t_ns)
        self._measure_physics()
        chunk = self._policy.arrived(self._t_ns)
        if chunk is not None:
            self._take(StageInputKind.CHUNK, chunk=chunk)
        joints, command = self._joints, None
        if lost:
            joints = self._reopen()
        elif joints is not None:
            command = self._exchange(joints)
        if self._n_periods % THINK_EVERY == 0 and self._joints is not None:
            self._policy.think(self._joints)
        self._watch.look(
            Period(
                t_ns=self._t_ns - self._t_start_ns,
                told=tuple(self._told),
                command=command,
                joints=joints,
                state=self._stage.state,
                lost=lost,
            )
        )

    def _exchange(self, joints: JointState) -> JointCommand:
        command = self._stage.command(joints, self._t_ns - self._back_ns)
        self._joints = self._arm.guarded.exchange(command.position_rad) or joints
        return command

    def _reopen(self) -> JointState | None:
        joints = self._arm.guarded.reopen(self._t_ns)
        if joints is not None:
            self._t_ns = max(self._t_ns, self._arm.port.now_ns())  # opening takes its time, and is no period
            first = self._joints is None and self._stage.state is CommandState.BOOT
            self._take(StageInputKind.BEGIN if first else StageInputKind.BUS_BACK, joints=joints)
            self._joints = joints
        return joints

    def _take(
        self, kind: StageInputKind, *, why: str = "", chunk: ActionChunk | None = None, joints: JointState | None = None
    ) -> None:
        sequence = 0 if chunk is None else chunk.sequence
        told = StageInput(kind=kind, t_ns=self._t_ns, why=why, chunk_sequence=sequence, chunk=chunk)
        self._stage.take(told, joints)
        self._told.append(told)

    def _clear(self) -> None:
        latched = self._stage.state in {CommandState.FAULT, CommandState.ESTOP}
        if latched and not self._arm.guarded.lost:  # else the loop refuses
            self._take(StageInputKind.CLEAR)

    def _policy_gone(self) -> None:
        self._policy.hang_up()
        self._take(StageInputKind.POLICY_GONE, why="the policy is gone")

    def _power_cut(self) -> None:
        self._arm.cable.pull()
        self._arm.bus.power_cycle()

    def _stall(self, amount: int) -> None:
        """Stand still: physics and policy go on, and what the loop makes of it is its own affair."""
        n_missed = amount * MS // self._robot.arm.period_ns
        self._t_ns += n_missed * self._robot.arm.period_ns
        if n_missed * self._robot.arm.period_ns > self._robot.runtime.stall_max_ms * 1e6:
            self._take(StageInputKind.STALLED, why=f"stood still for {amount} ms")

    def _garbage(self, count: int) -> bytes:
        return np.random.default_rng((self._seed, count)).bytes(count)

    def _measure_physics(self) -> None:
        """Hold the joints against their limits; their velocity is that of the period, as the goals are steps within it."""
        physics, position_rad, before_rad = self._physics, self._arm.position_rad(), self._was_rad
        elapsed_s = (self._t_ns - self._t_was_ns) * 1e-9
        self._was_rad, self._t_was_ns = position_rad, self._t_ns
        if not self._arm.powered or self._arm.touches:
            self._t_fell_ns = self._t_ns
        if self._t_ns - self._t_fell_ns < _FELL_NS:
            physics.other_periods += 1
            return
        outside_rad = max((self._low_rad - position_rad).max(), (position_rad - self._high_rad).max(), 0.0)
        over_rad_s = (np.abs(position_rad - before_rad) / elapsed_s - self._velocity_max_rad_s).max()
        physics.free_periods += 1
        physics.outside_rad = max(physics.outside_rad, float(outside_rad))
        physics.velocity_over_rad_s = max(physics.velocity_over_rad_s, float(over_rad_s))
