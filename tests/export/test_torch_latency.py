"""Torch runs the policy that a bundle was made of, and its memory is measured as that of the others."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from export.torch_latency import memory_command, torch_runs

SOURCE = """
import numpy as np
import torch
from export.onnx_graphs import Graph
from export.torch_policy import TorchPolicy
from interfaces.bundle_manifest import CameraSpec, ChunkSpec

class Scaled(torch.nn.Module):
    def forward(self, x):
        return 2.0 * torch.sin(x)

def policy():
    graph = Graph(name="action", network=Scaled(), inputs=("x",), output="positions")
    return TorchPolicy(
        family="test", joints=("a",), instructions=("go",), cameras=(CameraSpec(name="c", width_px=2, height_px=2),),
        chunk=ChunkSpec(horizon=1, step_ms=50.0, first_ms=50.0), foresight_age_max_ms=1.0,
        foresight=Graph(name="foresight", network=Scaled(), inputs=("x",), output="tokens"), action=graph, samples={},
    )
"""
ROW = {"x": np.array([0.5, 1.0], np.float32)}


@pytest.fixture
def source(tmp_path: Path) -> str:
    (tmp_path / "scaled.py").write_text(SOURCE)
    return f"{tmp_path / 'scaled.py'}:policy"


def test_eager_computes_what_the_network_says(source: str) -> None:
    runs = torch_runs(source, "action", 1, ("eager",))
    assert set(runs) == {"eager"}
    np.testing.assert_allclose(runs["eager"](ROW), 2 * np.sin(ROW["x"]), rtol=1e-6)
    assert torch.get_num_threads() == 1


def test_scalars_and_pictures_go_in_as_they_come(source: str) -> None:
    run = torch_runs(source, "foresight", 1, ("eager",))["eager"]
    assert run({"x": np.array(0.5, np.float32)}).shape == ()
    frozen = np.ones((2, 2), np.float32)
    frozen.flags.writeable = False  # as samples out of a file are
    np.testing.assert_allclose(run({"x": frozen}), 2 * np.sin(frozen), rtol=1e-6)


def test_a_process_of_its_own_tells_what_opening_it_took(source: str, tmp_path: Path) -> None:
    command = memory_command(source, "action", "eager", 1, ROW)
    (tmp_path / "export").mkdir()  # a folder of this name in the working directory is not ours
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert -5_000_000 < int(done.stdout.split()[-1]) < 60_000_000  # torch itself is not in it


@pytest.mark.slow  # the compiler's imports and a C++ compiler: half a minute
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler")
def test_compiled_computes_the_same(source: str) -> None:
    runs = torch_runs(source, "action", threads=1)
    np.testing.assert_allclose(runs["compile"](ROW), runs["eager"](ROW), rtol=1e-5)
