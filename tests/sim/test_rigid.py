"""Rotations and quaternions say the same."""

import numpy as np

from sim.rigid import inverse, quaternion_of, rigid, turned, turned_as


def test_quaternions_say_what_matrices_do() -> None:
    rng = np.random.default_rng(1)
    for axis_angle in [*rng.uniform(-3, 3, (30, 3)), *np.pi * np.eye(3), np.zeros(3)]:
        rotation = turned(axis_angle)
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        np.testing.assert_allclose(turned_as(quaternion_of(rotation)), rotation, atol=1e-9)


def test_an_inverse_undoes() -> None:
    pose = rigid(turned(np.array([0.3, -1.0, 2.0])), np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(inverse(pose) @ pose, np.eye(4), atol=1e-12)
