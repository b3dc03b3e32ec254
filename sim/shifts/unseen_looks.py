"""Hues, shades and light that training never saw, though a red ball is still the reddest thing on the table.

Training draws all of these from boxes around the design (sim/scene.py); here each is drawn from a shell around its box.
"""

from __future__ import annotations

# typing has `override` from 3.12 on
# pyright: reportImplicitOverride=false
from itertools import product

import numpy as np

from sim.scene import HUE, LAMP_X, LAMP_Y, SHADE, WARMTH, SceneModel, light, paint
from sim.shifts.shift import Shift, stream
from sim.tasks.layout import Vector
from sim.world import World

SHADES, HUES = (1.2 * SHADE, 2.4 * SHADE), (4 / 3 * HUE, 8 / 3 * HUE)  # 0.06 to 0.12, and 0.04 to 0.08 in each colour
# Red, green and blue do not go the same way, and so go further apart than in training, whatever the shade.
SIGNS = np.array([signs for signs in product((-1.0, 1.0), repeat=3) if len(set(signs)) > 1])
WARMTHS = (1.5 * WARMTH, 4 * WARMTH)
DARK_RATIO, BRIGHT_RATIO = (0.60, 0.80), (1.20, 1.40)
FURTHER = 0.4  # the lamp's light goes up to so much further aside than in training
APART_RATIO = 0.6  # two things keep this share of the distance between their designed colours
THINGS = ("table", "mat", "reach_ball", "push_cube", "push_zone", "press_cap", "lift_cylinder")  # to be told apart


class UnseenLooks(Shift):
    """Paints everything in colours outside of training's, under light outside of training's."""

    name = "looks"

    def dress(self, seen: World, seed: int) -> None:
        """Paint and light what the camera sees."""
        rng, scene = stream(self, seen.task_name, seed), seen.scene
        _paint(scene, rng)
        while not tellable(scene):
            _paint(scene, rng)
        brightness_ratio = rng.uniform(*(DARK_RATIO, BRIGHT_RATIO)[rng.integers(2)])
        warmth = float(_shell(rng, WARMTHS, ()))
        light(scene.model, brightness_ratio, warmth, _lamp(rng))
        seen.looks += 1


def tellable(scene: SceneModel) -> bool:
    """Return whether things keep their distance in colour from each other."""
    ids = [scene.model.geom(name).id for name in THINGS]
    now, designed = (_distances(rgba[ids, :3]) for rgba in (scene.model.geom_rgba, scene.geom_rgba))
    return bool(np.all(now >= APART_RATIO * designed))


def _distances(colours: Vector) -> Vector:
    return np.linalg.norm(colours[:, None] - colours[None], axis=-1)


def _paint(scene: SceneModel, rng: np.random.Generator) -> None:
    paint(scene, lambda designed: _repainted(designed, rng))
    # Things that keep their colours in training, since equal ones must stay equal: equal ones are painted alike.
    keeping = slice(scene.n_geoms, len(scene.geom_rgba))
    colours, which = np.unique(scene.geom_rgba[keeping, :3], axis=0, return_inverse=True)
    scene.model.geom_rgba[keeping, :3] = _repainted(colours, rng)[which.reshape(-1)]


def _repainted(designed: Vector, rng: np.random.Generator) -> Vector:
    """Return colours (k, 3) of which neither shade nor hue is one of training's."""
    shade = _shell(rng, SHADES, (len(designed), 1))
    hue = rng.uniform(*HUES, (len(designed), 3)) * SIGNS[rng.integers(len(SIGNS), size=len(designed))]
    return np.clip(designed + shade + hue, 0.0, 1.0)


def _shell(rng: np.random.Generator, size: tuple[float, float], shape: tuple[int, ...]) -> Vector:
    """Return numbers of this size, from and to, of either sign."""
    return rng.uniform(*size, shape) * rng.choice((-1.0, 1.0), shape)


def _lamp(rng: np.random.Generator) -> tuple[float, float]:
    """Return where the lamp's light goes, for 1 down: outside of where it goes in training."""
    while True:
        x, y = (rng.uniform(low - FURTHER, high + FURTHER) for low, high in (LAMP_X, LAMP_Y))
        if not (LAMP_X[0] <= x <= LAMP_X[1] and LAMP_Y[0] <= y <= LAMP_Y[1]):
            return x, y
