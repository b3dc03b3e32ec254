"""The camera in front of the table: colour and depth of one instant from one rendering pass."""

import weakref

import numpy as np
from numpy.typing import NDArray

from sim.mujoco_headless import mujoco
from sim.scene import CAMERA_FOV_Y_DEG, CAMERA_NAME

WIDTH_PX, HEIGHT_PX = 424, 240
CROP_PX = 240  # policies see the central square

# Pinhole of the simulated camera; pixel centres are at whole numbers, as in librealsense.
CENTRE_X_PX, CENTRE_Y_PX = (WIDTH_PX - 1) / 2, (HEIGHT_PX - 1) / 2

Rgb = NDArray[np.uint8]  # (row, column, 3)
DepthMm = NDArray[np.uint16]  # (row, column), 0 = no depth


class CameraRenderer:
    """Renders the world's camera as a pinhole; belongs to the thread that makes it, as its OpenGL context does."""

    def __init__(
        self,
        model: mujoco.MjModel,
        width_px: int = WIDTH_PX,
        height_px: int = HEIGHT_PX,
        focal_px: float | None = None,
        camera: mujoco.MjvCamera | None = None,
    ) -> None:
        """Take the size of its pictures, and the focal length where it is not the model camera's; or another camera, which has its own."""
        self._model = model
        self._size_px = width_px, height_px
        self._fovy_deg = None if focal_px is None else 2 * float(np.degrees(np.arctan(height_px / 2 / focal_px)))
        self._gl = mujoco.GLContext(width_px, height_px)
        self._gl.make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        mujoco.mjr_resizeOffscreen(width_px, height_px, self._context)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        # Also at exit, while the interpreter still stands: PyOpenGL complains about a context that it outlives.
        self._free = weakref.finalize(self, _free, self._context, self._gl)
        self._scene = mujoco.MjvScene(model, maxgeom=200)
        for flag in (
            mujoco.mjtRndFlag.mjRND_SHADOW,
            mujoco.mjtRndFlag.mjRND_REFLECTION,
            mujoco.mjtRndFlag.mjRND_SKYBOX,
        ):
            self._scene.flags[flag] = False
        self._options = mujoco.MjvOption()
        self._camera = camera or _front_camera(model)

    def render(self, data: mujoco.MjData) -> tuple[Rgb, DepthMm]:
        """Colour (height, width, 3) and depth (height, width) in mm along the optical axis; 0 beyond the far plane."""
        return self._render(data, *self._size_px)

    def render_crop(self, data: mujoco.MjData) -> tuple[Rgb, DepthMm]:
        """Colour (240, 240, 3) and depth (240, 240): the central square of `render` of the designed size."""
        return self._render(data, CROP_PX, CROP_PX)

    def close(self) -> None:
        """Frees the OpenGL context."""
        self._free()

    def _render(self, data: mujoco.MjData, width_px: int, height_px: int) -> tuple[Rgb, DepthMm]:
        self._gl.make_current()
        rect = mujoco.MjrRect(0, 0, width_px, height_px)
        rgb = np.empty((height_px, width_px, 3), np.uint8)
        z_buffer = np.empty((height_px, width_px), np.float32)
        self._look(data)
        mujoco.mjr_render(rect, self._scene, self._context)
        mujoco.mjr_readPixels(rgb, z_buffer, rect, self._context)
        # OpenGL's first row is the lowest.
        return np.ascontiguousarray(rgb[::-1]), self._depth_mm(z_buffer[::-1])

    def _look(self, data: mujoco.MjData) -> None:
        if self._fovy_deg is None:
            self._update_scene(data)
            return
        i_camera = self._camera.fixedcamid
        designed_deg = float(self._model.cam_fovy[i_camera])
        self._model.cam_fovy[i_camera] = self._fovy_deg
        self._update_scene(data)
        self._model.cam_fovy[i_camera] = designed_deg

    def _update_scene(self, data: mujoco.MjData) -> None:
        mujoco.mjv_updateScene(
            self._model, data, self._options, None, self._camera, mujoco.mjtCatBit.mjCAT_ALL, self._scene
        )

    def _depth_mm(self, z_buffer: NDArray[np.float32]) -> DepthMm:
        """Undoes the reversed-z projection (1 at the near plane, 0 at the far one)."""
        extent_m = self._model.stat.extent
        near_m, far_m = self._model.vis.map.znear * extent_m, self._model.vis.map.zfar * extent_m
        depth_m = near_m * far_m / (near_m + z_buffer * (far_m - near_m))
        depth_mm = np.rint(depth_m * np.float32(1000.0))
        depth_mm[z_buffer <= 0.0] = 0.0
        return depth_mm.astype(np.uint16)


def _front_camera(model: mujoco.MjModel) -> mujoco.MjvCamera:
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
    camera.fixedcamid = model.camera(CAMERA_NAME).id
    return camera


def _free(context: mujoco.MjrContext, gl: mujoco.GLContext) -> None:
    gl.make_current()  # or it would free the objects of whichever renderer drew last: they have the same numbers
    context.free()
    gl.free()


def focal_length_px(height_px: int, fovy_deg: float = CAMERA_FOV_Y_DEG) -> float:
    """Return the focal length of a pinhole with square pixels."""
    return height_px / 2 / float(np.tan(np.radians(fovy_deg) / 2))


def project(model: mujoco.MjModel, data: mujoco.MjData, points_m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels (k, 2) as (column, row) in the full 424x240 image of points (k, 3) in the base frame."""
    camera_id = model.camera(CAMERA_NAME).id
    in_camera_m = (points_m - data.cam_xpos[camera_id]) @ data.cam_xmat[camera_id].reshape(3, 3)
    ahead_m = -in_camera_m[:, 2:]  # MuJoCo's cameras look along -z, y up
    focal_px = focal_length_px(HEIGHT_PX, float(model.cam_fovy[camera_id]))
    offset_px = in_camera_m[:, :2] / ahead_m * np.array([focal_px, -focal_px])
    return offset_px + np.array([CENTRE_X_PX, CENTRE_Y_PX])
