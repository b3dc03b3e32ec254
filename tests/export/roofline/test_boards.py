"""The boards' peaks come out as NVIDIA publishes them, dense, and slower modes are slower."""

import pytest

from export.roofline.boards import BOARDS


# Half of the sparse INT8 figures of the modules' data sheets (GPU only), and LPDDR5 at its nominal rate.
@pytest.mark.parametrize(
    ("board", "int8_tops", "gigabytes_s"),
    [("orin-agx-64", 170 / 2, 204.8), ("orin-agx-32", 108 / 2, 204.8), ("orin-nx-16", 77 / 2, 102.4), ("orin-nano-8", 67 / 2, 102.4)],
)  # fmt: skip
def test_peaks_are_half_of_the_sparse_ones_of_the_data_sheet(board: str, int8_tops: float, gigabytes_s: float) -> None:
    fastest = BOARDS[board].modes[0]
    assert fastest.peak_ops_s("int8") / 1e12 == pytest.approx(int8_tops, rel=0.02)
    assert fastest.peak_ops_s("fp16") == fastest.peak_ops_s("int8") / 2
    assert BOARDS[board].bandwidth_bytes_s(fastest) / 1e9 == pytest.approx(gigabytes_s)


def test_modes_stand_from_the_fastest_to_the_slowest() -> None:
    for board in BOARDS.values():
        peaks = [mode.peak_ops_s("fp16") * board.bandwidth_bytes_s(mode) for mode in board.modes]
        assert peaks == sorted(peaks, reverse=True), board.name
