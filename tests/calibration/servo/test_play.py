"""Play from samples whose truth is known."""

from __future__ import annotations

import pytest

from calibration.servo.play import find_play
from calibration.servo.samples import joined
from tests.calibration.servo.sticky_samples import LAG_S, motion


@pytest.mark.parametrize(("play", "give"), [(0.0, 0.0), (0.01, 0.0), (0.01, 0.05), (0.0, 0.05)])
def test_play_is_told_from_what_friction_bends(play: float, give: float) -> None:
    runs = [
        motion(v, a, play=play, give=give, start_s=50.0 * k)
        for k, (v, a) in enumerate([(0.3, 15.0), (0.06, 15.0), (0.9, 15.0), (1.5, 30.0), (1.5, 15.0)])
    ]
    found = find_play(joined(runs), 0.1)
    assert found.play_rad.value == pytest.approx(play, abs=0.0015)
    assert found.give_rad.value == pytest.approx(give, abs=0.01)
    assert found.lag_s.value == pytest.approx(LAG_S, abs=0.003)
    assert found.loop_rad == pytest.approx(play + 2 * give * 0.1, abs=0.002)
