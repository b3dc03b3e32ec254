"""A camera on the virtual clock of a simulated workplace: exposed at its rate, rendered only where somebody looks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.workplace.simulated_time import SimulatedTime
from drivers.camera import CameraHealth
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts, CameraIntrinsics
from interfaces.errors import DeviceLostError
from interfaces.messages import DepthMm, Frame, Rgb
from sim.camera.renderer import focal_length_px
from sim.camera.true_camera import TrueCamera
from sim.scene import CAMERA_NAME
from sim.truth import BoardPlace
from sim.world import World

MODEL, SERIAL = "simulated D435", "SIM-0001"
KEPT_EXPOSURES = 16
STILL = 2e-6  # rad and m: what moved less is a few thousandths of a pixel away


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exposure:
    number: int
    t_capture_ns: int
    t_arrival_ns: int
    physics_state: NDArray[np.float64]
    board: BoardPlace | None
    looks: bytes  # what else the picture depends on: objects, colours, where the camera is


class SimulatedCamera:
    """The Camera of drivers/camera.py."""

    def __init__(
        self, config: CameraConfig, world: World, clock: SimulatedTime, board_picture: NDArray[np.uint8], seed: int
    ) -> None:
        """Take the stream to offer, and the board's picture."""
        self._config, self._world, self._clock = config, world, clock
        self._board_picture, self._seed = board_picture, seed
        self._period_ns = round(1e9 / config.rate_hz)
        self._latency_ns = round((config.latency_ms + world.truth.stamp_delay_ms) * 1e6)
        self._stamp_delay_ns = round(world.truth.stamp_delay_ms * 1e6)
        self._waiting: deque[_Exposure] = deque(maxlen=KEPT_EXPOSURES)
        self._seen: World | None = None
        self._eye: TrueCamera | None = None
        self._picture: tuple[_Exposure, Rgb, DepthMm] | None = None  # the last rendered, without noise
        self._session = 0
        self._n_exposed = self._n_read = 0
        self._t_last_ns = 0

    @property
    def name(self) -> str:
        """Return the camera's name in the robot file."""
        return self._config.name

    def open(self) -> None:
        """Start the stream."""
        self.close()
        self._seen = self._world.twin()
        size_px = self._config.width_px, self._config.height_px
        self._eye = TrueCamera(self._seen, *size_px, board_picture=self._board_picture, seed=self._seed)
        session = self._session
        t_first_ns = (self._clock.now_ns() // self._period_ns + 1) * self._period_ns
        self._clock.at(t_first_ns, lambda: self._expose(t_first_ns, session))
        self._clock.wait_until(t_first_ns + self._latency_ns)

    def read(self, timeout_s: float) -> Frame | None:
        """Return the newest frame not yet returned, or None when none came in time."""
        if self._eye is None:
            raise DeviceLostError(f"camera {self.name} is not open")
        t_deadline_ns = self._clock.now_ns() + round(timeout_s * 1e9)
        while (exposure := self._arrived()) is None:
            t_now_ns = self._clock.now_ns()
            if t_now_ns >= t_deadline_ns:
                return None
            t_next_ns = self._waiting[0].t_arrival_ns if self._waiting else t_now_ns + self._period_ns
            self._clock.wait_until(min(t_deadline_ns, t_next_ns))
        self._n_read += 1
        return self._frame(exposure)

    def facts(self) -> CameraFacts:
        """Return what its maker would have measured, were it as designed."""
        if self._eye is None:
            raise DeviceLostError(f"camera {self.name} is not open")
        width_px, height_px = self._config.width_px, self._config.height_px
        focal_px = focal_length_px(height_px)
        intrinsics = CameraIntrinsics(
            width_px=width_px,
            height_px=height_px,
            focal_x_px=focal_px,
            focal_y_px=focal_px,
            centre_x_px=(width_px - 1) / 2,
            centre_y_px=(height_px - 1) / 2,
        )
        return CameraFacts(model=MODEL, serial=self._config.serial or SERIAL, intrinsics=intrinsics)

    def interrupt(self) -> None:
        """Nothing blocks here: the clock is ours."""

    def health(self) -> CameraHealth:
        """Return counts."""
        return CameraHealth(clock="global", frames=self._n_read, lost=0, rejected=0)

    def close(self) -> None:
        """Stop the stream."""
        self._session += 1
        self._waiting.clear()
        self._picture = None
        if self._eye is not None:
            self._eye.close()
            self._eye = self._seen = None

    def _expose(self, t_ns: int, session: int) -> None:
        if session != self._session:
            return  # closed meanwhile
        self._n_exposed += 1
        self._waiting.append(
            _Exposure(
                number=self._n_exposed,
                t_capture_ns=t_ns,
                t_arrival_ns=t_ns + self._latency_ns,
                physics_state=self._world.physics_state(),
                board=self._world.board,
                looks=self._looks(),
            )
        )
        t_next_ns = t_ns + self._period_ns
        self._clock.at(t_next_ns, lambda: self._expose(t_next_ns, session))

    def _looks(self) -> bytes:
        camera = self._world.model.camera(CAMERA_NAME)
        return bytes(f"{self._world.looks} ", "ascii") + camera.pos.tobytes() + camera.quat.tobytes()

    def _arrived(self) -> _Exposure | None:
        """Return the newest exposure that has arrived, and forget those before it."""
        t_now_ns = self._clock.now_ns()
        newest = None
        while self._waiting and self._waiting[0].t_arrival_ns <= t_now_ns:
            newest = self._waiting.popleft()
        return newest

    def _frame(self, exposure: _Exposure) -> Frame:
        rgb, depth_mm = self._render(exposure)
        assert self._eye is not None
        return Frame(
            camera=self.name,
            number=exposure.number,
            t_capture_ns=exposure.t_capture_ns + self._stamp_delay_ns,
            t_arrival_ns=exposure.t_arrival_ns,
            rgb=self._eye.with_noise(rgb),
            depth_mm=depth_mm if self._config.depth else None,
        )

    def _render(self, exposure: _Exposure) -> tuple[Rgb, DepthMm]:
        """Return the picture without noise; where nothing moved since the last one, that one."""
        if self._picture is not None and self._looks_alike(self._picture[0], exposure):
            return self._picture[1:]
        assert self._seen is not None
        assert self._eye is not None
        self._seen.put_state(exposure.physics_state)
        self._seen.board = exposure.board
        rgb, depth_mm = self._eye.clean()
        self._picture = (exposure, rgb, depth_mm)
        return rgb, depth_mm

    def _looks_alike(self, one: _Exposure, other: _Exposure) -> bool:
        same_scene = one.board == other.board and one.looks == other.looks
        n_positions = self._world.model.nq  # come first; velocities are part of the state, but not seen
        moved = np.abs(one.physics_state[:n_positions] - other.physics_state[:n_positions])
        return same_scene and bool(moved.max() < STILL)
