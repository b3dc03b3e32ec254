"""The simulated robot on its table: physics in steps of 2 ms, tasks set by seed, success read from the physics."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.camera.renderer import project
from sim.guiding_hand import GuidingHand
from sim.kinematics import TIP_SITE, so101_kinematics
from sim.mujoco_headless import mujoco
from sim.rigid import OPENGL_FROM_OPENCV, inverse, rigid, turned_as
from sim.scene import CAMERA_NAME, PHYSICS_STEP_S, WRIST_BODY, build_scene, randomise_looks
from sim.tasks import TASKS, ObjectState
from sim.truth import AS_DESIGNED, BoardPlace, Truth

Array = NDArray[np.float64]

STEP_NS = round(PHYSICS_STEP_S * 1e9)
# Where an episode starts: hand drawn in above the table, out of the camera's way, fingers nearly closed.
REST_RAD = (0.0, -0.75, 0.35, 1.60, 0.0, 0.05)
REST_NOISE_RAD = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What an expert may know: the joints as measured, and the task's object."""

    joints_rad: Array  # (6,)
    object_state: ObjectState


class World:
    """One arm, one table, one task at a time. Not for more than one thread."""

    def __init__(self, truth: Truth = AS_DESIGNED, add_last: Callable[[mujoco.MjSpec], None] | None = None) -> None:
        """Build it as it truly is; `add_last` may put further things into the scene."""
        self.truth = truth
        self.board: BoardPlace | None = truth.board  # where it is now; whoever moves it puts another place here
        self.hand = GuidingHand()
        self.scene = build_scene(truth, add_last)
        self.model = self.scene.model
        self.data = mujoco.MjData(self.model)
        self.task_name = "reach"
        self.looks = 0  # another number after each change of objects and colours
        self._time_ns = 0
        self._gain = self.model.actuator_gainprm.copy()
        self._bias = self.model.actuator_biasprm.copy()
        self._kinematics = so101_kinematics()
        self.reset("reach", 0)

    def reset(self, task_name: str, seed: int) -> None:
        """New episode: time zero, arm at rest with a little noise, torque on, objects and looks drawn from the seed."""
        mujoco.mj_resetData(self.model, self.data)
        self._time_ns = 0
        self.hand.let_go()
        self.board = self.truth.board
        self.set_torque_enabled(np.ones(6, bool))
        noise_rad = _generator(task_name, seed, "arm").uniform(-REST_NOISE_RAD, REST_NOISE_RAD, 6)
        self.data.qpos[:6] = np.array(REST_RAD) + noise_rad
        self.data.ctrl[:6] = self.data.qpos[:6]
        self.reset_objects(task_name, seed)

    def reset_objects(self, task_name: str, seed: int) -> None:
        """The same objects and looks as `reset`, with arm and time left as they are; KeyError on an unknown task."""
        task = TASKS[task_name]
        self.looks += 1
        rng = _generator(task_name, seed, "table")
        randomise_looks(self.scene, rng)
        for other in TASKS.values():
            other.hide(self.model, self.data)
        task.place(self.model, self.data, rng)
        self.task_name = task_name
        mujoco.mj_forward(self.model, self.data)

    def clear_table(self) -> None:
        """Take the objects of every task away."""
        for task in TASKS.values():
            task.hide(self.model, self.data)
        self.looks += 1
        mujoco.mj_forward(self.model, self.data)

    def twin(self) -> World:
        """Return this world to be posed as at another instant (`put_state`): it shares the model, and what is changed in it."""
        twin = copy.copy(self)
        twin.data = mujoco.MjData(self.model)
        twin.hand = GuidingHand()
        twin.put_state(self.physics_state())
        return twin

    def set_targets(self, targets_rad: Array) -> None:
        """Position targets (6,) of the servos, clipped to their ranges as the servos clip them."""
        self.data.ctrl[:6] = np.clip(targets_rad, *self.model.actuator_ctrlrange.T)

    def set_torque_enabled(self, enabled: NDArray[np.bool_]) -> None:
        """Which of the six servos drive; the others turn freely against friction."""
        self.model.actuator_gainprm[:] = self._gain * enabled[:, None]
        self.model.actuator_biasprm[:] = self._bias * enabled[:, None]

    def step(self, n_steps: int) -> None:
        """Lets n_steps of 2 ms pass."""
        if self.hand.is_idle:
            self.data.qfrc_applied[:6] = 0.0
            mujoco.mj_step(self.model, self.data, n_steps)
        else:
            for _ in range(n_steps):
                self.hand.push(self.data, PHYSICS_STEP_S)
                mujoco.mj_step(self.model, self.data)
        self._time_ns += n_steps * STEP_NS

    def step_until(self, time_ns: int) -> None:
        """Lets time pass until `time_ns`, the last step as short as it must be; not before the present."""
        whole, rest_ns = divmod(time_ns - self._time_ns, STEP_NS)
        self.step(whole)
        if rest_ns:
            self.model.opt.timestep = rest_ns * 1e-9
            if not self.hand.is_idle:
                self.hand.push(self.data, rest_ns * 1e-9)
            else:
                self.data.qfrc_applied[:6] = 0.0
            mujoco.mj_step(self.model, self.data)
            self.model.opt.timestep = PHYSICS_STEP_S
            self._time_ns += rest_ns

    @property
    def time_ns(self) -> int:
        """Simulated time since `reset`."""
        return self._time_ns

    @property
    def joint_positions_rad(self) -> Array:
        """Joint angles (6,)."""
        return self.data.qpos[:6].copy()

    @property
    def joint_velocities_rad_s(self) -> Array:
        """Joint velocities (6,)."""
        return self.data.qvel[:6].copy()

    @property
    def joint_torques_nm(self) -> Array:
        """Torques (6,) that the servos apply."""
        return self.data.actuator_force[:6].copy()

    @property
    def state(self) -> Observation:
        """What an expert sees of this instant."""
        return Observation(joints_rad=self.joint_positions_rad, object_state=TASKS[self.task_name].observe(self.data))

    def physics_state(self) -> Array:
        """All that moves at this instant, as one vector for `put_state`."""
        state = np.empty(mujoco.mj_stateSize(self.model, mujoco.mjtState.mjSTATE_PHYSICS))
        mujoco.mj_getState(self.model, self.data, state, mujoco.mjtState.mjSTATE_PHYSICS)
        return state

    def put_state(self, physics_state: Array) -> None:
        """Poses this world as another was at the instant of its `physics_state`."""
        mujoco.mj_setState(self.model, self.data, physics_state, mujoco.mjtState.mjSTATE_PHYSICS)
        mujoco.mj_forward(self.model, self.data)

    def succeeded(self) -> bool:
        """Whether the present task is done at this instant."""
        return TASKS[self.task_name].succeeded(self.data)

    def tip_position_m(self) -> Array:
        """Tip (3,) in the base frame."""
        return self.data.site(TIP_SITE).xpos.copy()

    def tip_path_m(self, joints_rad: Array) -> Array:
        """Tip positions (k, 3) that joints (k, 6) would give; the world is not touched."""
        return self._kinematics.tip_path(joints_rad)

    def base_from_hand(self) -> Array:
        """Pose (4, 4) of the gripper's body in the base frame, as the physics last had it."""
        hand = self.data.body(WRIST_BODY)
        return rigid(hand.xmat.reshape(3, 3), hand.xpos)

    def base_from_camera(self) -> Array:
        """Pose (4, 4) of the camera in the base frame: x right, y down, z ahead."""
        camera = self.data.camera(CAMERA_NAME)
        return rigid(camera.xmat.reshape(3, 3), camera.xpos) @ OPENGL_FROM_OPENCV

    def hand_from_camera(self) -> Array:
        """Pose (4, 4) of the camera in the gripper body's frame."""
        return inverse(self.base_from_hand()) @ self.base_from_camera()

    def base_from_board(self) -> Array:
        """Pose (4, 4) of the board in the base frame; LookupError where there is none."""
        if self.board is None:
            raise LookupError("there is no board in this world")
        there = rigid(turned_as(self.board.rotation_wxyz), np.array(self.board.translation_m))
        return self.base_from_hand() @ there if self.board.fixed_to == "hand" else there

    def project_px(self, points_m: Array) -> Array:
        """Pixels (k, 2), column and row in the 424x240 image, of points (k, 3) in the base frame."""
        return project(self.model, self.data, points_m)


def _generator(task_name: str, seed: int, purpose: str) -> np.random.Generator:
    """Independent stream a purpose, so that the table does not depend on what the arm drew."""
    return np.random.default_rng([seed, list(TASKS).index(task_name), ("arm", "table").index(purpose)])
