"""The YAM arm of i2rt in numbers: frames, masses, inertias, travel, rotors. Facts only; its meshes are not needed.

Source: google-deepmind/mujoco_menagerie, i2rt_yam/yam.xml at cc0a8294 (MIT licence), derived there from i2rt's URDF at d4efb66:
with the crank gripper. Its rotor inertias at the output ("armature") are from the maker, its friction is "not identified".
Travel of joints 1, 3 and 4, and the gripper's stroke of 71 mm for 2.7 rad of its motor: i2rt-robotics/i2rt at 5d47b35,
robot_models/arm/yam/yam.xml and robots/config/crank_4310.yml. The crank is taken as a straight line here.
"""

from __future__ import annotations

from dataclasses import dataclass

Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]

FRICTION_NM = 0.1
ARMATURE_KG_M2 = {"DM4340": 0.032, "DM4310": 0.0018}
PEAK_NM = {"DM4340": 28.0, "DM4310": 10.0}
GRIPPER_OPEN_RAD = -2.7  # of the motor; 0 is closed
FINGER_STROKE_M = 0.0355


@dataclass(frozen=True, slots=True)
class Capsule:
    """A rod with round ends, in the link's frame, its axis along z of the quaternion."""

    radius_m: float
    half_length_m: float
    position_m: Vector3
    quaternion: Quaternion


@dataclass(frozen=True, slots=True)
class Link:
    """One link and the joint it turns on, about z of its frame; the frame stands in that of the link before it."""

    model: str  # of the motor
    position_m: Vector3
    quaternion: Quaternion
    mass_kg: float
    centre_m: Vector3
    inertia_quaternion: Quaternion
    inertia_kg_m2: Vector3
    travel_rad: tuple[float, float]
    shapes: tuple[Capsule, ...] = ()


LINKS = (
    Link(
        "DM4340", (0, 0, 0.0631), (1, 0, 0, 1), 0.12415, (-0.00192861, -0.00795735, 0.0208176),
        (0.297851, 0.642634, 0.360045, 0.607185), (0.000180751, 0.000145532, 5.89179e-05), (-2.61799, 3.14159),
    ),
    Link(
        "DM4340", (2.5e-05, -0.02, 0.0409), (1, 1, 1, 1), 1.24434, (0.132008, 2.10599e-06, 0.000293073),
        (1, 1, 1, 1), (0.0121902, 0.0121318, 0.000683304), (0.0, 3.66519),
        (Capsule(0.032, 0.11, (0.13, 0, 0), (1, 0, 1, 0)), Capsule(0.033, 0.025, (0.265, 0, 0), (1, 0, 0, 0))),
    ),
    Link(
        "DM4340", (0.264, 0, 0), (0, 1, 0, 0), 0.853698, (-0.121816, -0.054846, -0.000111108),
        (1, 1, 1, 1), (0.00699732, 0.00696112, 0.000788244), (0.0, 3.14159),
        (Capsule(0.034, 0.12, (-0.14, -0.06, 0), (1, 0, 1, 0)), Capsule(0.034, 0.015, (-0.24, -0.06, 0), (1, 0, 0, 0))),
    ),
    Link(
        "DM4310", (-0.245, -0.06, 0), (1, 0, 0, 0), 0.463511, (-0.0769778, -0.0527104, 0.000154878),
        (0.667, 0.667, -0.236, -0.236), (0.000791532, 0.000744733, 0.000282116), (-1.69297, 1.5708),
        (Capsule(0.03, 0.015, (-0.073, -0.06, 0), (1, 1, 0, 0)),),
    ),
    Link(
        "DM4310", (-0.074, -0.0395, 2.5e-05), (1, -1, 1, 1), 0.350962, (3.64861e-05, 0.00025665, 0.0353526),
        (1, 0, 0, 0), (0.000197802, 0.0001775, 0.000147402), (-1.5708, 1.5708),
        (Capsule(0.03, 0.015, (0, 0.025, 0.0395), (1, 1, 0, 0)),),
    ),
    Link(
        "DM4310", (0, 0.0353, 0.0395), (1, -1, 0, 0), 0.367476, (-0.000217767, 7.37059e-05, 0.0270545),
        (1, 1, 0, 0), (0.000265958, 0.000242686, 0.000227409), (-2.0944, 2.0944),
        (Capsule(0.03, 0.005, (0, 0, 0.03), (1, 0, 0, 1)),),
    ),
)  # fmt: skip


GRIPPER_MODEL = "DM4310"
MODELS = (*(link.model for link in LINKS), GRIPPER_MODEL)  # of the motors, in the order of actuators and bus
HOME_RAD = (0.0, 1.047, 1.047, 0.0, 0.0, 0.0, 0.0)  # of the motors; Menagerie's key frame


@dataclass(frozen=True, slots=True)
class Finger:
    """One finger, which slides along z of its frame in the frame of the last link; 0 is closed."""

    position_m: Vector3
    centre_m: Vector3
    inertia_quaternion: Quaternion
    opens_towards: int  # +1 or -1 along its axis


FINGER_QUATERNION = (1, 0, 1, 0)
FINGER_MASS_KG = 0.118
FINGER_INERTIA_KG_M2 = (0.000159084, 0.000154909, 4.63655e-05)
FINGERS = (
    Finger((-0.0015, 0.0392, 0.0605), (-0.0192995, -0.0365902, 0.039774), (0.757351, 0.568898, -0.3199, 0.0), -1),
    Finger((0.0015, -0.0392, 0.0605), (-0.0192995, 0.0365902, -0.039774), (-0.757351, 0.568898, -0.3199, 0.0), 1),
)
