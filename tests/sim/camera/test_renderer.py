"""The simulated camera: colour, depth and projection agree with each other and with the physics."""

from collections.abc import Iterator

import numpy as np
import pytest

from sim.camera.renderer import CROP_PX, HEIGHT_PX, WIDTH_PX, CameraRenderer
from sim.scene import CAMERA_POSITION_M
from sim.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def renderer(world: World) -> Iterator[CameraRenderer]:
    renderer = CameraRenderer(world.model)
    yield renderer
    renderer.close()


def test_crop_is_the_centre_of_the_full_image(world: World, renderer: CameraRenderer) -> None:
    world.reset("push", 4)
    rgb, depth_mm = renderer.render(world.data)
    crop_rgb, crop_depth_mm = renderer.render_crop(world.data)
    assert rgb.shape == (HEIGHT_PX, WIDTH_PX, 3)
    assert depth_mm.shape == (HEIGHT_PX, WIDTH_PX)
    left_px = (WIDTH_PX - CROP_PX) // 2
    centre = slice(left_px, left_px + CROP_PX)
    difference = np.abs(rgb[:, centre].astype(int) - crop_rgb)
    assert np.mean(difference > 2) < 0.001  # an edge may fall to the other side of a pixel
    difference_mm = np.abs(depth_mm[:, centre].astype(int) - crop_depth_mm)
    assert np.mean(difference_mm > 1) < 0.001


def test_a_point_is_seen_where_it_is_projected(world: World, renderer: CameraRenderer) -> None:
    """The red ball's pixels surround the projection of its centre, at its distance."""
    world.reset("reach", 11)
    ball_m = world.state.object_state.position_m
    rgb, depth_mm = renderer.render(world.data)
    red = (rgb[..., 0] > 90) & (rgb[..., 1] < 0.5 * rgb[..., 0]) & (rgb[..., 2] < 0.5 * rgb[..., 0])
    rows, columns = np.nonzero(red)
    column_px, row_px = world.project_px(ball_m[None])[0]
    assert abs((columns.min() + columns.max()) / 2 - column_px) < 3.0
    assert abs((rows.min() + rows.max()) / 2 - row_px) < 3.0
    along_ray_m = depth_mm[round(row_px), round(column_px)] / 1000
    distance_m = np.linalg.norm(ball_m - np.array(CAMERA_POSITION_M))
    assert distance_m - 0.05 < along_ray_m < distance_m


def test_the_tip_is_projected_onto_the_hand(world: World, renderer: CameraRenderer) -> None:
    """At the tip's pixel the camera sees the hand: not the table behind, but a finger at most its own size nearer."""
    world.reset("lift", 3)
    tip_m = world.tip_position_m()
    _, depth_mm = renderer.render(world.data)
    column_px, row_px = np.rint(world.project_px(tip_m[None])[0]).astype(int)
    camera = world.data.camera("front")
    ahead_m = -(tip_m - camera.xpos) @ camera.xmat.reshape(3, 3)[:, 2]
    assert ahead_m - 0.06 < depth_mm[row_px, column_px] / 1000 < ahead_m + 0.005


def test_working_area_fills_the_crop_and_stays_inside(world: World) -> None:
    angles_rad = np.linspace(-0.5, 0.5, 21)
    arc = np.stack([np.cos(angles_rad), np.sin(angles_rad)], axis=1)
    spots_m = np.concatenate([arc * 0.165, arc * 0.235])
    pixels = world.project_px(np.column_stack([spots_m, np.full(len(spots_m), 0.02)]))
    left_px = (WIDTH_PX - CROP_PX) / 2
    assert pixels[:, 0].min() > left_px + 10
    assert pixels[:, 0].max() < left_px + CROP_PX - 10
    assert pixels[:, 1].max() < HEIGHT_PX - 20
    assert np.ptp(pixels[:, 0]) > 0.6 * CROP_PX


def test_seeds_change_light_and_colour_a_little(world: World, renderer: CameraRenderer) -> None:
    def table_colour(seed: int) -> np.ndarray:
        world.reset("lift", seed)
        rgb, _ = renderer.render(world.data)
        return rgb[200:, 100:300].mean((0, 1))

    colours = np.stack([table_colour(seed) for seed in range(12)])
    assert 2 < colours.std(0).mean() < 40


def test_a_renderer_that_ends_takes_nothing_from_another(world: World, renderer: CameraRenderer) -> None:
    world.reset("lift", 2)
    before_rgb, before_mm = renderer.render(world.data)
    first, second = CameraRenderer(world.model), CameraRenderer(world.model)
    second.render(world.data)
    first.close()
    after_rgb, after_mm = second.render(world.data)
    np.testing.assert_array_equal(after_rgb, before_rgb)
    np.testing.assert_array_equal(after_mm, before_mm)
    second.close()
