"""Which lens is believed: the maker's where the board agrees with it, else the one estimated; and whether that is good enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from calibration.board.board import BoardCorners
from calibration.camera.estimate import (
    LensEstimate,
    LensFit,
    estimate_lens,
    fit_of,
    focal_by_halves,
    guess,
    held_out,
    without_strays,
)
from interfaces.calibration.record import Check
from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import RefusedError

RMS_MAX_PX = 0.5
SYSTEMATIC_MAX_RATIO = 8e-5  # of the width: 0.1 px of 1280
FOCAL_OFF_MAX_RATIO = 0.003  # at half a metre that is 1.5 mm
CENTRE_OFF_MAX_RATIO = 0.005  # of the width: 6 px of 1280, 0.4 degrees
FOCAL_SIGMA_MAX_RATIO = 0.001
CENTRE_SIGMA_MAX_RATIO = 0.002  # of the width
HALVES_MAX_RATIO = 0.005
OVERFIT_MAX_RATIO = 1.5
VIEWS_FEWEST = 12
SIGMAS = 2.0  # what the board itself cannot tell is not held against the maker


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Both lenses, and what is believed."""

    source: Literal["factory", "estimated"]
    intrinsics: CameraIntrinsics
    checks: tuple[Check, ...]  # of the lens believed
    against_factory: tuple[Check, ...]  # by which the maker's was judged; empty where there is none
    factory: CameraIntrinsics | None
    estimate: LensEstimate
    factory_fit: LensFit | None  # on all views
    estimate_fit: LensFit  # on the views held out
    n_views: int
    n_strays: int  # corners left out

    @property
    def passed(self) -> bool:
        """Return whether the lens believed is good enough."""
        return all(check.passed for check in self.checks)


def judge(
    views: Sequence[BoardCorners],
    size_px: tuple[int, int],
    factory: CameraIntrinsics | None,
    shown: tuple[Check, ...] = (),
) -> Judgement:
    """Return what is believed of the lens; `shown` are checks of how well the board was shown.

    Raises RefusedError for too few views, DeviceError where no lens explains them.
    """
    if len(views) < VIEWS_FEWEST:
        raise RefusedError(
            f"{len(views)} views of the board tell too little of a lens; expected at least {VIEWS_FEWEST}"
        )
    first = estimate_lens(views, factory or guess(*size_px))
    kept = without_strays(views, first.intrinsics)
    used, judged_by = held_out(kept)
    estimate = estimate_lens(used, first.intrinsics)
    estimate_fit = fit_of(judged_by, estimate.intrinsics)
    against, factory_fit = (), None
    if factory is not None:
        factory_fit = fit_of(kept, factory)
        against = _against(factory, factory_fit, fit_of(judged_by, factory), estimate, estimate_fit)
    right = bool(against) and all(check.passed for check in against)
    halves = Check(
        name="focal lengths by either half of the views differ by",
        value=1e2 * focal_by_halves(kept, first.intrinsics),
        limit=1e2 * HALVES_MAX_RATIO,
        unit="%",
    )
    believed = factory if right and factory is not None else estimate.intrinsics
    return Judgement(
        source="factory" if right else "estimated",
        intrinsics=believed,
        checks=(*(against if right else _of_estimate(estimate, estimate_fit)), halves, *shown),
        against_factory=against,
        factory=factory,
        estimate=estimate,
        factory_fit=factory_fit,
        estimate_fit=estimate_fit,
        n_views=len(kept),
        n_strays=sum(len(view.ids) for view in views) - sum(len(view.ids) for view in kept),
    )


def _against(
    factory: CameraIntrinsics, all_views: LensFit, on_held_out: LensFit, estimate: LensEstimate, estimate_fit: LensFit
) -> tuple[Check, ...]:
    """Return by what the maker's lens is judged."""
    found, width_px = estimate.intrinsics, factory.width_px
    systematic_px = math.sqrt(max(0.0, on_held_out.rms_px**2 - estimate_fit.rms_px**2))
    focal = np.array([found.focal_x_px / factory.focal_x_px, found.focal_y_px / factory.focal_y_px]) - 1.0
    focal_sigma = max(estimate.focal_sigma_px) / found.focal_x_px
    centre_px = math.hypot(found.centre_x_px - factory.centre_x_px, found.centre_y_px - factory.centre_y_px)
    focal_limit = FOCAL_OFF_MAX_RATIO + SIGMAS * focal_sigma
    centre_limit_px = CENTRE_OFF_MAX_RATIO * width_px + SIGMAS * max(estimate.centre_sigma_px)
    return (
        Check(
            name="reprojection error with the maker's lens, rms", value=all_views.rms_px, limit=RMS_MAX_PX, unit="px"
        ),
        Check(
            name="part of it that another lens explains",
            value=systematic_px,
            limit=SYSTEMATIC_MAX_RATIO * width_px,
            unit="px",
        ),
        Check(
            name="maker's focal length off", value=1e2 * float(np.abs(focal).max()), limit=1e2 * focal_limit, unit="%"
        ),
        Check(name="maker's centre off", value=centre_px, limit=centre_limit_px, unit="px"),
    )


def _of_estimate(estimate: LensEstimate, fit: LensFit) -> tuple[Check, ...]:
    """Return by what the estimated lens is judged."""
    focal_sigma = max(estimate.focal_sigma_px) / estimate.intrinsics.focal_x_px
    return (
        Check(name="reprojection error on views held out, rms", value=fit.rms_px, limit=RMS_MAX_PX, unit="px"),
        Check(
            name="the same over that on views used",
            value=fit.rms_px / max(estimate.rms_px, 1e-9),
            limit=OVERFIT_MAX_RATIO,
            unit="ratio",
        ),
        Check(
            name="focal length uncertain by (1 sigma)",
            value=1e2 * focal_sigma,
            limit=1e2 * FOCAL_SIGMA_MAX_RATIO,
            unit="%",
        ),
        Check(
            name="centre uncertain by (1 sigma)",
            value=max(estimate.centre_sigma_px),
            limit=CENTRE_SIGMA_MAX_RATIO * estimate.intrinsics.width_px,
            unit="px",
        ),
    )
