"""A bundle on TensorRT engines from the cache, on a fake GPU: opened, held against its references, and run."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from interfaces.bundle_manifest import BundleManifest, load_manifest
from interfaces.errors import BundleError, ConfigError
from interfaces.robot_config import RobotConfig
from runtime.policy.bundle import open_bundle
from runtime.tensorrt.engine import TensorrtEngine
from tests.runtime.tensorrt.fake_driver import FakeDriver
from tests.runtime.tensorrt.fake_engines import store_engines
from tests.runtime.tensorrt.fake_machine import built_library, fake_machine
from tests.runtime.tensorrt.fake_tensorrt import expected


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fake driver."""
    return built_library(tmp_path_factory.mktemp("fake_cuda"))


@pytest.fixture
def machine(library: Path) -> Iterator[FakeDriver]:
    """A machine with a GPU."""
    with fake_machine(library) as (driver, _):
        yield driver


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only cache of engines."""
    folder = tmp_path / "engines"
    monkeypatch.setattr("runtime.policy.inference_choice.cache_folders", lambda: (folder,))
    return folder


@pytest.fixture
def manifest(tiny_folder: Path) -> BundleManifest:
    """What the tiny bundle says of itself."""
    return load_manifest(tiny_folder)


def test_engines_that_were_built_here_are_what_runs(
    machine: FakeDriver, tiny_folder: Path, manifest: BundleManifest, robot: RobotConfig, cache: Path
) -> None:
    store_engines(manifest, cache, parity_max_abs=1e9)
    bundle = open_bundle(tiny_folder, robot)
    assert bundle.running.words == "TensorRT 10.3.0, foresight fp16, action fp16"
    assert isinstance(bundle.foresight, TensorrtEngine)
    assert isinstance(bundle.action, TensorrtEngine)
    assert "stream priority 0, the lowest" in bundle.foresight.notes
    assert "stream priority -5, the highest" in bundle.action.notes
    inputs = {tensor.name: np.full(tensor.shape, 3, tensor.dtype) for tensor in manifest.foresight.inputs}
    tokens = expected(manifest.foresight, inputs)["tokens"]
    np.testing.assert_allclose(bundle.foresight.run(inputs)["tokens"], tokens, rtol=1e-5)
    bundle.foresight.close()
    bundle.action.close()
    del bundle
    assert machine.live == 0


def test_engines_that_do_not_reproduce_the_references_do_not_run(
    machine: FakeDriver, tiny_folder: Path, manifest: BundleManifest, robot: RobotConfig, cache: Path
) -> None:
    store_engines(manifest, cache, parity_max_abs=0.01)
    with pytest.raises(BundleError, match="parity of foresight: tokens of sample 0 is off by"):
        open_bundle(tiny_folder, robot, inference="tensorrt")
    assert machine.calls("cuGraphLaunch") > 0


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("broken", ["plan", "record", "newer record", "parity"])
def test_engines_that_are_damaged_give_way_to_the_processor_unless_they_were_asked_for(
    tiny_folder: Path,
    manifest: BundleManifest,
    robot: RobotConfig,
    cache: Path,
    caplog: pytest.LogCaptureFixture,
    broken: str,
) -> None:
    store_engines(manifest, cache, parity_max_abs=0.01 if broken == "parity" else 1e9)
    (plan,), (record,) = cache.glob("*/action-*.plan"), cache.glob("*/record.toml")
    if broken == "plan":
        plan.write_bytes(plan.read_bytes()[:-1] + b"!")
    elif broken == "record":
        record.write_bytes(record.read_bytes()[:100])  # the disk lost its end
    elif broken == "newer record":
        record.write_text(record.read_text().replace("format = 1", "format = 2"))
    assert open_bundle(tiny_folder, robot).running.words == "fp32 on ONNX Runtime"
    said = [each.message for each in caplog.records if each.levelname == "WARNING"]
    assert len([each for each in said if "processor" in each or "but as fp32 on ONNX Runtime" in each]) == 1
    with pytest.raises((BundleError, ConfigError)):
        open_bundle(tiny_folder, robot, inference="tensorrt")


def test_a_machine_with_a_gpu_and_no_engines_runs_on_the_processor(
    machine: FakeDriver, tiny_folder: Path, robot: RobotConfig, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert open_bundle(tiny_folder, robot).running.precision == "fp32"
    assert "no engines were built for bundle tiny on this board; `forerun build` builds them" in caplog.text
    assert not cache.exists()
    assert machine.live == 0
