"""What the tests of engines share: two tiny graphs in four precisions, as a bundle, and real inputs for them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from onnx import ModelProto

from export.engines.candidates import BundleSource
from export.engines.evidence import Evidence, gather_evidence
from interfaces.bundle_manifest import load_manifest
from interfaces.progress import silent
from interfaces.sample_file import Samples
from runtime.policy.open_engine import open_engine
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


@pytest.fixture
def source(bundle: Path) -> BundleSource:
    """The tiny bundle."""
    return BundleSource(bundle, load_manifest(bundle))


@pytest.fixture
def gathered() -> Callable[[BundleSource], Evidence]:
    """Gathers the evidence in a bundle."""

    def gather(source: BundleSource) -> Evidence:
        return gather_evidence(source, lambda path, name, spec: open_engine(path, name, spec, 1), silent)

    return gather


@pytest.fixture
def evidence(source: BundleSource, gathered: Callable[[BundleSource], Evidence]) -> Evidence:
    """What the tiny bundle is judged on."""
    return gathered(source)
