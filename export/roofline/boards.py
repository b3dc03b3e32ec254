"""The Orin boards: what their GPU computes and their memory carries at most, by power mode.

Per SM and clock, dense: 2048 INT8 and 1024 FP16 multiply-accumulates of the tensor cores (sm_87; NVIDIA's sparse figures are
twice as much, and no sparse kernel is used here: 16 SM x 1.30 GHz x 2048 x 2 = 85 TOPS, half of the 170 that NVIDIA names for the
GPU of the AGX Orin 64: https://github.com/NVIDIA/Deep-Learning-Accelerator-SW). FP32 is taken as TF32, at half the rate of FP16 as
on all Ampere tensor cores with this FP16 rate: TensorRT rounds FP32 products to TF32 unless told otherwise.
The CUDA cores proper make 128 FP32 multiply-accumulates.

Clocks, TPCs that are switched off (two SM each) and memory clocks are those of nvpmodel's own files in JetPack 6, by board:
p3701-0000 (AGX Orin 64 developer kit), p3701-0004 (AGX Orin 32), p3767-0000 (NX 16), p3767-0003 (Nano 8), `_super` where
there is one, as published in https://github.com/LineageOS/android_device_nvidia_concord/tree/lineage-23.0/nvpmodel; "MAXN" is
the silicon's own limit: 1.30, 0.93, 1.173 and 1.02 GHz. Memory is LPDDR5, two transfers a clock over 256 (AGX) or 128 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

_MACS_PER_SM_AND_CLOCK = {"int8": 2048, "fp16": 1024, "fp32": 512}
PRECISIONS = tuple(_MACS_PER_SM_AND_CLOCK)

# Of the peaks, what whole networks were seen to reach on Orin: convolutions and matrix products in TensorRT.
REACHED_OF_PEAK = {"int8": (0.15, 0.35), "fp16": (0.25, 0.45), "fp32": (0.25, 0.45)}
# Of the memory's nominal rate: an assumption, as no measurement on a board was at hand.
REACHED_OF_BANDWIDTH = (0.60, 0.85)
LAUNCH_US = (5.0, 10.0)  # of each kernel that is launched by itself and not out of a CUDA graph


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerMode:
    """What one power mode leaves of a board."""

    name: str
    n_sm: int
    gpu_hz: float
    memory_hz: float

    def peak_ops_s(self, precision: str) -> float:
        """Return the dense peak in operations a second, two a multiply-accumulate."""
        return 2.0 * _MACS_PER_SM_AND_CLOCK[precision] * self.n_sm * self.gpu_hz


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """One module, its power modes from the fastest to the slowest."""

    name: str
    title: str
    bus_bits: int
    modes: tuple[PowerMode, ...]

    def bandwidth_bytes_s(self, mode: PowerMode) -> float:
        """Return the memory's nominal rate in bytes a second."""
        return 2.0 * mode.memory_hz * self.bus_bits / 8


def _mode(name: str, n_sm: int, gpu_ghz: float, memory_mhz: float = 3200.0) -> PowerMode:
    return PowerMode(name=name, n_sm=n_sm, gpu_hz=gpu_ghz * 1e9, memory_hz=memory_mhz * 1e6)


_BOARDS = (
    Board(
        name="orin-agx-64",
        title="AGX Orin 64 GB",
        bus_bits=256,
        modes=(
            _mode("MAXN", 16, 1.30),
            _mode("50W", 16, 0.816),
            _mode("30W", 8, 0.612),
            _mode("15W", 6, 0.408, 2133.0),
        ),
    ),
    Board(
        name="orin-agx-32",
        title="AGX Orin 32 GB",
        bus_bits=256,
        modes=(
            _mode("MAXN", 14, 0.93),
            _mode("40W", 14, 0.816),
            _mode("30W", 8, 0.612),
            _mode("15W", 6, 0.408, 2133.0),
        ),
    ),
    Board(
        name="orin-nx-16",
        title="Orin NX 16 GB",
        bus_bits=128,
        modes=(
            _mode("MAXN_SUPER", 8, 1.173),
            _mode("MAXN", 8, 0.918),  # before JetPack 6.2
            _mode("25W", 8, 0.408),
            _mode("15W", 4, 0.612),
            _mode("10W", 4, 0.612, 2133.0),
        ),
    ),
    Board(
        name="orin-nano-8",
        title="Orin Nano 8 GB",
        bus_bits=128,
        modes=(_mode("MAXN_SUPER", 8, 1.02), _mode("25W", 8, 0.918), _mode("15W", 8, 0.612, 2133.0)),
    ),
)
BOARDS = {board.name: board for board in _BOARDS}
