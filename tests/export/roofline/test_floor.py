"""The floor of a layer is the longer of its operations and its bytes; what is expected lies above it."""

import pytest

from export.roofline.boards import Board, PowerMode
from export.roofline.count import Layer
from export.roofline.floor import floor_of

MODE = PowerMode(name="test", n_sm=10, gpu_hz=1e9, memory_hz=1e9)  # 20.48e12 FP16 operations a second
BOARD = Board(name="test", title="test", bus_bits=400, modes=(MODE,))  # 100e9 bytes a second


def layer(macs: int, moved_bytes: float, precision: str = "fp16") -> Layer:
    return Layer(
        name=f"{macs}", kind="linear", precision=precision, macs=macs, element_wise=0, normalised=0, softmaxed=0,
        weights_bytes=moved_bytes, read_bytes=0.0, written_bytes=0.0,
    )  # fmt: skip


def test_each_layer_takes_the_longer_of_both() -> None:
    heavy, wide = layer(10_240_000_000, 1e7), layer(1000, 2e8)
    floor = floor_of((heavy, wide), BOARD, MODE)
    assert [each.bound_by for each in floor.layers] == ["compute", "memory"]
    assert floor.least_s == pytest.approx(1e-3 + 2e-3)
    assert floor.compute_s == pytest.approx(1e-3, rel=1e-3)
    assert floor.memory_s == pytest.approx(2.1e-3)
    assert floor.compute_bound_share == pytest.approx(1 / 3)
    assert floor.longest(1)[0].first.layer is wide


def test_layers_of_one_size_are_told_together() -> None:
    floor = floor_of((layer(1000, 2e8), layer(10_240_000_000, 1e7), *[layer(500, 1.5e8)] * 2), BOARD, MODE)
    most = floor.longest(2)
    assert [(len(alike.layers), alike.first.layer.macs) for alike in most] == [(2, 500), (1, 1000)]
    assert most[0].least_s == pytest.approx(3e-3)


def test_expected_is_what_is_really_reached_of_the_peaks() -> None:
    floor = floor_of((layer(10_240_000_000, 1e7), layer(1000, 2e8)), BOARD, MODE)
    assert floor.expected_s == pytest.approx((1e-3 / 0.45 + 2e-3 / 0.85, 1e-3 / 0.25 + 2e-3 / 0.60))
    assert floor.launches_s == pytest.approx((10e-6, 20e-6))


def test_int8_is_twice_as_fast_at_best_and_reaches_less_of_it() -> None:
    half, int8 = (floor_of((layer(10_240_000_000, 1.0, precision),), BOARD, MODE) for precision in ("fp16", "int8"))
    assert half.least_s == pytest.approx(2 * int8.least_s)
    assert int8.expected_s == pytest.approx((0.5e-3 / 0.35, 0.5e-3 / 0.15))
