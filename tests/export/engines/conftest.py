"""What the tests of engines share: two tiny graphs in four precisions, as a bundle, and real inputs for them."""

from pathlib import Path

import pytest
from onnx import ModelProto

from interfaces.sample_file import Samples
from tests.data.make_engine_bundle import make_models, make_samples, write_tiny


@pytest.fixture(scope="session")
def samples() -> Samples:
    """Forty inputs of both graphs, with the tokens that the fp32 foresight makes of them."""
    return make_samples()


@pytest.fixture(scope="session")
def models(samples: Samples) -> dict[tuple[str, str], ModelProto]:
    """The graphs by (precision, graph); int8 with FP16 around it is trt-int8, with FP32 trt-int8-fp32."""
    return make_models(samples)


@pytest.fixture
def bundle(tmp_path: Path, models: dict[tuple[str, str], ModelProto], samples: Samples) -> Path:
    """A bundle of the tiny graphs for a robot of two joints."""
    return write_tiny(tmp_path / "tiny", models, samples)
