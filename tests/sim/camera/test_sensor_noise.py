"""The sensor's noise: small, everywhere, never twice the same, and the same again with the same seed."""

import numpy as np

from runtime.policy.frozen_camera import FrozenCamera
from sim.camera.sensor_noise import SensorNoise

MS = 1_000_000


def test_noise_is_one_step_at_most_and_without_bias() -> None:
    rgb = np.random.default_rng(1).integers(2, 254, (240, 424, 3), np.uint8)
    before = rgb.copy()
    off = SensorNoise(424, 240).on(rgb).astype(int) - rgb
    assert set(np.unique(off)) == {-1, 0, 1}
    assert abs(off.mean()) < 0.01
    np.testing.assert_array_equal(rgb, before)


def test_black_and_white_do_not_wrap_around() -> None:
    noise = SensorNoise(424, 240)
    assert noise.on(np.zeros((240, 424, 3), np.uint8)).max() <= 2
    assert noise.on(np.full((240, 424, 3), 255, np.uint8)).min() >= 253


def test_a_world_that_stands_still_is_no_frozen_camera() -> None:
    noise, camera, rgb = SensorNoise(424, 240), FrozenCamera(100.0), np.full((240, 424, 3), 80, np.uint8)
    assert not any(camera.frozen(noise.on(rgb), k * 33 * MS) for k in range(300))


def test_the_same_seed_makes_the_same_noise() -> None:
    rgb = np.full((240, 424, 3), 80, np.uint8)
    first, again, other = (SensorNoise(424, 240, seed) for seed in (3, 3, 4))
    for _ in range(3):
        picture = first.on(rgb)
        assert np.array_equal(picture, again.on(rgb))
        assert not np.array_equal(picture, other.on(rgb))
