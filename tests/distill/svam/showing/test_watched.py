"""The instant that is looked at: the one that is asked for, or the one after which most moves."""

from __future__ import annotations

import numpy as np
import pytest

from distill.svam.showing.watched import Watched, moment_of
from interfaces.errors import RefusedError


def episode(grey: list[int]) -> Watched:
    """One picture each 0.1 s from 0.03 s on, all of one grey."""
    pictures = np.broadcast_to(np.array(grey, np.uint8)[:, None, None, None], (len(grey), 8, 8, 3))
    return Watched(
        task="push", seed=5, succeeded=True, t_s=np.linspace(0.03, 0.1 * len(grey) - 0.07, len(grey)), pictures=pictures,
        depth_mm=np.ones((len(grey), 4, 4), np.uint16),
    )  # fmt: skip


def test_unasked_it_is_where_most_moves_in_what_follows() -> None:
    moment = moment_of(episode([10, 10, 10, 90, 200, 200, 200]), 2, None)
    assert moment.instant_s == pytest.approx(0.23)
    assert moment.now[0, 0, 0] == 10
    assert moment.future[:, 0, 0, 0].tolist() == [90, 200]


def test_asked_it_is_the_nearest_that_has_a_whole_future() -> None:
    moment = moment_of(episode([1, 2, 3, 4, 5, 6]), 3, 0.14)
    assert moment.instant_s == pytest.approx(0.13)
    assert moment.future[:, 0, 0, 0].tolist() == [3, 4, 5]
    assert moment_of(episode([1, 2, 3, 4, 5, 6]), 3, 0.0).instant_s == pytest.approx(0.03)


@pytest.mark.parametrize("instant_s", [-1.0, 0.5])
def test_an_instant_without_a_whole_future_is_refused(instant_s: float) -> None:
    with pytest.raises(RefusedError, match=r"push, seed 5: --instant is .*; expected 0\.03 to 0\.23 s"):
        moment_of(episode([1, 2, 3, 4, 5, 6]), 3, instant_s)


def test_an_episode_that_is_too_short_is_refused() -> None:
    with pytest.raises(RefusedError, match="has 3 frames; expected more than the 3"):
        moment_of(episode([1, 2, 3]), 3, None)
