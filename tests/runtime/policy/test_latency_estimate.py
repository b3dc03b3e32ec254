"""The latency estimate: no first inference, no outlier, and nothing for ever."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.policy.latency_estimate import LatencyEstimate

MS = 1_000_000


def fed(*durations_ms: int) -> LatencyEstimate:
    """Make an estimate that was told these durations."""
    estimate = LatencyEstimate()
    for duration_ms in durations_ms:
        estimate.add(duration_ms * MS)
    return estimate


def test_the_first_inference_never_enters() -> None:
    assert fed().long_ns == fed().usual_ns == 0
    assert fed(9000).long_ns == fed(9000).usual_ns == 0
    assert fed(9000, 30).long_ns == fed(9000, 30).usual_ns == 30 * MS
    again = fed(9000, 30, 31)
    again.restart()
    again.add(5000 * MS)
    assert again.long_ns == 0
    again.add(20 * MS)
    assert again.long_ns == 20 * MS


def test_one_outlier_changes_little_and_is_forgotten() -> None:
    estimate = fed(9000, *[30, 32, 34] * 5, 800)
    assert (estimate.long_ns, estimate.usual_ns) == (34 * MS, 32 * MS)
    for _ in range(10):
        estimate.add(20 * MS)
    assert estimate.long_ns == estimate.usual_ns == 20 * MS


def test_a_model_that_became_slower_is_known_at_its_second_inference() -> None:
    assert fed(9000, *[30] * 20, 300, 310).long_ns == 300 * MS


@given(st.lists(st.integers(0, 10**12), min_size=3, max_size=40))
def test_it_says_what_was_seen_and_at_most_one_of_the_last_took_longer(durations_ns: list[int]) -> None:
    estimate = LatencyEstimate()
    for duration_ns in durations_ns:
        estimate.add(duration_ns)
    recent = durations_ns[1:][-10:]
    assert estimate.long_ns in recent
    assert estimate.usual_ns in recent
    assert sum(duration_ns > estimate.long_ns for duration_ns in recent) <= 1
