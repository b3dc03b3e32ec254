"""What is made for TensorRT, judged on a processor: as TensorRT rounds, and by the bundle's own references."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.gated_bundle_rig import make_gated_bundle, tiny_samples, write
from forerun.__main__ import main
from forerun.judged_copy import make_judged_copy
from interfaces.bundle_manifest import load_manifest
from interfaces.robot_config import load_robot
from runtime.policy.bundle import open_bundle

ROBOTS = Path(__file__).parents[2] / "robots"
SHIPPED = ROBOTS / "bundles/so101-small"


def test_the_shipped_int8_for_tensorrt_reproduces_torch_where_it_is_rounded_as_tensorrt_rounds(tmp_path: Path) -> None:
    folder = make_judged_copy(SHIPPED, load_manifest(SHIPPED), tmp_path / "judged")
    opened = open_bundle(folder, load_robot(ROBOTS / "simulated.toml"), inference="trt-int8")
    assert opened.running.precision == "trt-int8"
    assert 0 < opened.foresight_off <= opened.running.foresight_max_abs
    mended = [path.name for path in folder.iterdir() if not path.is_symlink()]
    assert sorted(mended) == ["foresight.trt-int8.onnx", "manifest.toml"]


def test_without_onnx_it_is_not_judged_and_spoils_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_gated_bundle(tmp_path / "tiny", tiny_samples(20), off_ratio=0.0)
    manifest = load_manifest(folder)
    fp32, int8 = manifest.artefacts
    write(folder, replace(manifest, artefacts=(fp32, replace(int8, precision="trt-int8"))))

    def missing(*_: object) -> Path:
        raise ImportError("No module named 'onnx'")

    monkeypatch.setattr("forerun.judged_copy.make_judged_copy", missing)
    words = ["check", str(folder), "--robot", str(ROBOTS / "simulated.toml"), "--trusted-keys", str(tmp_path / "none")]
    assert main(words) == 0
    assert "onnx, which is not installed: No module named 'onnx'" in capsys.readouterr().out
    assert main([*words, "--precision", "trt-int8"]) == 1  # what was asked for was not shown to be good
