"""The rigs that the conformance suite runs on."""

import pytest

from bench.arm_rigs import RIGS
from bench.arm_rigs.rig import ArmRig
from bench.arm_rigs.trial import hold


@pytest.fixture(params=list(RIGS))
def rig(request: pytest.FixtureRequest) -> ArmRig:
    """Return an arm that is not open yet, of each motor family."""
    return RIGS[request.param]()


@pytest.fixture
def held(rig: ArmRig) -> ArmRig:
    """Return an arm that holds its pose."""
    hold(rig)
    return rig
