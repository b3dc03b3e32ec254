"""The simulated camera shows what the world's own renderer would, and an exposure survives its way there."""

import threading
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim.camera.link import CAMERA_SOCKET, CameraLinkReader
from sim.camera.process import CLEARED, Exposure, SimulatedCameraProcess, decode_exposure
from sim.camera.renderer import CameraRenderer
from sim.camera.true_camera import TrueCamera
from sim.tasks import TASKS
from sim.truth import load_truth
from sim.world import World


def exposure(world: World, task: str, seed: int, number: int = 7) -> Exposure:
    return Exposure(number=number, t_capture_ns=123, task=task, seed=seed, physics_state=world.physics_state())


def test_an_exposure_survives_its_way() -> None:
    world = World()
    sent = exposure(world, "lift", 5)
    got = decode_exposure(sent.encode())
    assert (got.number, got.t_capture_ns, got.task, got.seed) == (7, 123, "lift", 5)
    np.testing.assert_array_equal(got.physics_state, sent.physics_state)


@pytest.mark.parametrize("task", [*TASKS, CLEARED])
def test_every_task_survives_its_way(task: str) -> None:
    sent = Exposure(number=1, t_capture_ns=2, task=task, seed=3, physics_state=np.zeros(4))
    assert decode_exposure(sent.encode()).task == task


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


TRUTH = """
landmarks = true
camera_translation_m = [0.02, 0.0, 0.0]
[board]
width_m = 0.14
height_m = 0.10
fixed_to = "table"
translation_m = [0.18, 0.05, 0.001]
rotation_wxyz = [0.0, 1.0, 0.0, 0.0]
picture = "board.png"
"""


def test_the_camera_sees_the_truth_in_the_size_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    squares = np.add.outer(np.arange(5), np.arange(7)) % 2
    picture = np.repeat(np.repeat(255 * squares, 40, axis=0), 40, axis=1).astype(np.uint8)
    cv2.imwrite("board.png", picture)
    (tmp_path / "truth.toml").write_text(TRUTH)
    world = World(load_truth(tmp_path / "truth.toml"))
    world.clear_table()
    camera, stop = SimulatedCameraProcess((424, 240), tmp_path / "truth.toml"), threading.Event()
    shown = replace(exposure(world, CLEARED, 0), board=world.board)

    def show() -> None:
        while not stop.wait(0.05):
            camera.expose(shown)

    shower, reader = threading.Thread(target=show), CameraLinkReader(tmp_path / CAMERA_SOCKET, (640, 360))
    shower.start()
    try:
        frame = next(iter(reader))
    finally:
        stop.set()
        shower.join()
        reader.close()
        camera.close()
    expected = TrueCamera(world, 640, 360, board_picture=picture)
    rgb, _ = expected.take()
    expected.close()
    assert frame.rgb.shape == (360, 640, 3)
    assert np.abs(frame.rgb.astype(int) - rgb).mean() < 0.5
