"""One episode in lockstep: the robot's own stages, driver and bytes on the bus, on a virtual clock.

What happens when is a queue of events, in the order of their instants:

    camera      each frame period: a frame is taken, and is in its slot `camera_ms` later, with those before it that the policy sees
    foresight   starts on a frame as it arrives, skipping frames to keep its rate; done `foresight_ms` later
    action      at its rate: starts on the newest foresight and joint state, its chunk arrives `action_ms` later
    command     each command period: newest chunk -> stage -> bytes or frames on the bus -> joint state

Nothing here sleeps or reads a clock, so an episode runs as fast as the processor goes, and the same way each time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from bench.closed_loop.action_turns import ActionTurns
from bench.closed_loop.events import Events
from bench.closed_loop.latencies import Latencies
from drivers.open_devices import open_arm
from interfaces.messages import ActionChunk, Foresight, Frame, JointState
from interfaces.robot_config import RobotConfig
from runtime.command.stage import CommandStage
from runtime.policy.action_pacer import ActionPacer
from runtime.policy.frame_history import FrameHistory
from runtime.policy.frame_pacer import FramePacer
from sim.camera.renderer import CameraRenderer
from sim.motors.servo_world import ServoWorld
from sim.motors.simulated_bus import lockstep_port, simulated_bus
from sim.shifts.shift import Shift
from sim.world import STEP_NS, World

_PHASES = 1_000_000  # loops of a real robot start at any phase to each other; drawn by seed


@dataclass(slots=True)
class Outcome:
    """What became of one episode."""

    task: str
    seed: int
    success_s: float | None = None  # None: not within the time limit
    foresight_age_ms: list[float] = field(default_factory=list[float])  # of each chunk, at its joint state
    frame_age_ms: list[float] = field(default_factory=list[float])  # of each command that a frame stands behind
    states: dict[str, int] = field(default_factory=dict[str, int])  # periods spent in each state of the command process


@dataclass(frozen=True, slots=True, kw_only=True)
class Brain:
    """Who makes the chunks (bench/closed_loop/brains.py): the policy, or the expert in its place."""

    foresee: (
        Callable[[tuple[Frame, ...], str, int], Foresight] | None
    )  # (frames, task, now); None for one that needs no camera
    act: Callable[[Foresight | None, JointState, str, int], ActionChunk | None]  # (foresight, joints, task, now)
    n_history: int = 1  # frames it sees, the newest one included ...
    history_step_ms: float = 100.0  # ... so far apart


@dataclass(slots=True, kw_only=True)
class _Exposure:
    """A frame that was taken, and is rendered only if somebody looks at it: rendering is what costs."""

    number: int
    t_capture_ns: int
    t_arrival_ns: int
    physics_state: NDArray[np.float64]
    bodies_m: NDArray[np.float64]  # where the bodies are that the physics does not move
    frame: Frame | None = None  # rendered


class Lockstep:
    """A simulated robot whose loops run on a virtual clock, with what is other than in training where a shift says so."""

    def __init__(self, robot: RobotConfig, latencies: Latencies, shift: Shift | None = None) -> None:
        self.shift = shift or Shift()
        self.world = World()
        self.seen = World(add_last=self.shift.add_to)  # posed as the world was when a frame was taken
        self.renderer = CameraRenderer(self.seen.model)
        self._robot, self._latencies = robot, latencies

    def run(
        self, brain: Brain, task: str, seed: int, time_limit_s: float, latencies: Latencies | None = None
    ) -> Outcome:
        """Return what became of the episode of this task and seed, with latencies of its own where they are given."""
        return _Episode(self, self._robot, latencies or self._latencies, brain).run(task, seed, time_limit_s)


class _Episode:
    def __init__(self, lockstep: Lockstep, robot: RobotConfig, latencies: Latencies, brain: Brain) -> None:
        self._lockstep, self._world, self._brain = lockstep, lockstep.world, brain
        self._robot = robot
        self._camera_ns, self._foresight_ns, action_ns = (
            round(value * 1e6) for value in (latencies.camera_ms, latencies.foresight_ms, latencies.action_ms)
        )
        self._frame_period_ns = round(1e9 / robot.cameras[0].rate_hz)
        self._frame_pacer = FramePacer(robot.policy.foresight_rate_hz, robot.cameras[0].rate_hz)
        self._action_period_ns = round(1e9 / robot.policy.action_rate_hz)
        self._events = Events()
        pacer = ActionPacer(robot.policy.action_rate_hz)
        self._turns = ActionTurns(self._events, pacer, action_ns, self._act, self._put_chunk)
        self._t_now_ns = 0
        self._stage = CommandStage(robot)
        self._newest: _Exposure | None = None  # arrived, and not looked at yet
        self._history = FrameHistory[_Exposure](brain.n_history, brain.history_step_ms)
        self._chunk: ActionChunk | None = None
        self._t_foresight_free_ns = 0

    def run(self, task: str, seed: int, time_limit_s: float) -> Outcome:
        world, seen, shift = self._world, self._lockstep.seen, self._lockstep.shift
        world.reset(task, seed)
        seen.reset(task, seed)
        shift.begin(world, seed)
        shift.dress(seen, seed)
        self._outcome = Outcome(task=task, seed=seed)
        self._servos = ServoWorld(world)
        port = lockstep_port(simulated_bus(self._robot.arm, self._servos), lambda: self._t_now_ns)
        self._arm = open_arm(self._robot.arm, port.open_port)
        self._arm.open()
        self._t_now_ns = port.now_ns()
        self._joints = self._arm.hold()
        self._t_now_ns = port.now_ns()
        self._stage.begin(self._joints, self._t_now_ns)
        t_start_ns = self._t_start_ns = self._t_world_ns = self._t_now_ns
        self._start_loops(np.random.default_rng((seed, 3)))
        while self._outcome.success_s is None and self._t_now_ns - t_start_ns < time_limit_s * 1e9:
            t_ns, happen = self._events.pop()
            self._let_pass(t_ns)
            happen(t_ns)
            if world.succeeded():
                self._outcome.success_s = (self._t_now_ns - t_start_ns) * 1e-9
        return self._outcome

    def _start_loops(self, rng: np.random.Generator) -> None:
        phases = rng.integers(_PHASES, size=2) / _PHASES
        t_ns = self._t_now_ns
        self._events.at(t_ns, self._command)
        self._events.at(t_ns + int(phases[0] * self._action_period_ns), self._turns.look)
        if self._brain.foresee is not None:
            self._events.at(t_ns + int(phases[1] * self._frame_period_ns), self._take_frame)

    def _let_pass(self, t_ns: int) -> None:
        while self._t_world_ns + STEP_NS <= t_ns:
            self._servos.write_to(self._world)
            self._world.step(1)
            self._servos.read_from(self._world)
            self._t_world_ns += STEP_NS
        self._t_now_ns = t_ns

    def _take_frame(self, t_ns: int) -> None:
        self._events.at(t_ns + self._frame_period_ns, self._take_frame)
        t_arrival_ns = t_ns + self._camera_ns
        exposure = _Exposure(
            number=t_ns // self._frame_period_ns,
            t_capture_ns=t_ns,
            t_arrival_ns=t_arrival_ns,
            physics_state=self._world.physics_state(),
            bodies_m=self._world.model.body_pos.copy(),
        )
        self._events.at(t_arrival_ns, lambda t_now_ns: self._arrive(exposure, t_now_ns))

    def _arrive(self, exposure: _Exposure, t_now_ns: int) -> None:
        self._newest = exposure
        self._history.add(exposure, exposure.t_capture_ns)
        self._foresee(t_now_ns)

    def _foresee(self, t_ns: int) -> None:
        exposure = self._newest
        if exposure is None or t_ns < self._t_foresight_free_ns or self._brain.foresee is None:
            return
        self._newest = None
        if not self._frame_pacer.take(exposure.t_arrival_ns):
            return
        self._t_foresight_free_ns = self._turns.t_foresight_due_ns = done_ns = t_ns + self._foresight_ns
        foresight = self._brain.foresee((self._seen(exposure),), self._outcome.task, t_ns)
        self._events.at(done_ns, lambda t_done_ns: self._put_foresight(replace(foresight, t_done_ns=t_done_ns)))
        self._events.at(done_ns, self._foresee)

    def _seen(self, newest: _Exposure) -> Frame:
        """Return the newest frame with those before it that the policy sees; each is rendered once."""
        earlier = self._history.earlier(newest, newest.t_capture_ns)
        shown = tuple(self._frame(exposure) for exposure in (*earlier, newest))
        return replace(shown[-1], earlier=shown[:-1]) if earlier else shown[-1]

    def _frame(self, exposure: _Exposure) -> Frame:
        if exposure.frame is not None:
            return exposure.frame
        seen = self._lockstep.seen
        seen.model.body_pos[: len(exposure.bodies_m)] = exposure.bodies_m  # what only `seen` has comes after them
        seen.put_state(exposure.physics_state)
        rgb, depth_mm = self._lockstep.renderer.render(seen.data)
        exposure.frame = Frame(
            camera=self._robot.cameras[0].name,
            number=exposure.number,
            t_capture_ns=exposure.t_capture_ns,
            t_arrival_ns=exposure.t_arrival_ns,
            rgb=rgb,
            depth_mm=depth_mm,
        )
        return exposure.frame

    def _put_foresight(self, foresight: Foresight) -> None:
        self._turns.t_foresight_due_ns = self._frame_pacer.t_due_ns + self._foresight_ns
        self._turns.put(foresight)

    def _act(self, foresight: Foresight | None, t_ns: int) -> ActionChunk | None:
        return self._brain.act(foresight, self._joints, self._outcome.task, t_ns)

    def _put_chunk(self, chunk: ActionChunk, t_now_ns: int) -> None:
        del t_now_ns  # the command process takes it up at its next beat
        self._chunk = chunk
        self._outcome.foresight_age_ms.append(chunk.foresight_age_ns * 1e-6)

    def _command(self, t_ns: int) -> None:
        self._events.at(t_ns + self._robot.arm.period_ns, self._command)
        self._lockstep.shift.during(self._world, t_ns - self._t_start_ns)
        if self._chunk is not None:
            self._stage.adopt(self._chunk, t_ns)
            self._chunk = None
        command = self._stage.command(self._joints, t_ns)
        self._joints = self._arm.exchange(command.position_rad)
        states = self._outcome.states
        states[command.state.name] = states.get(command.state.name, 0) + 1
        if command.frame_age_ns >= 0:
            self._outcome.frame_age_ms.append(command.frame_age_ns * 1e-6)
