"""Lines on a plot: small, with their outline, and broken where nothing was recorded."""

import numpy as np

from bench.flight_report.drawing import parted, thinned


def test_no_line_is_drawn_across_a_gap() -> None:
    t_s = np.concatenate([np.linspace(0.0, 1.0, 101), np.linspace(3.0, 4.0, 101)])
    parted_s, values = parted(t_s, np.ones(202))
    (gap,) = np.flatnonzero(np.isnan(values))
    assert (parted_s[gap - 1], parted_s[gap + 1]) == (1.0, 3.0)
    assert not np.isnan(parted(t_s[:101], np.ones(101))[1]).any()


def test_a_thinned_line_keeps_its_outline() -> None:
    t_s = np.linspace(0.0, 1000.0, 100_000)
    values = np.sin(t_s)
    values[54_321] = 9.0
    values[60_000:61_000] = np.nan
    thin_s, thin = thinned(t_s, values)
    assert len(thin) <= 1500
    assert np.nanmax(thin) == 9.0
    assert np.isnan(thin).any()
    assert (np.diff(thin_s) > 0).all()
