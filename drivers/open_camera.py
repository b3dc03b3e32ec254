"""From the robot file to the camera driver it names, imported only when it is asked for."""

from __future__ import annotations

from drivers.camera import Camera
from interfaces.camera_config import CameraConfig
from interfaces.errors import RefusedError


def open_camera(config: CameraConfig) -> Camera:
    """Return the camera that `config.driver` names, not yet opened; raises RefusedError for a simulated one."""
    if config.driver == "simulated":
        raise RefusedError(
            f"camera {config.name}: a simulated camera lives in sim/, which the robot's programs never import; "
            "`forerun policy` puts it in"
        )
    if config.driver == "uvc":
        from drivers.uvc.camera import UvcCamera

        return UvcCamera(config)
    from drivers.realsense.camera import RealSenseCamera

    return RealSenseCamera(config)
