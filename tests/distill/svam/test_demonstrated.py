"""Which episodes tell of actions."""

from __future__ import annotations

import numpy as np

from distill.svam.clips import ClipIndex
from distill.svam.demonstrated import choose_pictures


def test_all_is_learnt_from_where_the_demonstrator_took_over() -> None:
    last = np.repeat([3, 7, 11, 15], 4)  # four episodes of four pictures
    index = ClipIndex(last=last, task=np.zeros(16, np.int64), held_out=last == 3)
    few = choose_pictures(index, 1, len(index))
    assert (np.unique(index.last[few.learnt]).tolist(), np.unique(index.last[few.held_out]).tolist()) == ([7], [3])
    recovered = choose_pictures(index, 1, 12)
    assert np.unique(index.last[recovered.learnt]).tolist() == [7, 15]
