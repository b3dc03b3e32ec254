"""The foresight stage: a frame and an instruction in, stamped tokens out."""

from collections.abc import Callable

import numpy as np
import pytest

from interfaces.errors import DeviceError, RefusedError
from interfaces.messages import Frame
from runtime.policy.bundle import LoadedBundle
from runtime.policy.foresight_stage import ForesightStage


def test_foresight_carries_the_stamp_of_its_frame(tiny_bundle: LoadedBundle, make_frame: Callable[..., Frame]) -> None:
    stage = ForesightStage(tiny_bundle)
    foresight = stage.foresee((make_frame(t_capture_ns=7, colour=51),), "press", 9)
    assert (foresight.sequence, foresight.instruction, foresight.t_capture_ns, foresight.t_done_ns) == (
        1,
        "press",
        7,
        9,
    )
    np.testing.assert_allclose(foresight.tokens, [[0.2, 0.2, 0.2, 0], [0, 1, 0, 1]], atol=1e-4)


def test_an_earlier_foresight_keeps_its_tokens(tiny_bundle: LoadedBundle, make_frame: Callable[..., Frame]) -> None:
    stage = ForesightStage(tiny_bundle)
    first = stage.foresee((make_frame(colour=51),), "push", 0)
    second = stage.foresee((make_frame(colour=255),), "push", 1)
    assert first.tokens[0, 0] == pytest.approx(0.2, abs=1e-4)
    assert second.tokens[0, 0] == pytest.approx(1.0)
    assert second.sequence == 2


def test_what_the_bundle_does_not_know_is_refused(tiny_bundle: LoadedBundle, make_frame: Callable[..., Frame]) -> None:
    stage = ForesightStage(tiny_bundle)
    with pytest.raises(RefusedError, match="'dance'; the bundle knows reach, push, press, lift"):
        stage.foresee((make_frame(),), "dance", 0)
    with pytest.raises(
        DeviceError, match=r"camera front gave a picture of \(480, 640, 3\); the bundle wants \(240, 424, 3\)"
    ):
        stage.foresee((make_frame(size=(480, 640)),), "push", 0)
