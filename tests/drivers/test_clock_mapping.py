"""Camera stamps onto the monotonic clock: properties, on given numbers."""

from __future__ import annotations

import itertools
import math
from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.clock_mapping import (
    LATE_MAX_NS,
    SETTLED_FRAMES,
    STEP_NS,
    WINDOW_FRAMES,
    WRAP_NS,
    ClockMapping,
    HardwareClock,
    Stamp,
)

MS = 1_000_000
PERIOD_NS = 33_333_333
LATENCY_NS = 20 * MS
AGE_MAX_NS = 500 * MS
EPOCH_NS = 1_795_000_000_000_000_000  # the epoch clock less the monotonic one, of the order it really has
T0_NS = 50_000 * MS


def mapping() -> ClockMapping:
    return ClockMapping(latency_ns=LATENCY_NS, age_max_ns=AGE_MAX_NS)


def global_stamp(t_ns: int, readout_ms: float = 0.0) -> Stamp:
    return Stamp(clock="global", stamp_ms=(t_ns + EPOCH_NS) / 1e6, readout_ms=readout_ms)


def hardware_stamp(counter_ns: int) -> Stamp:
    return Stamp(clock="hardware", stamp_ms=(counter_ns % WRAP_NS) / 1e6, readout_ms=0.0)


@given(t_capture_ns=st.integers(T0_NS, 10**15), delay_ns=st.integers(0, AGE_MAX_NS - 1000))
def test_global_stamp_is_moved_by_the_difference_of_the_host_clocks(t_capture_ns: int, delay_ns: int) -> None:
    clock = mapping()
    mapped_ns = clock.capture_ns(global_stamp(t_capture_ns), t_capture_ns + delay_ns, EPOCH_NS)
    assert abs(mapped_ns - t_capture_ns) < 1000  # a double of epoch milliseconds resolves a quarter of a microsecond
    assert (clock.clock, clock.rejected) == ("global", 0)


def test_capture_is_mid_exposure_not_readout() -> None:
    mapped_ns = mapping().capture_ns(global_stamp(T0_NS, readout_ms=8.0), T0_NS + 10 * MS, EPOCH_NS)
    assert mapped_ns == pytest.approx(T0_NS - 8 * MS, abs=1000)


def test_system_stamp_is_an_arrival_and_reported_as_one() -> None:
    clock = mapping()
    stamp = Stamp(clock="system", stamp_ms=(T0_NS + EPOCH_NS) / 1e6, readout_ms=0.0)
    assert clock.capture_ns(stamp, T0_NS + 3 * MS, EPOCH_NS) == pytest.approx(T0_NS - LATENCY_NS, abs=1000)
    assert (clock.clock, clock.rejected) == ("arrival", 0)


@pytest.mark.parametrize(
    ("what", "offset_ns"),
    [("future", 5 * MS), ("late", -AGE_MAX_NS - 5 * MS), ("two seconds off, as bad probes are", 2000 * MS)],
)
def test_stamp_that_cannot_be_right_is_counted_and_replaced(what: str, offset_ns: int) -> None:
    clock = mapping()
    mapped_ns = clock.capture_ns(global_stamp(T0_NS + offset_ns), T0_NS, EPOCH_NS)
    assert (mapped_ns, clock.rejected, clock.clock) == (T0_NS - LATENCY_NS, 1, "arrival"), what
    # And the next good one is believed again.
    t_next_ns = T0_NS + PERIOD_NS
    assert clock.capture_ns(global_stamp(t_next_ns - LATENCY_NS), t_next_ns, EPOCH_NS) == pytest.approx(
        t_next_ns - LATENCY_NS, abs=1000
    )
    assert (clock.rejected, clock.clock) == (1, "global")


def test_global_stamp_that_runs_back_is_rejected() -> None:
    clock = mapping()
    clock.capture_ns(global_stamp(T0_NS - 10 * MS), T0_NS, EPOCH_NS)
    clock.capture_ns(global_stamp(T0_NS - 11 * MS), T0_NS + PERIOD_NS, EPOCH_NS)
    assert clock.rejected == 1


@pytest.mark.parametrize("step_ns", [3600 * 10**9, -3600 * 10**9])
def test_host_clock_set_while_running_is_harmless_once_librealsense_follows(step_ns: int) -> None:
    clock = mapping()
    for k, epoch_ns in enumerate([EPOCH_NS, EPOCH_NS, EPOCH_NS + step_ns, EPOCH_NS + step_ns]):
        t_ns = T0_NS + k * PERIOD_NS
        stamp = Stamp(clock="global", stamp_ms=(t_ns - LATENCY_NS + epoch_ns) / 1e6, readout_ms=0.0)
        assert clock.capture_ns(stamp, t_ns, epoch_ns) == pytest.approx(t_ns - LATENCY_NS, abs=1000)
    assert clock.rejected == 0


STAMPS = st.builds(
    Stamp,
    clock=st.sampled_from(["global", "system", "hardware"]),
    stamp_ms=st.one_of(st.floats(), st.floats(EPOCH_NS / 1e6, EPOCH_NS / 1e6 + 1e6)),
    readout_ms=st.floats(0, 200),
)


@given(frames=st.lists(st.tuples(STAMPS, st.integers(1, 10**10)), min_size=1, max_size=40))
@example(frames=[(Stamp(clock="global", stamp_ms=math.nan, readout_ms=0.0), 1)])
@example(frames=[(Stamp(clock="hardware", stamp_ms=1e302, readout_ms=0.0), 1)])
def test_whatever_the_camera_says_time_rises_and_is_never_in_the_future(frames: list[tuple[Stamp, int]]) -> None:
    clock = mapping()
    t_arrival_ns, mapped_ns = T0_NS, list[int]()
    for stamp, gap_ns in frames:
        t_arrival_ns += gap_ns
        mapped_ns.append(clock.capture_ns(stamp, t_arrival_ns, EPOCH_NS))
        assert t_arrival_ns - max(AGE_MAX_NS, LATENCY_NS, LATE_MAX_NS) <= mapped_ns[-1] <= t_arrival_ns
    assert all(a < b for a, b in itertools.pairwise(mapped_ns))
    assert 0 <= clock.rejected <= len(frames)


@given(
    start_ns=st.integers(0, WRAP_NS - 1),
    drift_ppm=st.floats(-50, 50),
    waits_ns=st.lists(st.integers(0, 30 * MS), min_size=30, max_size=400),
)
@example(start_ns=WRAP_NS - 10 * PERIOD_NS, drift_ppm=50.0, waits_ns=[7 * MS] * 29 + [0] * 31)
def test_hardware_clock_finds_the_least_delayed_frame_through_drift_and_wrap(
    start_ns: int, drift_ppm: float, waits_ns: list[int]
) -> None:
    clock = mapping()
    for k, wait_ns in enumerate(waits_ns):
        t_capture_ns = T0_NS + k * PERIOD_NS
        counter_ns = start_ns + round(k * PERIOD_NS * (1 + drift_ppm * 1e-6))
        mapped_ns = clock.capture_ns(hardware_stamp(counter_ns), t_capture_ns + LATENCY_NS + wait_ns, EPOCH_NS)
        least_wait_ns = min(waits_ns[max(0, k - WINDOW_FRAMES + 1) : k + 1])
        assert abs(mapped_ns - t_capture_ns - least_wait_ns) < 0.5 * MS
    assert (clock.rejected, clock.clock) == (0, "hardware")


@pytest.mark.parametrize("silence_ns", [10 * 10**9, WRAP_NS - PERIOD_NS, WRAP_NS, 3 * WRAP_NS + 17])
def test_hardware_clock_survives_silence_of_any_length(silence_ns: int) -> None:
    clock = mapping()
    for t_capture_ns in (T0_NS, T0_NS + silence_ns, T0_NS + silence_ns + PERIOD_NS):
        mapped_ns = clock.capture_ns(hardware_stamp(t_capture_ns), t_capture_ns + LATENCY_NS, EPOCH_NS)
        assert mapped_ns == pytest.approx(t_capture_ns, abs=1000)
    assert clock.rejected == 0


def test_counter_reset_by_the_camera_costs_one_stamp() -> None:
    clock = mapping()
    counters_ns = [T0_NS + k * PERIOD_NS for k in range(5)] + [k * PERIOD_NS for k in range(5)]
    for k, counter_ns in enumerate(counters_ns):
        t_capture_ns = T0_NS + k * PERIOD_NS
        mapped_ns = clock.capture_ns(hardware_stamp(counter_ns), t_capture_ns + LATENCY_NS, EPOCH_NS)
        assert mapped_ns == pytest.approx(t_capture_ns, abs=1000)
    assert clock.rejected == 1


def test_counter_that_stands_still_is_rejected() -> None:
    clock = HardwareClock()
    assert clock.arrival_ns(1000, T0_NS) == T0_NS
    assert clock.arrival_ns(1000, T0_NS + PERIOD_NS) is None


RECOVERY_FRAMES = 3 * SETTLED_FRAMES


def stamp_of(clock: Literal["global", "hardware"], t_device_ns: int) -> Stamp:
    return global_stamp(t_device_ns) if clock == "global" else hardware_stamp(t_device_ns)


def run_on(
    mapped: ClockMapping,
    clock: Literal["global", "hardware"],
    frames: range,
    *,
    step_ns: int = 0,
    jitter_ms: tuple[int, ...] = (0,),
) -> list[int]:
    """Let frames come whose camera's clock is off by `step_ns`; return by how much each mapped instant is off."""
    errors_ns = list[int]()
    for k in frames:
        t_capture_ns = T0_NS + k * PERIOD_NS
        t_arrival_ns = t_capture_ns + LATENCY_NS + jitter_ms[k % len(jitter_ms)] * MS
        errors_ns.append(
            mapped.capture_ns(stamp_of(clock, t_capture_ns + step_ns), t_arrival_ns, EPOCH_NS) - t_capture_ns
        )
    return errors_ns


@pytest.mark.parametrize("clock", ["global", "hardware"])
@given(
    step_ns=st.one_of(st.integers(-(10**15), -AGE_MAX_NS), st.integers(LATENCY_NS + 20 * MS, 10**15)),
    before=st.integers(1, 300),
    jitter_ms=st.lists(st.integers(0, 15), min_size=1, max_size=50).map(tuple),
)
@example(step_ns=AGE_MAX_NS, before=300, jitter_ms=(0,))
@example(step_ns=-AGE_MAX_NS, before=300, jitter_ms=(0,))
@example(step_ns=-(10**9) + 1, before=300, jitter_ms=(0,))
@example(step_ns=5 * 10**9, before=300, jitter_ms=(0,))
@example(step_ns=-5 * 10**9, before=300, jitter_ms=(0,))
def test_a_clock_that_steps_for_good_is_believed_again_in_bounded_time(
    clock: Literal["global", "hardware"], step_ns: int, before: int, jitter_ms: tuple[int, ...]
) -> None:
    mapped = mapping()
    run_on(mapped, clock, range(before), jitter_ms=jitter_ms)
    recovering = range(before, before + RECOVERY_FRAMES)
    errors_ns = run_on(mapped, clock, recovering, step_ns=step_ns, jitter_ms=jitter_ms)
    # Meanwhile no frame is taken for younger than its arrival, nor for more than the late ones are.
    assert all(-LATE_MAX_NS - LATENCY_NS <= error_ns <= LATENCY_NS + 15 * MS for error_ns in errors_ns)
    rejected = mapped.rejected
    after = range(recovering.stop, recovering.stop + 200)
    errors_ns = run_on(mapped, clock, after, step_ns=step_ns, jitter_ms=jitter_ms)
    assert (mapped.rejected, mapped.clock) == (rejected, "remapped" if clock == "global" else "hardware")
    assert all(abs(error_ns) <= 20 * MS for error_ns in errors_ns)


@given(step_ns=st.integers(-AGE_MAX_NS, -1), before=st.integers(1, 300))
def test_a_small_step_back_of_a_hardware_clock_counts_as_late_for_a_while(step_ns: int, before: int) -> None:
    mapped = mapping()
    run_on(mapped, "hardware", range(before))
    errors_ns = run_on(mapped, "hardware", range(before, before + WINDOW_FRAMES + RECOVERY_FRAMES), step_ns=step_ns)
    assert all(-STEP_NS <= error_ns <= LATENCY_NS for error_ns in errors_ns[RECOVERY_FRAMES:])
    assert errors_ns[-1] == pytest.approx(0, abs=1000)


@pytest.mark.parametrize("step_ns", [600 * MS, -600 * MS, 5 * 10**9, -5 * 10**9])
def test_a_clock_that_comes_right_again_is_believed_as_it_is(step_ns: int) -> None:
    mapped = mapping()
    run_on(mapped, "global", range(50))
    run_on(mapped, "global", range(50, 100), step_ns=step_ns)
    assert mapped.clock == "remapped"
    errors_ns = run_on(mapped, "global", range(100, 150))
    assert mapped.clock == "global"
    assert errors_ns[-1] == pytest.approx(0, abs=1000)


@pytest.mark.parametrize("clock", ["global", "hardware"])
@pytest.mark.parametrize("glitch_ns", [50 * MS, 300 * MS, 900 * MS, 3 * 10**9, -300 * MS, -3 * 10**9])
def test_one_wrong_stamp_does_no_lasting_harm(clock: Literal["global", "hardware"], glitch_ns: int) -> None:
    mapped = mapping()
    run_on(mapped, clock, range(100))
    run_on(mapped, clock, range(100, 101), step_ns=glitch_ns)
    errors_ns = run_on(mapped, clock, range(101, 101 + WINDOW_FRAMES + RECOVERY_FRAMES))
    # A leap ahead by less than STEP_NS cannot be told from a frame that waited less than all others.
    assert all(-STEP_NS <= error_ns <= LATENCY_NS for error_ns in errors_ns[RECOVERY_FRAMES:])
    assert errors_ns[-1] == pytest.approx(0, abs=1000)
    assert mapped.rejected <= RECOVERY_FRAMES
    assert mapped.clock == clock


@pytest.mark.parametrize("clock", ["global", "hardware"])
@pytest.mark.parametrize("late_ms", [300, 600, 900])
def test_frames_that_are_late_are_not_taken_for_fresh(clock: Literal["global", "hardware"], late_ms: int) -> None:
    mapped = mapping()
    run_on(mapped, clock, range(100))
    t_capture_ns = T0_NS + 100 * PERIOD_NS
    t_arrival_ns = t_capture_ns + LATENCY_NS + late_ms * MS
    mapped_ns = mapped.capture_ns(stamp_of(clock, t_capture_ns), t_arrival_ns, EPOCH_NS)
    assert mapped_ns == pytest.approx(t_capture_ns, abs=1000)
    assert mapped.rejected == 0
