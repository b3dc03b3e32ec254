"""What runs a bundle: the best that is ready, or what was asked for by name; never a thing that nobody checked."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from interfaces.bundle_artefact import Artefact, Gate, Precision
from interfaces.bundle_manifest import BundleManifest
from interfaces.errors import BundleError, DeviceError
from interfaces.robot_config import RobotConfig
from runtime.policy import bundle as bundle_module
from runtime.policy.bundle import LoadedBundle, open_bundle
from runtime.policy.inference_choice import choices, find_engines

FAILED = Gate(name="action_max_abs", limit=0.02, measured=0.5, outcome="failed", worst="frame 217, joint wrist_flex")


@dataclass(frozen=True)
class Gpu:
    """A GPU that is not there."""

    tensorrt: str = "10.3.0"
    device: str = "Orin"
    compute_capability: str = "8.7"


def artefact(manifest: BundleManifest, precision: Precision, *gates: Gate) -> Artefact:
    ready = all(gate.outcome != "failed" for gate in gates)
    return replace(manifest.artefacts[0], precision=precision, ready=ready, gates=gates)


@pytest.fixture
def manifest(tiny_bundle: LoadedBundle) -> BundleManifest:
    return tiny_bundle.manifest


def test_the_first_ready_one_that_is_made_for_a_processor_runs(manifest: BundleManifest) -> None:
    several = replace(
        manifest,
        artefacts=(
            artefact(manifest, "trt-int8"),
            artefact(manifest, "fp16", FAILED),
            artefact(manifest, "cpu-int8"),
            artefact(manifest, "fp32"),
        ),
    )
    assert [choice.precision for choice in choices(several, "auto")] == ["cpu-int8", "fp32"]
    assert [choice.precision for choice in choices(several, "trt-int8")] == ["trt-int8"]
    assert [choice.precision for choice in choices(several, "fp16")] == ["fp16"]  # a person looks for its fault


def test_without_anything_ready_it_says_what_each_missed(manifest: BundleManifest) -> None:
    none = replace(manifest, artefacts=(artefact(manifest, "fp32", FAILED), artefact(manifest, "trt-int8")))
    with pytest.raises(
        BundleError, match="fp32 missed action_max_abs at frame 217, joint wrist_flex; trt-int8 is for TensorRT"
    ):
        choices(none, "auto")
    with pytest.raises(BundleError, match="bundle tiny has no cpu-int8 artefact, only fp32, trt-int8"):
        choices(none, "cpu-int8")


def test_tensorrt_that_is_asked_for_and_not_there_is_an_error(
    manifest: BundleManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runtime.tensorrt import probe

    monkeypatch.setattr(probe, "probe", lambda: probe.Missing("no NVIDIA driver"))
    with pytest.raises(DeviceError, match=r'policy\.inference is "tensorrt": no NVIDIA driver'):
        choices(manifest, "tensorrt")
    assert choices(manifest, "auto")[0].precision == "fp32"


def test_no_engine_for_this_board_is_found_where_none_was_built(
    manifest: BundleManifest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("runtime.policy.inference_choice.cache_folders", lambda: (tmp_path / "own", tmp_path / "robot"))
    assert find_engines(manifest, Gpu()) is None


def test_an_artefact_that_misses_parity_here_gives_way_to_the_next_and_says_so(
    tiny_folder: Path, robot: RobotConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def with_two(data: bytes, file: str) -> BundleManifest:
        manifest = parse(data, file)
        exact = replace(artefact(manifest, "cpu-int8"), action_max_abs_rad=0.0, foresight_max_abs=-0.0)
        return replace(
            manifest, artefacts=(replace(exact, action=manifest.artefacts[0].foresight), *manifest.artefacts)
        )

    parse = bundle_module.parse_manifest
    monkeypatch.setattr(bundle_module, "parse_manifest", with_two)
    opened = open_bundle(tiny_folder, robot)
    assert opened.running.precision == "fp32"
    assert "not run as cpu-int8 on ONNX Runtime but as fp32 on ONNX Runtime" in caplog.text
    with pytest.raises(BundleError):
        open_bundle(tiny_folder, robot, inference="cpu-int8")
