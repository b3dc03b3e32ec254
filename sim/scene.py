"""Our table: the arm, the objects of all tasks, one lamp, and the camera in front."""

from dataclasses import dataclass

import numpy as np

from sim.mujoco_headless import mujoco
from sim.robot_model import load_robot_spec
from sim.tasks import TASKS
from sim.tasks.layout import Vector

PHYSICS_STEP_S = 0.002

CAMERA_NAME = "front"
CAMERA_POSITION_M = (0.415, 0.0, 0.350)
CAMERA_LOOKS_AT_M = (0.160, 0.0, 0.045)
CAMERA_FOV_Y_DEG = 42.0  # colour field of view of a D435
NEAR_M, FAR_M = 0.05, 3.0

TABLE_COLOUR = (0.80, 0.77, 0.72)
MAT_COLOUR = (0.58, 0.62, 0.66)


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneModel:
    """A compiled scene and the values that randomisation starts from."""

    model: mujoco.MjModel
    geom_rgba: Vector  # (geom, 4) as designed
    material_rgba: Vector  # (material, 4) as designed


def build_scene() -> SceneModel:
    """Compiles arm, table, objects, lamp and camera into one model."""
    spec = load_robot_spec()
    spec.modelname = "forerun_table"
    spec.option.timestep = PHYSICS_STEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10  # a gripped object must not creep out of the fingers
    _add_table(spec)
    _add_view(spec)
    for task in TASKS.values():
        task.add_objects(spec)
    model = spec.compile()
    return SceneModel(model=model, geom_rgba=model.geom_rgba.copy(), material_rgba=model.mat_rgba.copy())


def randomise_looks(scene: SceneModel, rng: np.random.Generator) -> None:
    """Draws lamp, brightness and colours anew: hues wander a little, so that a red ball stays a red ball."""
    model = scene.model
    _wander(model.mat_rgba, scene.material_rgba, rng)
    own_colour = model.geom_matid < 0  # a colour of its own would override the material of a robot part
    model.geom_rgba[own_colour] = _wander(model.geom_rgba[own_colour], scene.geom_rgba[own_colour], rng)
    brightness_ratio = rng.uniform(0.85, 1.15)
    model.vis.headlight.ambient[:] = 0.34 * brightness_ratio
    model.vis.headlight.diffuse[:] = 0.22 * brightness_ratio
    lamp = model.light("lamp")
    warmth = rng.uniform(-0.03, 0.03)
    lamp.diffuse[:] = brightness_ratio * np.array([0.50 + warmth, 0.50, 0.50 - warmth])
    lamp.dir[:] = _unit(np.array([rng.uniform(-0.7, 0.1), rng.uniform(-0.6, 0.6), -1.0]))


def _wander(rgba: Vector, designed: Vector, rng: np.random.Generator) -> Vector:
    """Writes the designed colours with a little other shade and still less other hue."""
    shade = rng.uniform(-0.05, 0.05, (len(designed), 1))
    hue = rng.uniform(-0.03, 0.03, (len(designed), 3))
    rgba[:, :3] = np.clip(designed[:, :3] + shade + hue, 0.0, 1.0)
    return rgba


def _add_table(spec: mujoco.MjSpec) -> None:
    world = spec.worldbody
    world.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1], rgba=[*TABLE_COLOUR, 1])
    world.add_geom(
        name="mat", type=mujoco.mjtGeom.mjGEOM_BOX, pos=[0.19, 0, 0], size=[0.22, 0.30, 0.0004],
        contype=0, conaffinity=0, rgba=[*MAT_COLOUR, 1],
    )  # fmt: skip


def _add_view(spec: mujoco.MjSpec) -> None:
    position_m = np.array(CAMERA_POSITION_M)
    backward = _unit(position_m - np.array(CAMERA_LOOKS_AT_M))
    right = _unit(np.cross([0, 0, 1], backward))
    up = np.cross(backward, right)
    orientation = np.empty(4)
    mujoco.mju_mat2Quat(orientation, np.column_stack([right, up, backward]).ravel())
    spec.worldbody.add_camera(name=CAMERA_NAME, pos=position_m, quat=orientation, fovy=CAMERA_FOV_Y_DEG)
    spec.worldbody.add_light(
        name="lamp", type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[0.3, 0, 1.5], dir=[-0.3, 0.2, -1],
        castshadow=False, diffuse=[0.5] * 3, specular=[0.15] * 3,
    )  # fmt: skip
    spec.visual.quality.offsamples = 0  # multisampling costs ten times the time in a software renderer
    spec.visual.quality.shadowsize = 0
    spec.visual.headlight.specular = [0.05] * 3
    spec.stat.extent = 1.0
    spec.visual.map.znear, spec.visual.map.zfar = NEAR_M, FAR_M


def _unit(vector: Vector) -> Vector:
    return vector / np.linalg.norm(vector)
