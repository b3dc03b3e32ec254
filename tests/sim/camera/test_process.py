"""The simulated camera shows what the world's own renderer would, and an exposure survives its way there."""

import threading
from pathlib import Path

import numpy as np
import pytest

from sim.camera.link import CAMERA_SOCKET, CameraLinkReader
from sim.camera.process import Exposure, SimulatedCameraProcess, decode_exposure
from sim.camera.renderer import CameraRenderer
from sim.world import World


def exposure(world: World, task: str, seed: int, number: int = 7) -> Exposure:
    return Exposure(number=number, t_capture_ns=123, task=task, seed=seed, physics_state=world.physics_state())


def test_an_exposure_survives_its_way() -> None:
    world = World()
    sent = exposure(world, "lift", 5)
    got = decode_exposure(sent.encode())
    assert (got.number, got.t_capture_ns, got.task, got.seed) == (7, 123, "lift", 5)
    np.testing.assert_array_equal(got.physics_state, sent.physics_state)


def test_the_camera_sees_the_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    world = World()
    world.reset("push", 11)
    world.set_targets(world.joint_positions_rad + 0.2)
    world.step(100)
    camera, stop = SimulatedCameraProcess(), threading.Event()

    def show() -> None:
        number = 0
        while not stop.wait(0.02):
            number += 1
            camera.expose(exposure(world, "push", 11, number))

    shower, reader = threading.Thread(target=show), CameraLinkReader(tmp_path / CAMERA_SOCKET)
    shower.start()
    try:
        frame = next(iter(reader))
    finally:
        stop.set()
        shower.join()
        reader.close()
        camera.close()
    rgb, depth_mm = CameraRenderer(world.model).render(world.data)
    assert np.abs(frame.rgb.astype(int) - rgb).mean() < 0.5
    assert np.abs(frame.depth_mm.astype(int) - depth_mm).mean() < 1.0
