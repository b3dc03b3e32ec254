"""The tiny network, exported once for all tests of quantisation, and the ranges of its activations."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import ModelProto

from export.quantise.ranges import Ranges, measure_ranges
from interfaces.progress import silent
from tests.export.quantise.tiny_network import export_tiny_network, samples


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> ModelProto:
    """The tiny network as torch exports it; not to be changed."""
    folder: Path = tmp_path_factory.mktemp("tiny")
    return export_tiny_network(folder / "tiny.onnx")


@pytest.fixture(scope="session")
def tiny_ranges(tiny: ModelProto) -> Ranges:
    """The ranges of the tiny network over 40 samples."""
    return measure_ranges(tiny, samples(40, seed=1), silent)
