"""Colours and light lie outside of what training draws, equal things stay equal, and different ones can be told apart."""

import numpy as np
import pytest

from sim.scene import BRIGHTNESS_RATIO, HUE, LAMP_X, LAMP_Y, SHADE, WARMTH
from sim.shifts.unseen_looks import THINGS, UnseenLooks, tellable
from sim.world import World

SEEDS = range(25)


@pytest.fixture(scope="module")
def worlds() -> dict[int, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Of each seed: colours of all geoms (k, 3), the lamp's colour and way, the headlight."""
    shift, seen = UnseenLooks(), World()
    found: dict[int, tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = {}
    for seed in SEEDS:
        seen.reset("choose", seed)
        shift.dress(seen, seed)
        assert tellable(seen.scene)
        lamp, headlight = seen.model.light("lamp"), seen.model.vis.headlight.ambient
        found[seed] = seen.model.geom_rgba[:, :3].copy(), lamp.diffuse.copy(), lamp.dir.copy(), headlight.copy()
    return found


def test_no_colour_is_one_of_training_s(worlds: dict[int, tuple[np.ndarray, ...]]) -> None:
    scene = World().scene
    for colours, *_ in worlds.values():
        for name in (*THINGS, "choose_left", "press_base", "reach_post"):
            i = scene.model.geom(name).id
            change = (colours[i] - scene.geom_rgba[i, :3]).astype(np.float64)
            if np.any((colours[i] <= 0.0) | (colours[i] >= 1.0)):  # cut off where a colour ends: less can be said
                continue
            # Training's: some shade, the same for red, green and blue, and to each up to HUE more or less.
            shades = np.linspace(-SHADE, SHADE, 2001)
            assert np.abs(change[None] - shades[:, None]).max(axis=1).min() > HUE + 1e-4, (name, change)


def test_the_light_is_none_of_training_s(worlds: dict[int, tuple[np.ndarray, ...]]) -> None:
    ratios: list[float] = []
    for _, lamp, way, headlight in worlds.values():
        ratio = headlight[0] / 0.34
        ratios.append(ratio)
        assert not BRIGHTNESS_RATIO[0] < ratio < BRIGHTNESS_RATIO[1]
        assert abs(lamp[0] / ratio - 0.5) > WARMTH
        x, y = -way[:2] / way[2]
        assert not (LAMP_X[0] < x < LAMP_X[1] and LAMP_Y[0] < y < LAMP_Y[1])
    assert min(ratios) < 1 < max(ratios)


def test_equal_things_stay_equal(worlds: dict[int, tuple[np.ndarray, ...]]) -> None:
    model = World().model
    left, right, post = (model.geom(name).id for name in ("choose_left", "choose_right", "choose_left_post"))
    for colours, *_ in worlds.values():
        np.testing.assert_array_equal(colours[left], colours[right])
        assert np.any(colours[left] != colours[post])


def test_two_things_of_one_colour_are_not_tellable() -> None:
    scene = World().scene
    scene.model.geom_rgba[:] = scene.geom_rgba
    assert tellable(scene)
    scene.model.geom("push_cube").rgba[:3] = scene.model.geom("push_zone").rgba[:3]
    assert not tellable(scene)
