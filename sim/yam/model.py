"""The YAM arm as a MuJoCo model: six joints and a gripper, driven by torques, on a table. Numbers: sim/yam/links.py.

The actuators are plain motors whose force is ctrl + bias of angle and velocity, so that a motor's spring and damper can be
part of the physics (sim/yam/motors.py). Links touch the table and what lies on it, not each other.
"""

from __future__ import annotations

from typing import Any

from sim.mujoco_headless import mujoco
from sim.yam.links import (
    ARMATURE_KG_M2,
    FINGER_INERTIA_KG_M2,
    FINGER_MASS_KG,
    FINGER_QUATERNION,
    FINGER_STROKE_M,
    FINGERS,
    FRICTION_NM,
    GRIPPER_MODEL,
    GRIPPER_OPEN_RAD,
    LINKS,
    PEAK_NM,
    Finger,
    Link,
)

PHYSICS_STEP_S = 0.001
FINGER_SQUEEZE_M = 0.002  # how far beyond closed a finger may be pressed
# Motor angle a metre of the first finger; both together move what the motor turns.
GEAR_RAD_M = GRIPPER_OPEN_RAD / (FINGERS[0].opens_towards * FINGER_STROKE_M)


def build_yam() -> mujoco.MjModel:
    """Compile arm and table into one model."""
    spec = mujoco.MjSpec()
    spec.modelname = "forerun_yam"
    spec.compiler.degree = False
    spec.option.timestep = PHYSICS_STEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    table = {"contype": 0, "conaffinity": 1, "rgba": [0.8, 0.77, 0.72, 1]}
    spec.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1], **table)
    body: Any = spec.worldbody
    for number, link in enumerate(LINKS, start=1):
        body = _add_link(spec, body, link, f"joint{number}")
    for finger, name in zip(FINGERS, ("left_finger", "right_finger"), strict=True):
        _add_finger(body, finger, name)
    spec.add_equality(
        type=mujoco.mjtEq.mjEQ_JOINT,
        objtype=mujoco.mjtObj.mjOBJ_JOINT,
        name1="right_finger",
        name2="left_finger",
        data=[0, -1, *[0] * 9],
    )
    _add_motor(spec, "gripper", "left_finger", GEAR_RAD_M, PEAK_NM[GRIPPER_MODEL])
    return spec.compile()


def _add_link(spec: mujoco.MjSpec, parent: Any, link: Link, joint_name: str) -> Any:
    body = parent.add_body(name=joint_name.replace("joint", "link_"), pos=link.position_m, quat=link.quaternion)
    body.explicitinertial = True
    body.mass, body.ipos, body.iquat, body.inertia = (
        link.mass_kg,
        link.centre_m,
        link.inertia_quaternion,
        link.inertia_kg_m2,
    )
    body.add_joint(
        name=joint_name,
        axis=[0, 0, 1],
        range=link.travel_rad,
        limited=True,
        armature=ARMATURE_KG_M2[link.model],
        frictionloss=FRICTION_NM,
    )
    for shape in link.shapes:
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            size=[shape.radius_m, shape.half_length_m, 0],
            pos=shape.position_m,
            quat=shape.quaternion,
            contype=1,
            conaffinity=0,
        )
    _add_motor(spec, joint_name, joint_name, 1.0, PEAK_NM[link.model])
    return body


def _add_finger(parent: Any, finger: Finger, name: str) -> None:
    body = parent.add_body(name=name, pos=finger.position_m, quat=FINGER_QUATERNION)
    body.explicitinertial = True
    body.mass, body.ipos, body.iquat, body.inertia = (
        FINGER_MASS_KG,
        finger.centre_m,
        finger.inertia_quaternion,
        FINGER_INERTIA_KG_M2,
    )
    ends = sorted((finger.opens_towards * FINGER_STROKE_M, -finger.opens_towards * FINGER_SQUEEZE_M))
    body.add_joint(
        name=name,
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=[0, 0, 1],
        range=ends,
        limited=True,
        armature=ARMATURE_KG_M2[GRIPPER_MODEL] * GEAR_RAD_M**2 / len(FINGERS),
        frictionloss=FRICTION_NM * abs(GEAR_RAD_M) / len(FINGERS),
    )


def _add_motor(spec: mujoco.MjSpec, name: str, joint: str, gear: float, peak_nm: float) -> None:
    motor = spec.add_actuator(name=name, target=joint, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    motor.gear = [gear, 0, 0, 0, 0, 0]
    motor.gaintype, motor.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
    motor.gainprm = [1, *[0] * 9]
    motor.forcerange, motor.forcelimited = [-peak_nm, peak_nm], True
