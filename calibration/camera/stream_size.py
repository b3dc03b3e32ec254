"""One lens at two sizes of the same camera's stream.

A camera scales its sensor's picture, crops it, or both, as its maker chose: a RealSense's 640x480 is a crop of what 1280x720
shows, so that a mere factor is wrong. Only a camera that tells its maker's values at both sizes tells how one becomes the other;
where it does not (UVC), nothing is carried over, and the lens is measured at the size it is used at.
"""

from __future__ import annotations

from interfaces.device_facts import CameraIntrinsics
from interfaces.errors import RefusedError


def at_other_size(
    lens: CameraIntrinsics, maker_here: CameraIntrinsics | None, maker_there: CameraIntrinsics | None
) -> CameraIntrinsics:
    """Return `lens` as it is at the other size; raises RefusedError where the camera does not tell how its sizes relate."""
    if maker_here is None or maker_there is None:
        raise RefusedError("this camera does not tell how its sizes relate; measure the lens at the size it is used at")
    if (lens.width_px, lens.height_px) != (maker_here.width_px, maker_here.height_px):
        raise RefusedError(
            f"a lens of {lens.width_px}x{lens.height_px} among values of {maker_here.width_px}x{maker_here.height_px}"
        )
    scale_x, scale_y = maker_there.focal_x_px / maker_here.focal_x_px, maker_there.focal_y_px / maker_here.focal_y_px
    return CameraIntrinsics(
        width_px=maker_there.width_px,
        height_px=maker_there.height_px,
        focal_x_px=lens.focal_x_px * scale_x,
        focal_y_px=lens.focal_y_px * scale_y,
        centre_x_px=maker_there.centre_x_px + (lens.centre_x_px - maker_here.centre_x_px) * scale_x,
        centre_y_px=maker_there.centre_y_px + (lens.centre_y_px - maker_here.centre_y_px) * scale_y,
        distortion=lens.distortion,  # of directions, not of pixels
    )
