"""Our table: the arm, the objects of all tasks, one lamp, and the camera in front."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim.landmarks import add_landmarks
from sim.mujoco_headless import mujoco
from sim.rigid import OPENGL_FROM_OPENCV, rigid, turned
from sim.robot_model import load_robot_spec
from sim.tasks import TASKS
from sim.tasks.layout import Vector
from sim.truth import AS_DESIGNED, Truth

PHYSICS_STEP_S = 0.002
HARD_SOLREF, HARD_SOLIMP = (2 * PHYSICS_STEP_S, 1.0), (0.99, 0.999)  # as hard as steps of this length allow

CAMERA_NAME = "front"
CAMERA_POSITION_M = (0.415, 0.0, 0.350)
CAMERA_LOOKS_AT_M = (0.160, 0.0, 0.045)
CAMERA_FOV_Y_DEG = 42.0  # colour field of view of a D435
NEAR_M, FAR_M = 0.05, 3.0

# The other place for the camera: on the back of the hand, the fingers at the lower edge of its view.
WRIST_BODY = "gripper"
WRIST_POSITION_M = (-0.005, 0.085, -0.010)
WRIST_LOOKS_AT_M = (-0.005, -0.005, -0.190)

# How far the looks wander from one seed to the next; demonstrations are drawn so, too.
SHADE, HUE, WARMTH = 0.05, 0.03, 0.03
BRIGHTNESS_RATIO = (0.85, 1.15)
LAMP_X, LAMP_Y = (-0.7, 0.1), (-0.6, 0.6)  # where its light goes, for each length that it goes down

TABLE_COLOUR = (0.80, 0.77, 0.72)
MAT_COLOUR = (0.58, 0.62, 0.66)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneModel:
    """A compiled scene and the values that randomisation starts from."""

    model: mujoco.MjModel
    geom_rgba: Vector  # (all geoms, 4) as designed
    material_rgba: Vector  # (all materials, 4) as designed
    n_geoms: int  # how many of them have looks that wander, and come first
    n_materials: int


def build_scene(truth: Truth = AS_DESIGNED, add_last: Callable[[mujoco.MjSpec], None] | None = None) -> SceneModel:
    """Compiles arm, table, objects, lamp and camera into one model, as they truly are, and what `add_last` adds to them."""
    spec = load_robot_spec()
    spec.modelname = "forerun_table"
    spec.option.timestep = PHYSICS_STEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10  # a gripped object must not creep out of the fingers
    _add_table(spec)
    _add_view(spec, truth)
    for task in TASKS.values():
        if not task.keeps_its_colours:
            task.add_objects(spec)
    n_geoms, n_materials = len(spec.geoms), len(spec.materials)
    for task in TASKS.values():
        if task.keeps_its_colours:
            task.add_objects(spec)
    if truth.landmarks:
        add_landmarks(spec, truth.landmarks_seed)
    if add_last is not None:
        add_last(spec)
    if truth.hard_stops:
        spec.add_exclude(bodyname1="shoulder", bodyname2="lower_arm")
    model = spec.compile()
    _make_true(model, truth)
    return SceneModel(
        model=model,
        geom_rgba=model.geom_rgba.copy(),
        material_rgba=model.mat_rgba.copy(),
        n_geoms=n_geoms,
        n_materials=n_materials,
    )


def _make_true(model: mujoco.MjModel, truth: Truth) -> None:
    model.dof_frictionloss[:6] += truth.friction_nm
    if truth.hard_stops:
        model.jnt_solref[:6], model.jnt_solimp[:6, :2] = HARD_SOLREF, HARD_SOLIMP
    if truth.stiffness_ratio != 1.0:  # damped alike
        model.actuator_gainprm[:6, 0] *= truth.stiffness_ratio
        model.actuator_biasprm[:6, 1] *= truth.stiffness_ratio
        model.actuator_biasprm[:6, 2] *= np.sqrt(truth.stiffness_ratio)


def randomise_looks(scene: SceneModel, rng: np.random.Generator) -> None:
    """Draws lamp, brightness and colours anew: hues wander a little, so that a red ball stays a red ball."""
    paint(scene, lambda designed: _wander(designed, rng))
    brightness_ratio = rng.uniform(*BRIGHTNESS_RATIO)
    warmth = rng.uniform(-WARMTH, WARMTH)
    light(scene.model, brightness_ratio, warmth, (rng.uniform(*LAMP_X), rng.uniform(*LAMP_Y)))


def paint(scene: SceneModel, repaint: Callable[[Vector], Vector]) -> None:
    """Writes what `repaint` makes of the designed colours (k, 3): first the materials', then the geoms' that wander."""
    model = scene.model
    model.mat_rgba[: scene.n_materials, :3] = repaint(scene.material_rgba[: scene.n_materials, :3])
    # A colour of its own would override the material of a robot part.
    own_colour = np.flatnonzero(model.geom_matid[: scene.n_geoms] < 0)
    model.geom_rgba[own_colour, :3] = repaint(scene.geom_rgba[own_colour, :3])


def light(model: mujoco.MjModel, brightness_ratio: float, warmth: float, lamp_xy: tuple[float, float]) -> None:
    """Sets how bright it is, how much redder than blue the lamp is, and where its light goes (x, y, each for 1 down)."""
    model.vis.headlight.ambient[:] = 0.34 * brightness_ratio
    model.vis.headlight.diffuse[:] = 0.22 * brightness_ratio
    lamp = model.light("lamp")
    lamp.diffuse[:] = brightness_ratio * np.array([0.50 + warmth, 0.50, 0.50 - warmth])
    lamp.dir[:] = _unit(np.array([*lamp_xy, -1.0]))


def _wander(designed: Vector, rng: np.random.Generator) -> Vector:
    """Return the designed colours (k, 3) with a little other shade and still less other hue."""
    shade = rng.uniform(-SHADE, SHADE, (len(designed), 1))
    hue = rng.uniform(-HUE, HUE, (len(designed), 3))
    return np.clip(designed + shade + hue, 0.0, 1.0)


def _add_table(spec: mujoco.MjSpec) -> None:
    world = spec.worldbody
    world.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1], rgba=[*TABLE_COLOUR, 1])
    world.add_geom(
        name="mat", type=mujoco.mjtGeom.mjGEOM_BOX, pos=[0.19, 0, 0], size=[0.22, 0.30, 0.0004],
        contype=0, conaffinity=0, rgba=[*MAT_COLOUR, 1],
    )  # fmt: skip


def _add_view(spec: mujoco.MjSpec, truth: Truth) -> None:
    on_wrist = truth.camera_mount == "wrist"
    body = spec.body(WRIST_BODY) if on_wrist else spec.worldbody
    position_m, looks_at_m = (
        (WRIST_POSITION_M, WRIST_LOOKS_AT_M) if on_wrist else (CAMERA_POSITION_M, CAMERA_LOOKS_AT_M)
    )
    designed = _looking(np.array(position_m), np.array(looks_at_m), up=(0.0, 1.0, 0.0) if on_wrist else (0.0, 0.0, 1.0))
    position_m, rotation = _moved(np.array(position_m), designed, truth)
    orientation = np.empty(4)
    mujoco.mju_mat2Quat(orientation, rotation.ravel())
    fovy_deg = CAMERA_FOV_Y_DEG
    if truth.focal_ratio != 1.0:
        fovy_deg = 2 * np.degrees(np.arctan(np.tan(np.radians(CAMERA_FOV_Y_DEG) / 2) / truth.focal_ratio))
    body.add_camera(name=CAMERA_NAME, pos=position_m, quat=orientation, fovy=fovy_deg)
    spec.worldbody.add_light(
        name="lamp", type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[0.3, 0, 1.5], dir=[-0.3, 0.2, -1],
        castshadow=False, diffuse=[0.5] * 3, specular=[0.15] * 3,
    )  # fmt: skip
    spec.visual.quality.offsamples = 0  # multisampling costs ten times the time in a software renderer
    spec.visual.quality.shadowsize = 0
    spec.visual.headlight.specular = [0.05] * 3
    spec.stat.extent = 1.0
    spec.visual.map.znear, spec.visual.map.zfar = NEAR_M, FAR_M


def _looking(position_m: Vector, at_m: Vector, up: tuple[float, float, float]) -> Vector:
    """Return the rotation (3, 3) of a camera as MuJoCo has it: x right, y up, z backward."""
    backward = _unit(position_m - at_m)
    right = _unit(np.cross(up, backward))
    return np.column_stack([right, np.cross(backward, right), backward])


def _moved(position_m: Vector, rotation: Vector, truth: Truth) -> tuple[Vector, Vector]:
    """Return where the camera truly is, and how it is turned; to the bit as designed where nobody moved it."""
    if not (any(truth.camera_translation_m) or any(truth.camera_rotation_deg)):
        return position_m, rotation
    designed_from_true = rigid(turned(np.radians(truth.camera_rotation_deg)), np.array(truth.camera_translation_m))
    moved = rigid(rotation, position_m) @ OPENGL_FROM_OPENCV @ designed_from_true @ OPENGL_FROM_OPENCV
    return moved[:3, 3], moved[:3, :3]


def _unit(vector: Vector) -> Vector:
    return vector / np.linalg.norm(vector)
