"""The lightened meshes: fewer faces, the same outline, the same contacts."""

import numpy as np

from sim.robot_model import lightened_meshes, package_model_path
from sim.scene import build_scene


def test_visuals_are_light() -> None:
    model = build_scene().model
    drawn = [g for g in range(model.ngeom) if model.geom_group[g] <= 2 and model.geom_dataid[g] >= 0]
    assert len(drawn) == 17
    assert sum(model.mesh_facenum[model.geom_dataid[g]] for g in drawn) <= 25_000


def test_parts_keep_their_outline_and_their_hull() -> None:
    import trimesh

    source_folder = package_model_path().parent / "assets"
    light_folder = lightened_meshes(source_folder)
    for name in ("upper_arm_so101_v1", "moving_jaw_so101_v1", "sts3215_03a_v1"):
        full = trimesh.load_mesh(source_folder / f"{name}.stl")
        light = trimesh.load_mesh(light_folder / f"{name}.stl")
        hull = trimesh.load_mesh(light_folder / f"{name}_hull.stl")
        np.testing.assert_allclose(light.bounds, full.bounds, atol=0.001)
        np.testing.assert_allclose(hull.bounds, full.bounds, atol=1e-6)
        assert hull.is_convex
