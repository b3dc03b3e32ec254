"""The foresight stage of a bundle that looks back: one array, the oldest picture first, and the instants of all that it saw."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from interfaces.bundle_manifest import GraphSpec, TensorSpec
from interfaces.engine import Engine, Tensors
from interfaces.errors import DeviceError
from interfaces.messages import Frame
from interfaces.robot_config import RobotConfig
from runtime.bundles.dry_run import LiveSample, dry_run
from runtime.policy.bundle import LoadedBundle
from runtime.policy.foresight_stage import ForesightStage

MS = 1_000_000
MakeFrame = Callable[..., Frame]


class OldestSeen:
    """A foresight engine that takes three pictures, and gives what the tiny bundle's gives for the oldest."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        front, instruction = engine.spec.inputs
        wanted = TensorSpec(name=front.name, shape=(3, *front.shape), dtype="uint8")
        self.spec = GraphSpec(inputs=(wanted, instruction), outputs=engine.spec.outputs)
        self.given: list[NDArray[np.uint8]] = []

    def run(self, inputs: Tensors) -> Tensors:
        """Run on the oldest picture."""
        self.given.append(np.array(inputs["front"]))
        return self._engine.run({**inputs, "front": inputs["front"][0]})


@pytest.fixture
def engine(tiny_bundle: LoadedBundle) -> OldestSeen:
    """The engine above."""
    return OldestSeen(tiny_bundle.foresight)


@pytest.fixture
def looking_back(tiny_bundle: LoadedBundle, engine: OldestSeen) -> LoadedBundle:
    """The tiny bundle with that engine."""
    cameras = (replace(tiny_bundle.cameras[0], n_history=3),)
    manifest = replace(tiny_bundle.manifest, cameras=cameras, foresight=engine.spec)
    return replace(tiny_bundle, manifest=manifest, foresight=engine)


def test_the_oldest_picture_comes_first(looking_back: LoadedBundle, engine: OldestSeen, make_frame: MakeFrame) -> None:
    old, middle, newest = (
        make_frame(t_capture_ns=t_ns, colour=colour) for t_ns, colour in ((5, 51), (6, 102), (7, 255))
    )
    stage = ForesightStage(looking_back)
    foresight = stage.foresee((replace(newest, earlier=(old, middle)),), "push", 9)
    assert (foresight.t_capture_ns, foresight.t_earlier_ns) == (7, (5, 6))
    assert [int(rgb[0, 0, 0]) for rgb in engine.given[0]] == [51, 102, 255]
    np.testing.assert_allclose(foresight.tokens[0, :3], 0.2, atol=1e-4)
    stage.foresee((replace(newest, earlier=(middle, middle)),), "push", 10)
    assert [int(rgb[0, 0, 0]) for rgb in engine.given[1]] == [102, 102, 255]
    assert int(engine.given[0][0, 0, 0, 0]) == 51


def test_too_few_pictures_and_another_size_are_refused(looking_back: LoadedBundle, make_frame: MakeFrame) -> None:
    stage, frame = ForesightStage(looking_back), make_frame()
    with pytest.raises(DeviceError, match="camera front gave 2 pictures; the bundle wants 3"):
        stage.foresee((replace(frame, earlier=(frame,)),), "push", 0)
    with pytest.raises(DeviceError, match=r"gave a picture of \(480, 640, 3\); the bundle wants \(240, 424, 3\)"):
        stage.foresee((replace(frame, earlier=(make_frame(size=(480, 640)), frame)),), "push", 0)


def test_a_dry_run_shows_each_live_picture_as_if_nothing_went_before(
    looking_back: LoadedBundle, engine: OldestSeen, robot: RobotConfig
) -> None:
    samples = [LiveSample({"front": np.full((240, 424, 3), colour, np.uint8)}, np.full(6, 0.1)) for colour in (10, 20)]
    ticks = iter(range(0, 10**12, MS))
    assert dry_run(looking_back, robot, samples, lambda: next(ticks)).n_samples == 2
    assert [rgb[:, 0, 0, 0].tolist() for rgb in engine.given] == [[10, 10, 10], [20, 20, 20]]
